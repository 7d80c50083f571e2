import fc from "fast-check";

/** Random valid requests, in the generic library's form. Few names and small lists, so that shrinking ends somewhere readable. */
const text = fc.oneof(fc.constantFrom("", "a", "http.route", "ä€😀"), fc.string({ maxLength: 200 }));
const uint64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map(String);
const int64 = fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }).map(String);
const uint32 = fc.nat({ max: 0xffff_ffff });
const double = fc.double();
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
/** Mostly good, sometimes absent or of a wrong length. */
const id = (length: number) =>
  fc.oneof({ weight: 8, arbitrary: bytes(length) }, fc.uint8Array({ maxLength: 20 }));

const { anyValue } = fc.letrec<{ anyValue: object; keyValue: object }>((tie) => ({
  anyValue: fc.oneof(
    { maxDepth: 3 },
    fc.record({ stringValue: text }),
    fc.record({ boolValue: fc.boolean() }),
    fc.record({ intValue: int64 }),
    fc.record({ doubleValue: double }),
    fc.record({ bytesValue: fc.uint8Array({ maxLength: 8 }) }),
    fc.constant({}),
    fc.record({ arrayValue: fc.record({ values: fc.array(tie("anyValue"), { maxLength: 3 }) }) }),
    fc.record({ kvlistValue: fc.record({ values: fc.array(tie("keyValue"), { maxLength: 3 }) }) }),
  ),
  keyValue: fc.record({ key: text, value: tie("anyValue") }),
}));
const keyValue = fc.record({ key: text, value: anyValue });
const attributes = fc.array(keyValue, { maxLength: 5 });

const optional = { requiredKeys: [] as [] };
const resource = fc.record({ attributes, droppedAttributesCount: uint32 }, optional);
const scope = fc.record({ name: text, version: text, attributes }, optional);

const event = fc.record(
  { timeUnixNano: uint64, name: text, attributes, droppedAttributesCount: uint32 },
  optional,
);
const link = fc.record(
  { traceId: id(16), spanId: id(8), traceState: text, attributes, flags: uint32 },
  optional,
);
const span = fc.record(
  {
    traceId: id(16),
    spanId: id(8),
    traceState: text,
    parentSpanId: id(8),
    name: text,
    kind: fc.nat({ max: 7 }),
    startTimeUnixNano: uint64,
    endTimeUnixNano: uint64,
    attributes,
    droppedAttributesCount: uint32,
    events: fc.array(event, { maxLength: 3 }),
    droppedEventsCount: uint32,
    links: fc.array(link, { maxLength: 3 }),
    status: fc.record({ message: text, code: fc.nat({ max: 3 }) }, optional),
    flags: uint32,
  },
  optional,
);
const logRecord = fc.record(
  {
    timeUnixNano: uint64,
    observedTimeUnixNano: uint64,
    severityNumber: fc.nat({ max: 30 }),
    severityText: text,
    body: anyValue,
    attributes,
    droppedAttributesCount: uint32,
    flags: uint32,
    traceId: id(16),
    spanId: id(8),
    eventName: text,
  },
  optional,
);

const exemplar = fc.record(
  { timeUnixNano: uint64, asDouble: double, traceId: id(16), spanId: id(8), filteredAttributes: attributes },
  optional,
);
const times = { startTimeUnixNano: uint64, timeUnixNano: uint64, attributes, flags: fc.nat({ max: 1 }) };
const exemplars = fc.array(exemplar, { maxLength: 2 });
/** Counts are exact as numbers up to here. */
const count = fc.maxSafeNat();
const counts = fc.array(count, { maxLength: 20 });
const numberPoint = fc.oneof(
  fc.record({ ...times, asDouble: double, exemplars }, optional),
  fc.record({ ...times, asInt: int64, exemplars }, optional),
);
const histogramPoint = fc.record(
  {
    ...times,
    count,
    sum: double,
    bucketCounts: counts,
    explicitBounds: fc.array(double, { maxLength: 20 }),
    exemplars,
    min: double,
    max: double,
  },
  optional,
);
const buckets = fc.record({ offset: fc.integer(), bucketCounts: counts }, optional);
const exponentialPoint = fc.record(
  {
    ...times,
    count,
    sum: double,
    scale: fc.integer({ min: -10, max: 20 }),
    zeroCount: uint64,
    positive: buckets,
    negative: buckets,
    exemplars,
    min: double,
    max: double,
    zeroThreshold: double,
  },
  optional,
);
const summaryPoint = fc.record(
  {
    ...times,
    count,
    sum: double,
    quantileValues: fc.array(fc.record({ quantile: double, value: double }, optional), { maxLength: 4 }),
  },
  optional,
);
const points = <T>(point: fc.Arbitrary<T>) => fc.array(point, { maxLength: 4 });
const temporality = fc.nat({ max: 3 });
const data = fc.oneof(
  fc.record({ gauge: fc.record({ dataPoints: points(numberPoint) }) }),
  fc.record({
    sum: fc.record(
      { dataPoints: points(numberPoint), aggregationTemporality: temporality, isMonotonic: fc.boolean() },
      optional,
    ),
  }),
  fc.record({
    histogram: fc.record(
      { dataPoints: points(histogramPoint), aggregationTemporality: temporality },
      optional,
    ),
  }),
  fc.record({
    exponentialHistogram: fc.record(
      { dataPoints: points(exponentialPoint), aggregationTemporality: temporality },
      optional,
    ),
  }),
  fc.record({ summary: fc.record({ dataPoints: points(summaryPoint) }) }),
);
const metric = fc
  .tuple(fc.record({ name: text, description: text, unit: text }, optional), data)
  .map(([names, values]) => ({ ...names, ...values }));

function grouped<T>(group: string, items: string, item: fc.Arbitrary<T>): fc.Arbitrary<object> {
  const scoped = fc.record({ scope, [items]: fc.array(item, { maxLength: 4 }), schemaUrl: text }, optional);
  const resourced = fc.record(
    { resource, [`scope${group}`]: fc.array(scoped, { maxLength: 2 }), schemaUrl: text },
    optional,
  );
  return fc.record({ [`resource${group}`]: fc.array(resourced, { maxLength: 2 }) });
}

export const tracesRequest = grouped("Spans", "spans", span);
export const logsRequest = grouped("Logs", "logRecords", logRecord);
export const metricsRequest = grouped("Metrics", "metrics", metric);
