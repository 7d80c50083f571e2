import { AggregationTemporality, DataPointType, type MetricData } from "@opentelemetry/sdk-metrics";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { attributesOf, decodeRequest, plain } from "../../test/support/otlp-schema.js";
import { encodeLogLine } from "../logs/encode-log-line.js";
import { logsRequest, tracesRequest } from "../send/requests.js";
import { ByteWriter } from "./byte-writer.js";
import { metricsRequest } from "./encode-metrics.js";
import { encodeSpan } from "./encode-span.js";

const id = (digits: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: digits, maxLength: digits });
// What is empty or zero is left out by the wire or by the decoder, so nothing here is.
const text = fc.oneof(
  fc.string({ minLength: 1, maxLength: 40 }),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 300 }),
);
const value = fc.oneof(
  text,
  fc.boolean(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((number) => !Number.isInteger(number)),
  fc.array(text, { maxLength: 4 }),
);
const attributes = fc.dictionary(
  text.filter((key) => key !== "__proto__"),
  value,
  { maxKeys: 6 },
);
const time = fc.tuple(fc.integer({ min: 1, max: 4e9 }), fc.integer({ min: 0, max: 999_999_999 }));
const EMPTY = new Uint8Array();

// biome-ignore lint/suspicious/noExplicitAny: decoded messages are as the wire has them.
type Decoded = any;

const nano = ([seconds, nanoseconds]: readonly [number, number]): string =>
  (BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds)).toString();

test("a span decodes to what it was", () => {
  fc.assert(
    fc.property(
      fc.record({
        traceId: id(32),
        spanId: id(16),
        parentId: id(16),
        name: text,
        startTime: time,
        endTime: time,
      }),
      attributes,
      fc.array(fc.record({ name: text, time, attributes }), { maxLength: 3 }),
      fc.integer({ min: 0, max: 4 }),
      fc.record({ code: fc.integer({ min: 0, max: 2 }), message: text }),
      ({ traceId, spanId, parentId, name, startTime, endTime }, given, events, kind, status) => {
        const writer = new ByteWriter(16);
        encodeSpan(writer, {
          name,
          kind,
          spanContext: () => ({ traceId, spanId, traceFlags: 1 }),
          parentSpanContext: { traceId, spanId: parentId, traceFlags: 1, isRemote: true },
          startTime,
          endTime,
          status,
          attributes: given,
          links: [{ context: { traceId, spanId: parentId, traceFlags: 0 }, attributes: given }],
          events: events.map((event) => ({ ...event, droppedAttributesCount: 0 })),
          droppedAttributesCount: 3,
          droppedEventsCount: 0,
          droppedLinksCount: 200,
        } as unknown as ReadableSpan);
        const part = { scope: EMPTY, spans: writer.finished(), schemaUrl: "https://example.test/1" };
        const decoded: Decoded = decodeRequest("traces", Buffer.concat(tracesRequest(EMPTY, [part, part])));
        const scopes = decoded.resourceSpans[0].scopeSpans;
        expect(scopes).toHaveLength(2);
        const [span] = scopes[1].spans;
        expect(span.traceId.toString("hex")).toBe(traceId);
        expect(span.spanId.toString("hex")).toBe(spanId);
        expect(span.parentSpanId.toString("hex")).toBe(parentId);
        expect(span).toMatchObject({
          name,
          kind: kind + 1,
          startTimeUnixNano: nano(startTime),
          endTimeUnixNano: nano(endTime),
          flags: 0x301,
          droppedAttributesCount: 3,
          droppedLinksCount: 200,
        });
        expect(attributesOf(span.attributes)).toEqual(normal(given));
        expect((span.events ?? []).map(({ name: own }: Decoded) => own)).toEqual(
          events.map(({ name: own }) => own),
        );
        events.forEach((event, index) => {
          expect(attributesOf(span.events[index].attributes)).toEqual(normal(event.attributes));
          expect(span.events[index].timeUnixNano).toBe(nano(event.time));
        });
        if (status.code === 0) expect(span.status).toBeUndefined();
        else expect(span.status).toMatchObject({ code: status.code });
      },
    ),
    { numRuns: 200 },
  );
});

const wellFormed = (given: string): string => Buffer.from(given).toString();

/** The wire has no lone surrogates and no negative zero. */
function normal(given: Record<string, unknown>): Record<string, unknown> {
  const clean = (item: unknown): unknown =>
    typeof item === "string"
      ? wellFormed(item)
      : Array.isArray(item)
        ? item.map(clean)
        : Object.is(item, -0)
          ? 0
          : item;
  return Object.fromEntries(Object.entries(given).map(([key, item]) => [wellFormed(key), clean(item)]));
}

