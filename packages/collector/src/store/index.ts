export { StoreConfig } from "./config.js";
export type { EngineStatus } from "./engine/supervisor.js";
export type { LogFilter, LogPage, LogSearch, StoredLog } from "./logs/log.js";
export type { TailBatch } from "./logs/log-tail.js";
export type { DiskUsage } from "./retention.js";
export { type CopySource, Store, type StoreOptions, type StoreStatus } from "./store.js";
export type {
  StoredSpan,
  StoredTrace,
  TraceFilter,
  TracePage,
  TraceSummary,
} from "./traces/trace.js";
