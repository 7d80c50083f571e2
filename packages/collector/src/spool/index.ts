export {
  comparePositions,
  type Settlement,
  type SpoolBatch,
  type SpoolConsumer,
  type SpoolPosition,
  type SpoolRecord,
  type SpoolSignal,
} from "./record.js";
export { Spool, type SpoolOptions, type SpoolStatus } from "./spool.js";
export { steadyCommit } from "./steady-commit.js";
