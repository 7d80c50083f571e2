import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { logsRequest, metricsRequest, tracesRequest } from "../../test/otlp-arbitraries.js";
import { encodeWithLibrary, PROTO_REQUEST } from "../../test/otlp-proto.js";
import { CollectorError } from "../errors.js";
import type { AttributeTable, OtlpSignal, OtlpValue } from "./columns.js";
import {
  attributeKey,
  attributeValue,
  decodeLogs,
  decodeMetrics,
  decodeTraces,
  hexAt,
  nanosAt,
  otlpJsonToProtobuf,
  textAt,
  validateRequest,
  valueAt,
  wantedKeys,
} from "./index.js";

type Loose = Record<string, unknown>;

const REQUESTS: readonly [OtlpSignal, fc.Arbitrary<object>][] = [
  ["traces", tracesRequest],
  ["logs", logsRequest],
  ["metrics", metricsRequest],
];
const DECODE = { traces: decodeTraces, logs: decodeLogs, metrics: decodeMetrics };
const RUNS = 150;

/** What the generic library reads, as plain objects with every default filled in. */
function libraryView(signal: OtlpSignal, body: Buffer): Loose {
  const type = PROTO_REQUEST[signal];
  return type.toObject(type.decode(body), { longs: String, arrays: true, oneofs: true }) as Loose;
}

const list = (value: unknown): Loose[] => (value ?? []) as Loose[];
const string = (value: unknown): string => (value ?? "") as string;
const number = (value: unknown): number => Number(value ?? 0);
const optionalNumber = (value: unknown): number => (value === undefined ? Number.NaN : Number(value));

/** Hex of an id of the right length that is not all zero, else "". */
function id(value: unknown, length: number): string {
  const bytes = Buffer.from((value ?? []) as Uint8Array);
  return bytes.length === length && bytes.some((byte) => byte !== 0) ? bytes.toString("hex") : "";
}

function libraryValue(value: unknown): OtlpValue {
  const any = (value ?? {}) as Loose;
  switch (any.value) {
    case "stringValue":
      return any.stringValue as string;
    case "boolValue":
      return any.boolValue as boolean;
    case "intValue": {
      const exact = BigInt(any.intValue as string);
      return Number.isSafeInteger(Number(exact)) ? Number(exact) : exact;
    }
    case "doubleValue":
      return any.doubleValue as number;
    case "bytesValue":
      return Buffer.from(any.bytesValue as Uint8Array);
    case "arrayValue":
      return list((any.arrayValue as Loose).values).map(libraryValue);
    case "kvlistValue": {
      const object: Record<string, OtlpValue> = Object.create(null);
      for (const each of list((any.kvlistValue as Loose).values))
        object[string(each.key)] = libraryValue(each.value);
      return object;
    }
    default:
      return null;
  }
}

const libraryAttributes = (value: unknown) =>
  list(value).map((each) => ({ key: string(each.key), value: libraryValue(each.value) }));

function attributesOf(table: AttributeTable, row: number) {
  const attributes: { key: string; value: OtlpValue }[] = [];
  for (let index = table.first[row]; index < table.first[row + 1]; index++) {
    attributes.push({ key: attributeKey(table, index), value: attributeValue(table, index) });
  }
  return attributes;
}

const rows = (first: Uint32Array, row: number): number[] =>
  Array.from({ length: first[row + 1] - first[row] }, (_, index) => first[row] + index);

