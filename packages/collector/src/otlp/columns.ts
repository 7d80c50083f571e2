/**
 * The forms in which the rest of the collector sees OTLP data.
 *
 * A decoded request is a set of columns over the request's own bytes. Strings, ids and values are *slices*: a
 * start and an end offset into `bytes`, read only by those who need them (`accessors.ts`). An offset of 0 means
 * "absent": no field value can begin at the first byte of a request. Typed arrays may be longer than the number of
 * rows; the counts (`rowCount`, `pointCount`, …) tell what is filled.
 *
 * Columns keep `bytes` alive and never change after they are returned.
 *
 * @see OpenTelemetry protocol, opentelemetry/proto/{trace,logs,metrics,common,resource}/v1.
 */

/** The three signals of OTLP, as the spool and the receivers name them. */
export type OtlpSignal = "traces" | "metrics" | "logs";

/** Which member of AnyValue is set; the numbers are the field numbers of the specification, 0 is an empty value. */
export const ValueKind = {
  empty: 0,
  string: 1,
  bool: 2,
  int: 3,
  double: 4,
  array: 5,
  kvlist: 6,
  bytes: 7,
} as const;
export type ValueKind = (typeof ValueKind)[keyof typeof ValueKind];

/** An AnyValue as a JavaScript value: integers beyond 2^53 are bigint, a kvlist is an object without prototype. */
export type OtlpValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | readonly OtlpValue[]
  | { readonly [key: string]: OtlpValue };

export interface OtlpAttribute {
  readonly key: string;
  readonly value: OtlpValue;
}

/** One Resource of the request. A request has few, so its texts are decoded at once. */
export interface OtlpResource {
  /** `service.name`; "unknown_service" where the sender gave none, as the SDKs say it. */
  readonly serviceName: string;
  /** `service.version`, or "". */
  readonly serviceVersion: string;
  /** `deployment.environment.name`, else the older `deployment.environment`, or "". */
  readonly environment: string;
  /** `service.namespace`, or "". */
  readonly serviceNamespace: string;
  /** `service.instance.id`, or "". */
  readonly serviceInstanceId: string;
  readonly schemaUrl: string;
  /** All attributes in the order sent. Decoded on first use. */
  readonly attributes: readonly OtlpAttribute[];
}

/** One instrumentation scope under one resource. */
export interface OtlpScope {
  readonly name: string;
  readonly version: string;
  readonly schemaUrl: string;
  /** Index in `resources`. */
  readonly resource: number;
  readonly attributes: readonly OtlpAttribute[];
}

/**
 * Attributes of many rows, flattened: row `r` owns the entries `first[r]` to `first[r + 1] - 1`.
 * Read values with `attributeText`, `attributeNumber`, `attributeValue` of `accessors.ts`.
 */
export interface AttributeTable {
  readonly bytes: Buffer;
  readonly first: Uint32Array;
  readonly keyStart: Uint32Array;
  readonly keyEnd: Uint32Array;
  /** Index of the key in the wanted keys; -1 when decoded with `attributes: "all"`. */
  readonly keyId: Int16Array;
  /** A `ValueKind`. */
  readonly valueKind: Uint8Array;
  /** string, bytes, array, kvlist: the slice of the value. bool, int: where its varint begins. double: its 8 bytes. */
  readonly valueStart: Uint32Array;
  readonly valueEnd: Uint32Array;
}

/** What every kind of decoded request has. */
export interface OtlpColumns {
  readonly bytes: Buffer;
  readonly resources: readonly OtlpResource[];
  readonly scopes: readonly OtlpScope[];
  /** Items the decoder left out because the specification calls them invalid (see `rejectedReason`). */
  readonly rejectedCount: number;
  /** Why the first of them was left out, for `partial_success.error_message`; "" when none was. */
  readonly rejectedReason: string;
}

