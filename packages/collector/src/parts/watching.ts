/** The code of `Parts.watch`, which a collector loads as one or not at all. */
export { createMemory, createSeriesGate, startHead } from "./memory.js";
export { createWatch } from "./watch.js";
export { createWatchApi } from "./watch-api.js";
