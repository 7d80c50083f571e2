import { describe, expect, test } from "vitest";
import { encodeWithLibrary, fieldsOfLibrary, fieldsOfSchema } from "../../test/otlp-proto.js";
import { CollectorError } from "../errors.js";
import {
  attributeKey,
  attributeNamed,
  attributeNumber,
  attributeOf,
  attributeText,
  decodeLogs,
  decodeMetrics,
  decodeTraces,
  hexAt,
  nanosAt,
  otlpJsonToProtobuf,
  textAt,
  validateRequest,
  valueText,
  wantedKeys,
} from "./index.js";

const TRACES = {
  resourceSpans: [
    {
      resource: {
        attributes: [
          { key: "service.name", value: { stringValue: "checkout" } },
          { key: "service.version", value: { stringValue: "1.42.0" } },
          { key: "deployment.environment.name", value: { stringValue: "prod" } },
        ],
      },
      scopeSpans: [
        {
          scope: { name: "http", version: "1.0" },
          spans: [
            {
              traceId: "0af7651916cd43dd8448eb211c80319c",
              spanId: "b7ad6b7169203331",
              parentSpanId: "00f067aa0ba902b7",
              name: "POST /pay",
              kind: 2,
              startTimeUnixNano: "1790000000123456789",
              endTimeUnixNano: "1790000000223456790",
              attributes: [
                { key: "http.route", value: { stringValue: "/pay" } },
                { key: "http.response.status_code", value: { intValue: "500" } },
                { key: "shop.total", value: { doubleValue: 12.5 } },
                { key: "shop.gift", value: { boolValue: true } },
                {
                  key: "shop.ids",
                  value: { arrayValue: { values: [{ intValue: -7 }, { stringValue: "ä" }] } },
                },
              ],
              events: [
                {
                  timeUnixNano: "1790000000200000001",
                  name: "exception",
                  attributes: [{ key: "exception.type", value: { stringValue: "TypeError" } }],
                },
              ],
              links: [{ traceId: "0af7651916cd43dd8448eb211c80319d", spanId: "b7ad6b7169203332" }],
              status: { code: 2, message: "boom" },
              flags: 257,
            },
            { traceId: "00000000000000000000000000000000", spanId: "b7ad6b7169203333", name: "bad" },
          ],
        },
      ],
    },
  ],
};

describe("the schema table", () => {
  test.each(["traces", "metrics", "logs"] as const)(
    "%s: agrees with the specification's field numbers",
    (signal) => {
      expect(fieldsOfSchema(signal)).toEqual(fieldsOfLibrary(signal));
    },
  );
});