/** Spans of one request. Spans without a valid trace id (16 bytes, not all zero) or span id (8) are left out. */
export interface SpanColumns extends OtlpColumns {
  readonly signal: "traces";
  readonly rowCount: number;
  /** Index in `scopes`, which names the resource. */
  readonly scope: Uint32Array;
  /** Offset of the 16 bytes. */
  readonly traceId: Uint32Array;
  /** Offset of the 8 bytes. */
  readonly spanId: Uint32Array;
  /** Offset of the 8 bytes; 0 for a root span. */
  readonly parentSpanId: Uint32Array;
  readonly traceStateStart: Uint32Array;
  readonly traceStateEnd: Uint32Array;
  readonly nameStart: Uint32Array;
  readonly nameEnd: Uint32Array;
  /** 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: Uint8Array;
  /** W3C trace flags in the low 8 bits, then has-is-remote and is-remote. */
  readonly flags: Uint32Array;
  /** Offset of the fixed64 nanoseconds since the epoch, for exact copies; 0 when absent. */
  readonly startTime: Uint32Array;
  readonly endTime: Uint32Array;
  /** The same instants in milliseconds (UnixMs with fraction); 0 when absent. */
  readonly startTimeMs: Float64Array;
  readonly endTimeMs: Float64Array;
  /** End minus start, exact to the nanosecond below 104 days; never negative. */
  readonly durationNanos: Float64Array;
  /** 0 unset, 1 ok, 2 error. */
  readonly statusCode: Uint8Array;
  readonly statusMessageStart: Uint32Array;
  readonly statusMessageEnd: Uint32Array;
  readonly attributes: AttributeTable;
  readonly droppedAttributesCount: Uint32Array;
  readonly events: EventTable;
  readonly links: LinkTable;
}

/** Events of spans: span `r` owns the entries `first[r]` to `first[r + 1] - 1`; empty unless asked for. */
export interface EventTable {
  readonly first: Uint32Array;
  readonly count: number;
  /** Offset of the fixed64 nanoseconds; 0 when absent. */
  readonly time: Uint32Array;
  readonly timeMs: Float64Array;
  readonly nameStart: Uint32Array;
  readonly nameEnd: Uint32Array;
  /** Row `e` of this table is event `e`. */
  readonly attributes: AttributeTable;
}

/** Links of spans: span `r` owns the entries `first[r]` to `first[r + 1] - 1`; empty unless asked for. */
export interface LinkTable {
  readonly first: Uint32Array;
  readonly count: number;
  readonly traceId: Uint32Array;
  readonly spanId: Uint32Array;
  readonly traceStateStart: Uint32Array;
  readonly traceStateEnd: Uint32Array;
  readonly attributes: AttributeTable;
}

/** Log records of one request. A trace or span id of the wrong length, or all zero, counts as absent. */
export interface LogColumns extends OtlpColumns {
  readonly signal: "logs";
  readonly rowCount: number;
  readonly scope: Uint32Array;
  /** Offset of the fixed64 nanoseconds; 0 when absent (then use the observed time). */
  readonly time: Uint32Array;
  readonly observedTime: Uint32Array;
  /** `time`, else `observedTime`, in milliseconds; 0 when both are absent. */
  readonly timeMs: Float64Array;
  /** 0 unspecified, 1–4 trace, 5–8 debug, 9–12 info, 13–16 warn, 17–20 error, 21–24 fatal. */
  readonly severityNumber: Uint8Array;
  readonly severityTextStart: Uint32Array;
  readonly severityTextEnd: Uint32Array;
  /** A `ValueKind`; read the body with `valueText(bytes, kind, start, end)`. */
  readonly bodyKind: Uint8Array;
  readonly bodyStart: Uint32Array;
  readonly bodyEnd: Uint32Array;
  readonly eventNameStart: Uint32Array;
  readonly eventNameEnd: Uint32Array;
  /** Offset of the 16 bytes; 0 when absent. */
  readonly traceId: Uint32Array;
  /** Offset of the 8 bytes; 0 when absent. */
  readonly spanId: Uint32Array;
  readonly flags: Uint32Array;
  readonly attributes: AttributeTable;
  readonly droppedAttributesCount: Uint32Array;
}

export type MetricKind = "gauge" | "sum" | "histogram" | "exponentialHistogram" | "summary";

/** How points of a sum or histogram relate in time; "unspecified" for gauges and summaries. */
export type Temporality = "unspecified" | "delta" | "cumulative";

/** One Metric of the request; it owns the points `firstPoint` to `firstPoint + pointCount - 1`. */
export interface OtlpMetric {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  readonly kind: MetricKind;
  readonly temporality: Temporality;
  /** Only sums can be monotonic. */
  readonly isMonotonic: boolean;
  /** Index in `scopes`, which names the resource. */
  readonly scope: number;
  /** Index in `resources`. */
  readonly resource: number;
  readonly firstPoint: number;
  readonly pointCount: number;
}