describe("metrics", () => {
  const base = {
    descriptor: { name: "m", unit: "s", description: "d", valueType: 1 },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
  const times = { startTime: [1, 5] as [number, number], endTime: [1_800_000_000, 7] as [number, number] };

  const decode = (metric: MetricData): Decoded =>
    (
      decodeRequest(
        "metrics",
        metricsRequest(EMPTY, [{ scope: { name: "s" }, metrics: [metric] }]).body,
      ) as Decoded
    ).resourceMetrics[0].scopeMetrics[0].metrics[0];

  test("numbers, of any size and sign", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), attributes, (number, given) => {
        const metric = decode({
          ...base,
          dataPointType: DataPointType.SUM,
          isMonotonic: true,
          dataPoints: [{ ...times, attributes: given, value: number }],
        } as MetricData);
        expect(metric).toMatchObject({ name: "m", unit: "s", description: "d" });
        expect(metric.sum).toMatchObject({ aggregationTemporality: 2, isMonotonic: true });
        const [point] = metric.sum.dataPoints;
        expect(point.asDouble).toBe(number);
        expect(point.timeUnixNano).toBe(nano(times.endTime));
        expect(attributesOf(point.attributes)).toEqual(normal(given));
      }),
    );
  });

  test("histograms with exemplars", () => {
    const metric = decode({
      ...base,
      dataPointType: DataPointType.HISTOGRAM,
      dataPoints: [
        {
          ...times,
          attributes: {},
          value: {
            buckets: { boundaries: [0.5, 1], counts: [1, 2, 5_000_000_000] },
            count: 5_000_000_003,
            sum: 2.5,
          },
          exemplars: [
            {
              value: 0.7,
              timeMs: 1_800_000_000_250,
              traceId: "0af7651916cd43dd8448eb211c80319c",
              spanId: "b7ad6b7169203331",
              attributes: { user: "ana" },
            },
          ],
        },
      ],
    } as unknown as MetricData);
    const [point] = metric.histogram.dataPoints;
    expect(point).toMatchObject({
      count: "5000000003",
      sum: 2.5,
      bucketCounts: ["1", "2", "5000000000"],
      explicitBounds: [0.5, 1],
    });
    expect(point.exemplars[0]).toMatchObject({ asDouble: 0.7, timeUnixNano: "1800000000250000000" });
    expect(point.exemplars[0].traceId.toString("hex")).toBe("0af7651916cd43dd8448eb211c80319c");
  });

  test("exponential histograms, with negative scale and offset", () => {
    const metric = decode({
      ...base,
      aggregationTemporality: AggregationTemporality.DELTA,
      dataPointType: DataPointType.EXPONENTIAL_HISTOGRAM,
      dataPoints: [
        {
          ...times,
          attributes: {},
          value: {
            count: 300,
            sum: 9,
            scale: -3,
            zeroCount: 1,
            positive: { offset: -7, bucketCounts: [1, 0, 298] },
            negative: { offset: 0, bucketCounts: [] },
          },
        },
      ],
    } as unknown as MetricData);
    expect(metric.exponentialHistogram.aggregationTemporality).toBe(1);
    expect(metric.exponentialHistogram.dataPoints[0]).toMatchObject({
      scale: -3,
      positive: { offset: -7, bucketCounts: ["1", "0", "298"] },
    });
  });
});

describe("log lines", () => {
  const UNLIMITED = { attributeCount: 128, attributeValueLength: Number.POSITIVE_INFINITY };
  const decode = (line: string, messageKey = "msg", limits = UNLIMITED): Decoded => {
    const writer = new ByteWriter();
    const place = Buffer.from("0af7651916cd43dd8448eb211c80319cb7ad6b716920333101", "hex");
    encodeLogLine(writer, { line, timeMs: 1_800_000_000_123, place, messageKey, severity: "" }, limits);
    return (decodeRequest("logs", Buffer.concat(logsRequest(EMPTY, EMPTY, writer.finished()))) as Decoded)
      .resourceLogs[0].scopeLogs[0].logRecords[0];
  };

  test("level, message, time, place and fields of a pino line", () => {
    const record = decode(
      `{"level":40,"time":1,"pid":2,"hostname":"h","msg":"careful","n":1.5,"deep":{"a":[1,"x"]}}\n`,
    );
    expect(record).toMatchObject({
      severityNumber: 13,
      severityText: "warn",
      timeUnixNano: "1800000000123000000",
      flags: 1,
    });
    expect(plain(record.body)).toBe("careful");
    expect(record.traceId.toString("hex")).toBe("0af7651916cd43dd8448eb211c80319c");
    expect(attributesOf(record.attributes)).toEqual({ n: 1.5, deep: { a: [1, "x"] } });
  });

  test("a level by name and another key for the message", () => {
    const record = decode(`{"level":"warning","message":"careful"}`, "message");
    expect(record).toMatchObject({ severityNumber: 13, severityText: "warning" });
    expect(plain(record.body)).toBe("careful");
  });

  test("attributes past the limits are cut and counted", () => {
    const line = `{"level":30,"msg":"whole","a":"long text","b":["long text",1],"err":{"message":"m","stack":"s"}}`;
    const record = decode(line, "msg", { attributeCount: 3, attributeValueLength: 4 });
    expect(plain(record.body)).toBe("whole");
    expect(attributesOf(record.attributes)).toEqual({
      a: "long",
      b: ["long", 1],
      "exception.message": "m",
    });
    expect(record.droppedAttributesCount).toBe(1);
  });

  test("a line that is no JSON is the body as it stands", () => {
    const record = decode("plain text\n");
    expect(plain(record.body)).toBe("plain text");
    expect(record.severityNumber).toBeUndefined();
  });
});