describe("decodeTraces", () => {
  const bytes = otlpJsonToProtobuf("traces", JSON.stringify(TRACES));
  const spans = decodeTraces(bytes);

  test("reads every column of a span", () => {
    expect(spans.rowCount).toBe(1);
    const resource = spans.resources[spans.scopes[spans.scope[0]].resource];
    expect(resource).toMatchObject({
      serviceName: "checkout",
      serviceVersion: "1.42.0",
      environment: "prod",
    });
    expect(resource.attributes).toHaveLength(3);
    expect(spans.scopes[0]).toMatchObject({ name: "http", version: "1.0" });
    expect(hexAt(bytes, spans.traceId[0], 16)).toBe("0af7651916cd43dd8448eb211c80319c");
    expect(hexAt(bytes, spans.spanId[0], 8)).toBe("b7ad6b7169203331");
    expect(hexAt(bytes, spans.parentSpanId[0], 8)).toBe("00f067aa0ba902b7");
    expect(textAt(bytes, spans.nameStart[0], spans.nameEnd[0])).toBe("POST /pay");
    expect(spans.kind[0]).toBe(2);
    expect(spans.flags[0]).toBe(257);
    expect(nanosAt(bytes, spans.startTime[0])).toBe(1790000000123456789n);
    expect(spans.startTimeMs[0]).toBeCloseTo(1790000000123.4568, 3);
    expect(spans.durationNanos[0]).toBe(100_000_001);
    expect(spans.statusCode[0]).toBe(2);
    expect(textAt(bytes, spans.statusMessageStart[0], spans.statusMessageEnd[0])).toBe("boom");
    expect(spans.events.count).toBe(1);
    expect(textAt(bytes, spans.events.nameStart[0], spans.events.nameEnd[0])).toBe("exception");
    expect(attributeText(spans.events.attributes, 0)).toBe("TypeError");
    expect(hexAt(bytes, spans.links.traceId[0], 16)).toBe("0af7651916cd43dd8448eb211c80319d");
  });

  test("reads attributes as text and as numbers", () => {
    const table = spans.attributes;
    const rows = Array.from({ length: table.first[1] }, (_, index) => [
      attributeKey(table, index),
      attributeText(table, index),
      attributeNumber(table, index),
    ]);
    expect(rows).toEqual([
      ["http.route", "/pay", Number.NaN],
      ["http.response.status_code", "500", 500],
      ["shop.total", "12.5", 12.5],
      ["shop.gift", "true", 1],
      ["shop.ids", '[-7,"ä"]', Number.NaN],
    ]);
    expect(attributeNamed(table, 0, "shop.gift")).toBe(3);
    expect(attributeNamed(table, 0, "absent")).toBe(-1);
  });

  test("keeps only wanted keys when asked to", () => {
    const wanted = decodeTraces(bytes, {
      attributes: wantedKeys(["http.response.status_code", "shop.absent"]),
      events: false,
      links: false,
    });
    expect(wanted.attributes.first[1]).toBe(1);
    expect(attributeNumber(wanted.attributes, attributeOf(wanted.attributes, 0, 0))).toBe(500);
    expect(attributeOf(wanted.attributes, 0, 1)).toBe(-1);
    expect(wanted.events.count).toBe(0);
  });

  test("leaves out spans without valid ids and says why", () => {
    expect(spans.rejectedCount).toBe(1);
    expect(spans.rejectedReason).toBe("a trace_id must be 16 bytes, not all zero");
    expect(validateRequest("traces", bytes)).toEqual({
      items: 1,
      rejected: 1,
      reason: "a trace_id must be 16 bytes, not all zero",
      isOverLimit: false,
    });
  });

  test("reads the same whatever the order of fields, as when requests are concatenated", () => {
    const twice = decodeTraces(Buffer.concat([bytes, bytes]));
    expect(twice.rowCount).toBe(2);
    expect(twice.resources).toHaveLength(2);
    expect(twice.resources[twice.scopes[twice.scope[1]].resource].serviceName).toBe("checkout");
  });

  test("reads tags and lengths that are written longer than they need be, as protobuf allows", () => {
    // 0x8a 0x00 is the tag 10, 0x84 0x80 0x00 the length 4.
    const field = (tag: number, content: number[]) => [
      tag | 0x80,
      0,
      (content.length & 0x7f) | 0x80,
      (content.length >>> 7) | 0x80,
      0,
      ...content,
    ];
    const text = (value: string) => [...Buffer.from(value)];
    const value = field(10, text("x".repeat(300)));
    const span = [
      ...field(10, text("0123456789abcdef")),
      ...field(18, text("01234567")),
      ...field(42, text("GET /")),
      ...[0xb0, 0x00, 0x82, 0x00],
      ...field(74, [...field(10, text("http.route")), ...field(18, value)]),
      ...field(122, [0x98, 0x00, 0x82, 0x00]),
    ];
    const body = Buffer.from(field(10, field(18, field(18, span))));
    const spans = decodeTraces(body, { attributes: wantedKeys(["http.route"]), events: false });
    expect(spans.rowCount).toBe(1);
    expect(spans.kind[0]).toBe(2);
    expect(spans.statusCode[0]).toBe(2);
    expect(textAt(body, spans.nameStart[0], spans.nameEnd[0])).toBe("GET /");
    expect(attributeText(spans.attributes, attributeOf(spans.attributes, 0, 0))).toBe("x".repeat(300));
    expect(validateRequest("traces", body).items).toBe(1);
  });

  test("names malformed bytes", () => {
    for (const cut of [1, 7, bytes.length - 1]) {
      expect(() => decodeTraces(bytes.subarray(0, cut))).toThrow(CollectorError);
      expect(() => validateRequest("traces", bytes.subarray(0, cut))).toThrow(/not valid OTLP protobuf/);
    }
  });
});

