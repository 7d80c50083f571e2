// Requests that use every message and every kind of value at least once; the fuzzer breaks them.
const text = (key, stringValue) => ({ key, value: { stringValue } });
const attributes = [
  text("http.route", "/pay"),
  { key: "n", value: { intValue: "-7" } },
  { key: "d", value: { doubleValue: 0.5 } },
  { key: "b", value: { boolValue: true } },
  { key: "raw", value: { bytesValue: "AAEC" } },
  { key: "none", value: {} },
  {
    key: "list",
    value: { arrayValue: { values: [{ stringValue: "a" }, { arrayValue: { values: [{ intValue: 1 }] } }] } },
  },
  { key: "map", value: { kvlistValue: { values: [text("k", "v"), text("__proto__", "x")] } } },
];
const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";
const resource = { attributes: [text("service.name", "shop"), ...attributes] };
const scope = { name: "lib", version: "1.0", attributes };
const time = "1790000000000000001";
const point = { startTimeUnixNano: time, timeUnixNano: time, attributes, flags: 0 };
const exemplars = [{ timeUnixNano: time, asDouble: 0.5, traceId, spanId, filteredAttributes: attributes }];

const span = {
  traceId,
  spanId,
  parentSpanId: spanId,
  traceState: "ot=th:8",
  name: "POST /pay",
  kind: 2,
  startTimeUnixNano: time,
  endTimeUnixNano: "1790000000100000001",
  attributes,
  events: [{ timeUnixNano: time, name: "exception", attributes }],
  links: [{ traceId, spanId, traceState: "a=b", attributes }],
  status: { code: 2, message: "boom" },
  flags: 257,
};
const metrics = [
  {
    name: "gauge",
    unit: "1",
    gauge: {
      dataPoints: [
        { ...point, asDouble: 1.5, exemplars },
        { ...point, asInt: "3" },
      ],
    },
  },
  {
    name: "sum",
    sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints: [{ ...point, asInt: "3" }] },
  },
  {
    name: "histogram",
    histogram: {
      aggregationTemporality: 1,
      dataPoints: [
        {
          ...point,
          count: "3",
          sum: 1,
          bucketCounts: ["1", "2"],
          explicitBounds: [0.5],
          min: 0,
          max: 1,
          exemplars,
        },
      ],
    },
  },
  {
    name: "exponential",
    exponentialHistogram: {
      aggregationTemporality: 2,
      dataPoints: [
        {
          ...point,
          count: "3",
          sum: 1,
          scale: 2,
          zeroCount: "1",
          positive: { offset: -3, bucketCounts: ["1", "300"] },
          negative: { offset: 2, bucketCounts: ["4"] },
        },
      ],
    },
  },
  {
    name: "summary",
    summary: {
      dataPoints: [{ ...point, count: "3", sum: 1, quantileValues: [{ quantile: 0.5, value: 2 }] }],
    },
  },
];
const record = {
  timeUnixNano: time,
  observedTimeUnixNano: time,
  severityNumber: 9,
  severityText: "INFO",
  body: { stringValue: "hello" },
  attributes,
  traceId,
  spanId,
  flags: 1,
  eventName: "paid",
};

export const SEEDS = {
  traces: [{ resourceSpans: [{ resource, schemaUrl: "u", scopeSpans: [{ scope, spans: [span, span] }] }] }],
  metrics: [{ resourceMetrics: [{ resource, scopeMetrics: [{ scope, metrics }] }] }],
  logs: [
    {
      resourceLogs: [
        { resource, scopeLogs: [{ scope, logRecords: [record, { ...record, body: attributes[7].value }] }] },
      ],
    },
  ],
};
