export { Engine, type EngineOptions } from "./engine/engine.js";
export type { Feature } from "./engine/features.js";
export { PromQLError, type PromQLErrorCode, type PromQLErrorKind, type TextRange } from "./errors.js";
export {
  type Bucket,
  type BucketRun,
  bucketsOf,
  type CounterResetHint,
  CUSTOM_BUCKETS_SCHEMA,
  type Histogram,
} from "./histogram/histogram.js";
export { isReset, withResetHint } from "./histogram/reset.js";
export { createMatcher, type Matcher, type MatchOperator, matchesAll } from "./matcher.js";
export { MemoryStorage, type SampleValue } from "./memory-storage.js";
export type { Queryable, QueryOptions } from "./queryable.js";
export {
  type Annotations,
  type InstantResult,
  type MatrixJson,
  MatrixResult,
  type MatrixSeries,
  NO_ANNOTATIONS,
  type PointJson,
  type RangeResult,
  type ResultJson,
  type ScalarJson,
  ScalarResult,
  type StringJson,
  StringResult,
  type VectorJson,
  VectorResult,
  type VectorSample,
} from "./result.js";
export { formatExponent, formatFloat, type HistogramJson, histogramToJson } from "./result-json.js";
export { SampleBuffer } from "./sample-buffer.js";
export { bitsOf, isStaleAt, STALE_MARKER, setStaleAt } from "./stale.js";
export type { Querier, SelectHints, Series, Storage } from "./storage.js";
export { childrenOf, type Expression, type ValueType, type VectorSelector, walk } from "./syntax/ast.js";
export { valueType } from "./syntax/check.js";
export { format } from "./syntax/format.js";
export { FUNCTION_NAMES, type FunctionSignature, functionSignature } from "./syntax/function-signatures.js";
export { parse } from "./syntax/parse.js";
export { print } from "./syntax/print.js";