describe("decodeLogs", () => {
  test("reads every column of a record", () => {
    const bytes = otlpJsonToProtobuf(
      "logs",
      JSON.stringify({
        resource_logs: [
          {
            scope_logs: [
              {
                log_records: [
                  {
                    observed_time_unix_nano: 1790000000000000000,
                    severity_number: "SEVERITY_NUMBER_WARN2",
                    severity_text: "WARN",
                    body: {
                      kvlistValue: { values: [{ key: "a", value: { intValue: "9007199254740993" } }] },
                    },
                    attributes: [{ key: "k", value: { bytesValue: "AAEC" } }],
                    traceId: "0AF7651916CD43DD8448EB211C80319C",
                    eventName: "paid",
                  },
                ],
              },
            ],
          },
        ],
      }).replace("1790000000000000000", "1790000000000000001"),
    );
    const logs = decodeLogs(bytes);
    expect(logs.rowCount).toBe(1);
    expect(logs.resources[0].serviceName).toBe("unknown_service");
    expect(nanosAt(bytes, logs.observedTime[0])).toBe(1790000000000000001n);
    expect(logs.timeMs[0]).toBe(1790000000000);
    expect(logs.severityNumber[0]).toBe(14);
    expect(valueText(bytes, logs.bodyKind[0], logs.bodyStart[0], logs.bodyEnd[0])).toBe(
      '{"a":"9007199254740993"}',
    );
    expect(attributeText(logs.attributes, 0)).toBe("AAEC");
    expect(hexAt(bytes, logs.traceId[0], 16)).toBe("0af7651916cd43dd8448eb211c80319c");
    expect(logs.spanId[0]).toBe(0);
    expect(textAt(bytes, logs.eventNameStart[0], logs.eventNameEnd[0])).toBe("paid");
  });
});

