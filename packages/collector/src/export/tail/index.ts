export type { TailConfig } from "./config.js";
export { DecidedConsumer } from "./decided-consumer.js";
export { DecisionBook } from "./decision-book.js";
export { TailSampler } from "./sampler.js";