function librarySpans(body: Buffer): Loose[] {
  return list(libraryView("traces", body).resourceSpans).flatMap((resource) =>
    list(resource.scopeSpans).flatMap((scope) =>
      list(scope.spans)
        .filter((span) => id(span.traceId, 16) !== "" && id(span.spanId, 8) !== "")
        .map((span) => {
          const start = BigInt(string(span.startTimeUnixNano) || "0");
          const end = BigInt(string(span.endTimeUnixNano) || "0");
          return {
            resource: libraryAttributes((resource.resource as Loose | undefined)?.attributes),
            scope: string((scope.scope as Loose | undefined)?.name),
            traceId: id(span.traceId, 16),
            spanId: id(span.spanId, 8),
            parentSpanId: id(span.parentSpanId, 8),
            traceState: string(span.traceState),
            name: string(span.name),
            kind: number(span.kind) > 5 ? 0 : number(span.kind),
            flags: number(span.flags),
            start,
            end,
            duration: end > start ? Number(end - start) : 0,
            statusCode: number((span.status as Loose | undefined)?.code) % 3,
            statusMessage: string((span.status as Loose | undefined)?.message),
            dropped: number(span.droppedAttributesCount),
            attributes: libraryAttributes(span.attributes),
            events: list(span.events).map((event) => ({
              time: BigInt(string(event.timeUnixNano) || "0"),
              name: string(event.name),
              attributes: libraryAttributes(event.attributes),
            })),
            links: list(span.links).map((link) => ({
              traceId: id(link.traceId, 16),
              spanId: id(link.spanId, 8),
              traceState: string(link.traceState),
              attributes: libraryAttributes(link.attributes),
            })),
          };
        }),
    ),
  );
}

function ourSpans(body: Buffer): Loose[] {
  const spans = decodeTraces(body);
  const { bytes } = spans;
  return Array.from({ length: spans.rowCount }, (_, row) => {
    const scope = spans.scopes[spans.scope[row]];
    return {
      resource: spans.resources[scope.resource].attributes,
      scope: scope.name,
      traceId: hexAt(bytes, spans.traceId[row], 16),
      spanId: hexAt(bytes, spans.spanId[row], 8),
      parentSpanId: hexAt(bytes, spans.parentSpanId[row], 8),
      traceState: textAt(bytes, spans.traceStateStart[row], spans.traceStateEnd[row]),
      name: textAt(bytes, spans.nameStart[row], spans.nameEnd[row]),
      kind: spans.kind[row],
      flags: spans.flags[row],
      start: nanosAt(bytes, spans.startTime[row]),
      end: nanosAt(bytes, spans.endTime[row]),
      duration: spans.durationNanos[row],
      statusCode: spans.statusCode[row],
      statusMessage: textAt(bytes, spans.statusMessageStart[row], spans.statusMessageEnd[row]),
      dropped: spans.droppedAttributesCount[row],
      attributes: attributesOf(spans.attributes, row),
      events: rows(spans.events.first, row).map((event) => ({
        time: nanosAt(bytes, spans.events.time[event]),
        name: textAt(bytes, spans.events.nameStart[event], spans.events.nameEnd[event]),
        attributes: attributesOf(spans.events.attributes, event),
      })),
      links: rows(spans.links.first, row).map((link) => ({
        traceId: hexAt(bytes, spans.links.traceId[link], 16),
        spanId: hexAt(bytes, spans.links.spanId[link], 8),
        traceState: textAt(bytes, spans.links.traceStateStart[link], spans.links.traceStateEnd[link]),
        attributes: attributesOf(spans.links.attributes, link),
      })),
    };
  });
}

function libraryLogs(body: Buffer): Loose[] {
  return list(libraryView("logs", body).resourceLogs).flatMap((resource) =>
    list(resource.scopeLogs).flatMap((scope) =>
      list(scope.logRecords).map((record) => ({
        time: BigInt(string(record.timeUnixNano) || "0"),
        observed: BigInt(string(record.observedTimeUnixNano) || "0"),
        severity: number(record.severityNumber) > 24 ? 0 : number(record.severityNumber),
        severityText: string(record.severityText),
        body: libraryValue(record.body),
        attributes: libraryAttributes(record.attributes),
        traceId: id(record.traceId, 16),
        spanId: id(record.spanId, 8),
        eventName: string(record.eventName),
        flags: number(record.flags),
      })),
    ),
  );
}

function ourLogs(body: Buffer): Loose[] {
  const logs = decodeLogs(body);
  const { bytes } = logs;
  return Array.from({ length: logs.rowCount }, (_, row) => ({
    time: nanosAt(bytes, logs.time[row]),
    observed: nanosAt(bytes, logs.observedTime[row]),
    severity: logs.severityNumber[row],
    severityText: textAt(bytes, logs.severityTextStart[row], logs.severityTextEnd[row]),
    body: valueAt(bytes, logs.bodyKind[row], logs.bodyStart[row], logs.bodyEnd[row]),
    attributes: attributesOf(logs.attributes, row),
    traceId: hexAt(bytes, logs.traceId[row], 16),
    spanId: hexAt(bytes, logs.spanId[row], 8),
    eventName: textAt(bytes, logs.eventNameStart[row], logs.eventNameEnd[row]),
    flags: logs.flags[row],
  }));
}

