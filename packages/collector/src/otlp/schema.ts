/**
 * The messages of OTLP as data: names, field numbers and types, as the specification's .proto files give them.
 * The JSON reader, the validator and the rewriter walk these tables; the decoders of the hot path are written out.
 *
 * @see OpenTelemetry protocol 1.x, opentelemetry/proto.
 */
import type { OtlpSignal } from "./columns.js";

export type ScalarType =
  | "string"
  | "bool"
  | "double"
  | "int64"
  | "uint64"
  | "int32"
  | "uint32"
  | "sint32"
  | "fixed32"
  | "fixed64"
  | "sfixed64"
  /** base64 in JSON */
  | "bytes"
  /** trace and span ids: bytes that OTLP/JSON writes in hex */
  | "hex";

export interface Field {
  /** lowerCamelCase, as OTLP/JSON writes it. */
  readonly name: string;
  readonly number: number;
  readonly type: ScalarType | "message" | "enum";
  readonly repeated: boolean;
  /** Of a field of type message. */
  readonly message?: Message;
  /** Of a field of type enum: names → numbers. */
  readonly values?: Readonly<Record<string, number>>;
}

/** What the rewriter and the validator need to know a message by. */
export type Role = "resource" | "scope" | "item" | "metric" | "keyValue" | "anyValue" | "other";

export class Message {
  readonly name: string;
  readonly role: Role;
  /** By field number. */
  readonly fields: (Field | undefined)[] = [];
  /** By lowerCamelCase and by snake_case name. */
  readonly byName = new Map<string, Field>();

  constructor(name: string, role: Role = "other") {
    this.name = name;
    this.role = role;
  }

  /** Adds fields written as `number name type`; `*` after the type repeats it. */
  has(spec: string, messages: Readonly<Record<string, Message>> = {}, enums: Enums = {}): this {
    for (const line of spec.trim().split("\n")) {
      const [number, name, typeName] = line.trim().split(/\s+/);
      const repeated = typeName.endsWith("*");
      const type = repeated ? typeName.slice(0, -1) : typeName;
      const message = messages[type];
      const values = enums[type];
      const field: Field = {
        name,
        number: Number(number),
        type: message ? "message" : values ? "enum" : (type as ScalarType),
        repeated,
        message,
        values,
      };
      this.fields[field.number] = field;
      this.byName.set(name, field);
      this.byName.set(
        name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
        field,
      );
    }
    // No holes, so that the look-up by number stays one indexed load.
    for (let index = 0; index < this.fields.length; index++) this.fields[index] ??= undefined;
    return this;
  }
}

type Enums = Readonly<Record<string, Readonly<Record<string, number>>>>;

const anyValue = new Message("AnyValue", "anyValue");
const keyValue = new Message("KeyValue", "keyValue").has("1 key string\n2 value AnyValue", {
  AnyValue: anyValue,
});
const arrayValue = new Message("ArrayValue").has("1 values AnyValue*", { AnyValue: anyValue });
const keyValueList = new Message("KeyValueList").has("1 values KeyValue*", { KeyValue: keyValue });
anyValue.has(
  `1 stringValue string
   2 boolValue bool
   3 intValue int64
   4 doubleValue double
   5 arrayValue ArrayValue
   6 kvlistValue KeyValueList
   7 bytesValue bytes`,
  { ArrayValue: arrayValue, KeyValueList: keyValueList },
);

const resource = new Message("Resource", "resource").has(
  "1 attributes KeyValue*\n2 droppedAttributesCount uint32",
  { KeyValue: keyValue },
);
const scope = new Message("InstrumentationScope", "scope").has(
  "1 name string\n2 version string\n3 attributes KeyValue*\n4 droppedAttributesCount uint32",
  { KeyValue: keyValue },
);

const SPAN_KIND = {
  SPAN_KIND_UNSPECIFIED: 0,
  SPAN_KIND_INTERNAL: 1,
  SPAN_KIND_SERVER: 2,
  SPAN_KIND_CLIENT: 3,
  SPAN_KIND_PRODUCER: 4,
  SPAN_KIND_CONSUMER: 5,
};
const STATUS_CODE = { STATUS_CODE_UNSET: 0, STATUS_CODE_OK: 1, STATUS_CODE_ERROR: 2 };
const TEMPORALITY = {
  AGGREGATION_TEMPORALITY_UNSPECIFIED: 0,
  AGGREGATION_TEMPORALITY_DELTA: 1,
  AGGREGATION_TEMPORALITY_CUMULATIVE: 2,
};
const SEVERITY: Record<string, number> = { SEVERITY_NUMBER_UNSPECIFIED: 0 };
["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"].forEach((level, group) => {
  for (let step = 0; step < 4; step++) {
    SEVERITY[`SEVERITY_NUMBER_${level}${step === 0 ? "" : step + 1}`] = group * 4 + step + 1;
  }
});

