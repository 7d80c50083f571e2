export {
  attributeKey,
  attributeNamed,
  attributeNumber,
  attributeOf,
  attributeText,
  attributeValue,
  hexAt,
  nanosAt,
  textAt,
  valueAt,
  valueText,
} from "./accessors.js";
export {
  type AttributeTable,
  type DecodeOptions,
  type EventTable,
  type ExemplarTable,
  type LinkTable,
  type LogColumns,
  type MetricColumns,
  type MetricKind,
  type OtlpAttribute,
  type OtlpColumns,
  type OtlpMetric,
  type OtlpResource,
  type OtlpScope,
  type OtlpSignal,
  type OtlpValue,
  type SpanColumns,
  type Temporality,
  ValueKind,
  type WantedKeys,
} from "./columns.js";
export { decodeLogs } from "./decode-logs.js";
export { decodeMetrics } from "./decode-metrics.js";
export { decodeTraces } from "./decode-traces.js";
export { otlpJsonToProtobuf } from "./json.js";
export { type RequestSummary, validateRequest } from "./validate.js";
export { wantedKeys } from "./wanted-keys.js";