/** Points of one metrics request. Columns that do not belong to a metric's kind hold 0 (or NaN where said). */
export interface MetricColumns extends OtlpColumns {
  readonly signal: "metrics";
  readonly metrics: readonly OtlpMetric[];
  readonly pointCount: number;
  /** Index in `metrics`. */
  readonly metric: Uint32Array;
  /** Offset of the fixed64 nanoseconds; 0 when absent. */
  readonly startTime: Uint32Array;
  readonly time: Uint32Array;
  readonly startTimeMs: Float64Array;
  readonly timeMs: Float64Array;
  /** Bit 0: no recorded value (a staleness mark). */
  readonly flags: Uint32Array;
  /** Gauge and sum: the number (integers beyond 2^53 are rounded); NaN when no value was sent. */
  readonly value: Float64Array;
  /** Gauge and sum: whether the sender sent an integer. */
  readonly isInteger: Uint8Array;
  /** Histograms and summaries: number of observations. */
  readonly count: Float64Array;
  /** Histograms and summaries: sum, minimum, maximum of observations; NaN when not sent. */
  readonly sum: Float64Array;
  readonly min: Float64Array;
  readonly max: Float64Array;
  /** Histogram: entries `bucketFirst[p]` to `bucketFirst[p + 1] - 1` of `bucketCounts`: per bucket, not cumulative. */
  readonly bucketFirst: Uint32Array;
  /**
   * Counts of explicit buckets, and of exponential ones: there the `positiveCount[p]` entries of the positive
   * range come first, then those of the negative range.
   */
  readonly bucketCounts: Float64Array;
  /** Histogram: entries `boundFirst[p]` to `boundFirst[p + 1] - 1` of `bounds`, one fewer than buckets. */
  readonly boundFirst: Uint32Array;
  /** Upper bounds (inclusive) of explicit buckets; the last bucket has none. */
  readonly bounds: Float64Array;
  /** Exponential histogram: base = 2^(2^-scale). */
  readonly scale: Int32Array;
  readonly zeroCount: Float64Array;
  readonly zeroThreshold: Float64Array;
  /** Exponential histogram: index of the first positive bucket; bucket i covers (base^i, base^(i+1)]. */
  readonly positiveOffset: Int32Array;
  /** Exponential histogram: how many of the point's `bucketCounts` are positive buckets. */
  readonly positiveCount: Uint32Array;
  readonly negativeOffset: Int32Array;
  /** Summary: entries `quantileFirst[p]` to `quantileFirst[p + 1] - 1` of `quantiles` and `quantileValues`. */
  readonly quantileFirst: Uint32Array;
  /** 0 to 1. */
  readonly quantiles: Float64Array;
  readonly quantileValues: Float64Array;
  readonly attributes: AttributeTable;
  readonly exemplars: ExemplarTable;
}

/** Exemplars of points: point `p` owns the entries `first[p]` to `first[p + 1] - 1`; empty unless asked for. */
export interface ExemplarTable {
  readonly first: Uint32Array;
  readonly count: number;
  readonly time: Uint32Array;
  readonly timeMs: Float64Array;
  readonly value: Float64Array;
  /** Offset of the 16 bytes; 0 when absent. */
  readonly traceId: Uint32Array;
  /** Offset of the 8 bytes; 0 when absent. */
  readonly spanId: Uint32Array;
  readonly attributes: AttributeTable;
}

/** Keys to look for, prepared once by `wantedKeys(["http.route", …])` and compared as bytes. */
export interface WantedKeys {
  /** `keyId` of an attribute is an index in this list. */
  readonly keys: readonly string[];
}

/** What to read; what is not asked for is skipped at the speed of the wire. */
export interface DecodeOptions {
  /** Attributes of spans, log records and points: all (default), none, or those with wanted keys. */
  readonly attributes?: "all" | "none" | WantedKeys;
  /** Span events with their attributes. Default true. */
  readonly events?: boolean;
  /** Span links with their attributes. Default true. */
  readonly links?: boolean;
  /** Exemplars of metric points. Default true. */
  readonly exemplars?: boolean;
}