const KINDS = ["gauge", "sum", "histogram", "exponentialHistogram", "summary"] as const;
const TEMPORALITY = ["unspecified", "delta", "cumulative"];

function libraryPoints(body: Buffer): Loose[] {
  return list(libraryView("metrics", body).resourceMetrics).flatMap((resource) =>
    list(resource.scopeMetrics).flatMap((scope) =>
      list(scope.metrics).flatMap((metric) => {
        const kind = KINDS.find((each) => metric[each] !== undefined) ?? "gauge";
        const data = (metric[kind] ?? {}) as Loose;
        if (string(metric.name) === "") return [];
        return list(data.dataPoints).map((point) => {
          const positive = list((point.positive as Loose | undefined)?.bucketCounts).map(Number);
          const negative = list((point.negative as Loose | undefined)?.bucketCounts).map(Number);
          return {
            name: metric.name,
            kind,
            temporality: TEMPORALITY[number(data.aggregationTemporality)] ?? "unspecified",
            isMonotonic: data.isMonotonic === true,
            start: BigInt(string(point.startTimeUnixNano) || "0"),
            time: BigInt(string(point.timeUnixNano) || "0"),
            flags: number(point.flags),
            value: optionalNumber(point.asDouble ?? point.asInt),
            count: number(point.count),
            sum: kind === "summary" ? number(point.sum) : optionalNumber(point.sum),
            min: optionalNumber(point.min),
            max: optionalNumber(point.max),
            buckets: [...list(point.bucketCounts).map(Number), ...positive, ...negative],
            bounds: list(point.explicitBounds).map(Number),
            exponential: [
              number(point.scale),
              number(point.zeroCount),
              number(point.zeroThreshold),
              number((point.positive as Loose | undefined)?.offset),
              positive.length,
              number((point.negative as Loose | undefined)?.offset),
            ],
            quantiles: list(point.quantileValues).map((each) => [number(each.quantile), number(each.value)]),
            attributes: libraryAttributes(point.attributes),
            exemplars: list(point.exemplars).map((each) => ({
              time: BigInt(string(each.timeUnixNano) || "0"),
              traceId: id(each.traceId, 16),
              spanId: id(each.spanId, 8),
              attributes: libraryAttributes(each.filteredAttributes),
            })),
          };
        });
      }),
    ),
  );
}

function ourPoints(body: Buffer): Loose[] {
  const points = decodeMetrics(body);
  const { bytes } = points;
  return Array.from({ length: points.pointCount }, (_, point) => {
    const metric = points.metrics[points.metric[point]];
    return {
      name: metric.name,
      kind: metric.kind,
      temporality: metric.temporality,
      isMonotonic: metric.isMonotonic,
      start: nanosAt(bytes, points.startTime[point]),
      time: nanosAt(bytes, points.time[point]),
      flags: points.flags[point],
      value: points.value[point],
      count: points.count[point],
      sum: points.sum[point],
      min: points.min[point],
      max: points.max[point],
      buckets: rows(points.bucketFirst, point).map((index) => points.bucketCounts[index]),
      bounds: rows(points.boundFirst, point).map((index) => points.bounds[index]),
      exponential: [
        points.scale[point],
        points.zeroCount[point],
        points.zeroThreshold[point],
        points.positiveOffset[point],
        points.positiveCount[point],
        points.negativeOffset[point],
      ],
      quantiles: rows(points.quantileFirst, point).map((index) => [
        points.quantiles[index],
        points.quantileValues[index],
      ]),
      attributes: attributesOf(points.attributes, point),
      exemplars: rows(points.exemplars.first, point).map((index) => ({
        time: nanosAt(bytes, points.exemplars.time[index]),
        traceId: hexAt(bytes, points.exemplars.traceId[index], 16),
        spanId: hexAt(bytes, points.exemplars.spanId[index], 8),
        attributes: attributesOf(points.exemplars.attributes, index),
      })),
    };
  });
}

