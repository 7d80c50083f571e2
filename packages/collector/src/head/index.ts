export { HeadConfig } from "./config.js";
export type { Exemplar } from "./exemplar-store.js";
export {
  type AppendResult,
  Head,
  type HeadSample,
} from "./head.js";
export { HeadConsumer, type HeadConsumerDeps, type HeadConsumerOptions } from "./head-consumer.js";
export type { DropReason } from "./head-metrics.js";
export type { HeadDeps, HeadOptions, HeadStatus } from "./head-options.js";
export type { MetricMetadata, MetricType } from "./metadata.js";
export { refusedPoints } from "./otlp/refused-points.js";
export type { HeadSeries } from "./series.js";