const event = new Message("Event").has(
  "1 timeUnixNano fixed64\n2 name string\n3 attributes KeyValue*\n4 droppedAttributesCount uint32",
  { KeyValue: keyValue },
);
const link = new Message("Link").has(
  `1 traceId hex
   2 spanId hex
   3 traceState string
   4 attributes KeyValue*
   5 droppedAttributesCount uint32
   6 flags fixed32`,
  { KeyValue: keyValue },
);
const status = new Message("Status").has(
  "2 message string\n3 code StatusCode",
  {},
  { StatusCode: STATUS_CODE },
);
const span = new Message("Span", "item").has(
  `1 traceId hex
   2 spanId hex
   3 traceState string
   4 parentSpanId hex
   5 name string
   6 kind SpanKind
   7 startTimeUnixNano fixed64
   8 endTimeUnixNano fixed64
   9 attributes KeyValue*
   10 droppedAttributesCount uint32
   11 events Event*
   12 droppedEventsCount uint32
   13 links Link*
   14 droppedLinksCount uint32
   15 status Status
   16 flags fixed32`,
  { KeyValue: keyValue, Event: event, Link: link, Status: status },
  { SpanKind: SPAN_KIND },
);

const logRecord = new Message("LogRecord", "item").has(
  `1 timeUnixNano fixed64
   2 severityNumber SeverityNumber
   3 severityText string
   5 body AnyValue
   6 attributes KeyValue*
   7 droppedAttributesCount uint32
   8 flags fixed32
   9 traceId hex
   10 spanId hex
   11 observedTimeUnixNano fixed64
   12 eventName string`,
  { KeyValue: keyValue, AnyValue: anyValue },
  { SeverityNumber: SEVERITY },
);

const exemplar = new Message("Exemplar").has(
  `2 timeUnixNano fixed64
   3 asDouble double
   4 spanId hex
   5 traceId hex
   6 asInt sfixed64
   7 filteredAttributes KeyValue*`,
  { KeyValue: keyValue },
);
const numberPoint = new Message("NumberDataPoint", "item").has(
  `2 startTimeUnixNano fixed64
   3 timeUnixNano fixed64
   4 asDouble double
   5 exemplars Exemplar*
   6 asInt sfixed64
   7 attributes KeyValue*
   8 flags uint32`,
  { KeyValue: keyValue, Exemplar: exemplar },
);
const histogramPoint = new Message("HistogramDataPoint", "item").has(
  `2 startTimeUnixNano fixed64
   3 timeUnixNano fixed64
   4 count fixed64
   5 sum double
   6 bucketCounts fixed64*
   7 explicitBounds double*
   8 exemplars Exemplar*
   9 attributes KeyValue*
   10 flags uint32
   11 min double
   12 max double`,
  { KeyValue: keyValue, Exemplar: exemplar },
);
const buckets = new Message("Buckets").has("1 offset sint32\n2 bucketCounts uint64*");
const exponentialPoint = new Message("ExponentialHistogramDataPoint", "item").has(
  `1 attributes KeyValue*
   2 startTimeUnixNano fixed64
   3 timeUnixNano fixed64
   4 count fixed64
   5 sum double
   6 scale sint32
   7 zeroCount fixed64
   8 positive Buckets
   9 negative Buckets
   10 flags uint32
   11 exemplars Exemplar*
   12 min double
   13 max double
   14 zeroThreshold double`,
  { KeyValue: keyValue, Exemplar: exemplar, Buckets: buckets },
);
const valueAtQuantile = new Message("ValueAtQuantile").has("1 quantile double\n2 value double");
const summaryPoint = new Message("SummaryDataPoint", "item").has(
  `2 startTimeUnixNano fixed64
   3 timeUnixNano fixed64
   4 count fixed64
   5 sum double
   6 quantileValues ValueAtQuantile*
   7 attributes KeyValue*
   8 flags uint32`,
  { KeyValue: keyValue, ValueAtQuantile: valueAtQuantile },
);
const temporality = { Temporality: TEMPORALITY };
const metric = new Message("Metric", "metric").has(
  `1 name string
   2 description string
   3 unit string
   5 gauge Gauge
   7 sum Sum
   9 histogram Histogram
   10 exponentialHistogram ExponentialHistogram
   11 summary Summary
   12 metadata KeyValue*`,
  {
    KeyValue: keyValue,
    Gauge: new Message("Gauge").has("1 dataPoints Point*", { Point: numberPoint }),
    Sum: new Message("Sum").has(
      "1 dataPoints Point*\n2 aggregationTemporality Temporality\n3 isMonotonic bool",
      { Point: numberPoint },
      temporality,
    ),
    Histogram: new Message("Histogram").has(
      "1 dataPoints Point*\n2 aggregationTemporality Temporality",
      { Point: histogramPoint },
      temporality,
    ),
    ExponentialHistogram: new Message("ExponentialHistogram").has(
      "1 dataPoints Point*\n2 aggregationTemporality Temporality",
      { Point: exponentialPoint },
      temporality,
    ),
    Summary: new Message("Summary").has("1 dataPoints Point*", { Point: summaryPoint }),
  },
);

/** The request message of each signal. */
export const REQUEST: Readonly<Record<OtlpSignal, Message>> = {
  traces: request("ExportTraceServiceRequest", "Spans", "spans", span),
  metrics: request("ExportMetricsServiceRequest", "Metrics", "metrics", metric),
  logs: request("ExportLogsServiceRequest", "Logs", "logRecords", logRecord),
};

function request(name: string, group: string, items: string, item: Message): Message {
  const scoped = new Message(`Scope${group}`).has(`1 scope Scope\n2 ${items} Item*\n3 schemaUrl string`, {
    Scope: scope,
    Item: item,
  });
  const resourced = new Message(`Resource${group}`).has(
    `1 resource Resource\n2 scope${group} Scoped*\n3 schemaUrl string`,
    { Resource: resource, Scoped: scoped },
  );
  return new Message(name).has(`1 resource${group} Resourced*`, { Resourced: resourced });
}