describe("on random valid requests our reader agrees with a generic protobuf library", () => {
  test.each([
    { signal: "traces", arbitrary: tracesRequest, ours: ourSpans, theirs: librarySpans },
    { signal: "logs", arbitrary: logsRequest, ours: ourLogs, theirs: libraryLogs },
    { signal: "metrics", arbitrary: metricsRequest, ours: ourPoints, theirs: libraryPoints },
  ] as const)("$signal", ({ signal, arbitrary, ours, theirs }) => {
    fc.assert(
      fc.property(arbitrary, (request) => {
        const body = encodeWithLibrary(signal, request);
        const expected = theirs(body);
        expect(ours(body)).toEqual(expected);
        const summary = validateRequest(signal, body);
        expect(summary.items).toBe(expected.length);
        expect(DECODE[signal](body).rejectedCount).toBe(summary.rejected);
      }),
      { numRuns: RUNS },
    );
  });
});

test("signal fields are the wanted attributes of whole rows, and nothing else differs", () => {
  const keys = wantedKeys(["http.route", "a", "ä€😀"]);
  fc.assert(
    fc.property(tracesRequest, (request) => {
      const body = encodeWithLibrary("traces", request);
      const whole = decodeTraces(body);
      const { attributes, ...fields } = decodeTraces(body, { attributes: keys, events: false, links: false });
      for (let row = 0; row < whole.rowCount; row++) {
        const wanted = attributesOf(whole.attributes, row).filter(({ key }) => keys.keys.includes(key));
        expect(attributesOf(attributes, row)).toEqual(wanted);
        for (let index = attributes.first[row]; index < attributes.first[row + 1]; index++) {
          expect(keys.keys[attributes.keyId[index]]).toBe(attributeKey(attributes, index));
        }
      }
      for (const name of ["scope", "traceId", "nameEnd", "kind", "durationNanos", "statusCode"] as const) {
        expect(fields[name].subarray(0, fields.rowCount)).toEqual(whole[name].subarray(0, whole.rowCount));
      }
      expect(fields.events.count + fields.links.count).toBe(0);
    }),
    { numRuns: RUNS },
  );
});

describe("JSON means the same as protobuf", () => {
  test.each(REQUESTS)("%s", (signal, arbitrary) => {
    const view = { traces: ourSpans, logs: ourLogs, metrics: ourPoints }[signal];
    fc.assert(
      fc.property(arbitrary, (request) => {
        const body = encodeWithLibrary(signal, request);
        expect(view(otlpJsonToProtobuf(signal, toOtlpJson(request)))).toEqual(view(body));
      }),
      { numRuns: RUNS },
    );
  });

  /** Ids in hex, bytes in base64, and numbers that JSON does not have as text. */
  function toOtlpJson(request: object): string {
    return JSON.stringify(request, (key, value: unknown) => {
      if (value instanceof Uint8Array)
        return Buffer.from(value).toString(key === "bytesValue" ? "base64" : "hex");
      if (typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))) {
        return Object.is(value, -0) ? "-0" : String(value);
      }
      return value;
    });
  }
});

describe("damaged requests", () => {
  test.each(REQUESTS)(
    "%s: what validation lets through can be decoded, and nothing else is thrown",
    (signal, arbitrary) => {
      const damage = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 });
      fc.assert(
        fc.property(arbitrary, damage, fc.nat(), (request, flips, cut) => {
          const whole = encodeWithLibrary(signal, request);
          const body = Buffer.from(
            whole.subarray(0, whole.length - (cut % 3 === 0 ? cut % (whole.length + 1) : 0)),
          );
          for (const [place, byte] of flips) if (body.length > 0) body[place % body.length] = byte;
          let isValid = true;
          try {
            validateRequest(signal, body);
          } catch (error) {
            expect(error).toBeInstanceOf(CollectorError);
            isValid = false;
          }
          const read = { traces: ourSpans, logs: ourLogs, metrics: ourPoints }[signal];
          if (isValid) read(body);
          else expect(isDecodedOrRefused(() => read(body))).toBe(true);
        }),
        { numRuns: RUNS * 3 },
      );
    },
  );

  function isDecodedOrRefused(read: () => void): boolean {
    try {
      read();
      return true;
    } catch (error) {
      return error instanceof CollectorError;
    }
  }
});