describe("decodeMetrics", () => {
  const bytes = encodeWithLibrary("metrics", {
    resourceMetrics: [
      {
        scopeMetrics: [
          {
            metrics: [
              {
                name: "up",
                unit: "1",
                gauge: { dataPoints: [{ asDouble: 0.5 }, { asInt: -3 }, { flags: 1 }] },
              },
              {
                name: "n",
                sum: { aggregationTemporality: 1, isMonotonic: true, dataPoints: [{ asInt: 7 }] },
              },
              {
                name: "h",
                histogram: {
                  aggregationTemporality: 2,
                  dataPoints: [{ count: 3, sum: 4.5, bucketCounts: [1, 2], explicitBounds: [1], max: 3 }],
                },
              },
              {
                name: "e",
                exponentialHistogram: {
                  aggregationTemporality: 2,
                  dataPoints: [
                    {
                      count: 6,
                      scale: -2,
                      zeroCount: 1,
                      positive: { offset: -5, bucketCounts: [1, 2] },
                      negative: { offset: 4, bucketCounts: [2] },
                      exemplars: [
                        { asDouble: 2.5, traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(8, 2) },
                      ],
                    },
                  ],
                },
              },
              {
                name: "s",
                summary: {
                  dataPoints: [{ count: 2, sum: 3, quantileValues: [{ quantile: 0.5, value: 1 }] }],
                },
              },
              { gauge: { dataPoints: [{ asInt: 1 }, { asInt: 2 }] } },
            ],
          },
        ],
      },
    ],
  });
  const metrics = decodeMetrics(bytes);

  test("reads the five kinds of metrics", () => {
    expect(
      metrics.metrics.map(({ name, kind, temporality, isMonotonic, pointCount }) => [
        name,
        kind,
        temporality,
        isMonotonic,
        pointCount,
      ]),
    ).toEqual([
      ["up", "gauge", "unspecified", false, 3],
      ["n", "sum", "delta", true, 1],
      ["h", "histogram", "cumulative", false, 1],
      ["e", "exponentialHistogram", "cumulative", false, 1],
      ["s", "summary", "unspecified", false, 1],
    ]);
    expect([...metrics.value.subarray(0, 4)]).toEqual([0.5, -3, Number.NaN, 7]);
    expect([...metrics.isInteger.subarray(0, 4)]).toEqual([0, 1, 0, 1]);
    expect(metrics.flags[2]).toBe(1);
  });

  test("reads buckets, bounds, quantiles and exemplars", () => {
    const [h, e, s] = [4, 5, 6];
    expect(metrics.metric[h]).toBe(2);
    expect([...metrics.bucketCounts.subarray(metrics.bucketFirst[h], metrics.bucketFirst[h + 1])]).toEqual([
      1, 2,
    ]);
    expect([...metrics.bounds.subarray(metrics.boundFirst[h], metrics.boundFirst[h + 1])]).toEqual([1]);
    expect([metrics.sum[h], metrics.min[h], metrics.max[h]]).toEqual([4.5, Number.NaN, 3]);
    expect([...metrics.bucketCounts.subarray(metrics.bucketFirst[e], metrics.bucketFirst[e + 1])]).toEqual([
      1, 2, 2,
    ]);
    expect([
      metrics.scale[e],
      metrics.positiveOffset[e],
      metrics.positiveCount[e],
      metrics.negativeOffset[e],
    ]).toEqual([-2, -5, 2, 4]);
    expect(metrics.exemplars.first[e + 1] - metrics.exemplars.first[e]).toBe(1);
    expect(metrics.exemplars.value[0]).toBe(2.5);
    expect([metrics.quantiles[0], metrics.quantileValues[0]]).toEqual([0.5, 1]);
    expect([metrics.count[s], metrics.sum[s]]).toEqual([2, 3]);
  });

  test("leaves out the points of a metric without a name", () => {
    expect(metrics.rejectedCount).toBe(2);
    expect(validateRequest("metrics", bytes)).toEqual({
      items: 7,
      rejected: 2,
      reason: "a metric must have a name",
      isOverLimit: false,
    });
  });
});

describe("otlpJsonToProtobuf", () => {
  test.each([
    { json: "{", message: /^The request is not JSON/ },
    { json: "[]", message: "The request: expected an object (ExportTraceServiceRequest), seen []." },
    { json: '{"resourceSpans":{}}', message: "resourceSpans: expected an array, seen {}." },
    {
      json: '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}',
      message: 'resourceSpans[0].scopeSpans[0].spans[0].traceId: expected an id in hex, seen "xyz".',
    },
    {
      json: '{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":2,"endTimeUnixNano":1.5}]}]}]}',
      message:
        "resourceSpans[0].scopeSpans[0].spans[0].endTimeUnixNano: expected a 64-bit integer, seen 1.5.",
    },
  ])("refuses $json with the place of the fault", ({ json, message }) => {
    expect(() => otlpJsonToProtobuf("traces", json)).toThrow(message);
  });

  test("ignores what it does not know and what is null", () => {
    const bytes = otlpJsonToProtobuf(
      "traces",
      '{"resourceSpans":[{"resource":null,"newField":{"a":[1]}}],"x":1}',
    );
    expect(decodeTraces(bytes).resources).toHaveLength(1);
  });
});
