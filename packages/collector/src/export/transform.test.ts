import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { logsRequest, metricsRequest, tracesRequest } from "../../test/otlp-arbitraries.js";
import { encodeWithLibrary } from "../../test/otlp-proto.js";
import {
  attributeKey,
  attributeText,
  decodeLogs,
  decodeMetrics,
  decodeTraces,
  hexAt,
  otlpJsonToProtobuf,
  textAt,
  validateRequest,
  valueText,
} from "../otlp/index.js";
import { limitRequest } from "../otlp/limit.js";
import { rewriteRequest } from "../otlp/rewrite.js";
import { RedactConfig } from "./redact.js";
import { createTransform } from "./transform.js";

const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });

function spansOf(...spans: object[]): Buffer {
  const ids = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" };
  return otlpJsonToProtobuf(
    "traces",
    JSON.stringify({
      resourceSpans: [
        {
          resource: { attributes: [attribute("service.name", "shop"), attribute("host.name", "h1")] },
          scopeSpans: [{ spans: spans.map((span) => ({ ...ids, ...span })) }],
        },
      ],
    }),
  );
}

function attributesOfFirst(body: Buffer): Record<string, string> {
  const { attributes } = decodeTraces(body);
  return Object.fromEntries(
    Array.from({ length: attributes.first[1] }, (_, index) => [
      attributeKey(attributes, index),
      attributeText(attributes, index),
    ]),
  );
}

describe("redaction", () => {
  const transform = createTransform({
    redact: RedactConfig.parse({
      drop_attributes: ["enduser\\..*"],
      mask_attributes: ["http\\.request\\.header\\.authorization"],
      mask_values: ["\\b\\d{4}-\\d{4}-\\d{4}-\\d{4}\\b", "\\$ecret"],
      replacement: "$1 gone",
    }),
  });

  test("drops and masks by name, masks inside values, also nested ones", () => {
    const body = spansOf({
      attributes: [
        attribute("enduser.id", "ana"),
        attribute("http.request.header.authorization", "Bearer x"),
        attribute("note", "card 1111-2222-3333-4444, $ecret"),
        attribute("plain", "stays"),
        {
          key: "list",
          value: { arrayValue: { values: [{ stringValue: "1111-2222-3333-4444" }, { intValue: 7 }] } },
        },
        {
          key: "map",
          value: { kvlistValue: { values: [attribute("enduser.name", "Ana"), attribute("b", "ok")] } },
        },
      ],
    });
    expect(attributesOfFirst(transform?.("traces", body) ?? Buffer.alloc(0))).toEqual({
      "http.request.header.authorization": "$1 gone",
      note: "card $1 gone, $1 gone",
      plain: "stays",
      list: '["$1 gone",7]',
      map: '{"b":"ok"}',
    });
  });

  test("reaches log bodies and resources", () => {
    const body = otlpJsonToProtobuf(
      "logs",
      JSON.stringify({
        resourceLogs: [
          {
            resource: { attributes: [attribute("enduser.id", "ana"), attribute("service.name", "shop")] },
            scopeLogs: [{ logRecords: [{ body: { stringValue: "paid with 1111-2222-3333-4444" } }] }],
          },
        ],
      }),
    );
    const logs = decodeLogs(transform?.("logs", body) ?? Buffer.alloc(0));
    expect(valueText(logs.bytes, logs.bodyKind[0], logs.bodyStart[0], logs.bodyEnd[0])).toBe(
      "paid with $1 gone",
    );
    expect(logs.resources[0].attributes).toEqual([{ key: "service.name", value: "shop" }]);
  });

  test("a request without anything to redact is passed on as the very same bytes", () => {
    const body = spansOf({ attributes: [attribute("plain", "stays")] });
    expect(transform?.("traces", body)).toBe(body);
  });

  test("refuses what is not RE2", () => {
    expect(RedactConfig.safeParse({ mask_values: ["(?=look)"] }).success).toBe(false);
  });
});

describe("resource attributes", () => {
  const transform = createTransform({
    resourceAttributes: { "k8s.pod.name": "shop-1", "host.name": "node-7" },
  });

  test("are added where they are missing and never overwrite the sender's", () => {
    const spans = decodeTraces(transform?.("traces", spansOf({})) ?? Buffer.alloc(0));
    expect(spans.resources[0].attributes).toEqual([
      { key: "service.name", value: "shop" },
      { key: "host.name", value: "h1" },
      { key: "k8s.pod.name", value: "shop-1" },
    ]);
  });

  test("are added where there is no resource at all", () => {
    const body = otlpJsonToProtobuf("logs", '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]}');
    const logs = decodeLogs(transform?.("logs", body) ?? Buffer.alloc(0));
    expect(logs.resources[0].attributes).toHaveLength(2);
    expect(logs.rowCount).toBe(1);
  });
});

describe("sampling", () => {
  const ids = (random: string) => ({ traceId: `0af7651916cd43dd84${random}`, name: random });

  test("keeps the traces above the threshold and writes it into their trace state", () => {
    const transform = createTransform({ sample: { traces: 0.25 } });
    const body = spansOf(
      { ...ids("bfffffffffffff") },
      { ...ids("c0000000000000"), traceState: "vendor=1" },
      { ...ids("ffffffffffffff"), traceState: "ot=rv:1;th:8,vendor=1" },
      { ...ids("00000000000000"), traceState: "ot=th:e" },
    );
    const spans = decodeTraces(transform?.("traces", body) ?? Buffer.alloc(0));
    const rows = Array.from({ length: spans.rowCount }, (_, row) => [
      hexAt(spans.bytes, spans.traceId[row], 16).slice(18),
      textAt(spans.bytes, spans.traceStateStart[row], spans.traceStateEnd[row]),
    ]);
    expect(rows).toEqual([
      ["c0000000000000", "ot=th:c,vendor=1"],
      ["ffffffffffffff", "ot=th:c;rv:1,vendor=1"],
      ["00000000000000", "ot=th:e"],
    ]);
  });

  test("a request of which nothing is left is not sent", () => {
    expect(
      createTransform({ sample: { traces: 0.5 } })?.("traces", spansOf(ids("00000000000000"))),
    ).toBeUndefined();
  });

  test("leaves logs and metrics alone", () => {
    const body = otlpJsonToProtobuf("logs", '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]}');
    expect(createTransform({ sample: { traces: 0.5 } })?.("logs", body)).toBe(body);
  });
});

describe("limits", () => {
  test("cut what is beyond them, at a character, and count it", () => {
    const body = spansOf({
      attributes: [attribute("a", "ää"), attribute("b", "abc"), attribute("c", "c"), attribute("d", "d")],
    });
    const limited = limitRequest("traces", body, { maxAttributes: 3, maxAttributeLength: 3 });
    expect(attributesOfFirst(limited.body)).toEqual({ a: "ä", b: "abc", c: "c" });
    // "shop" of the resource is cut too.
    expect([limited.droppedAttributes, limited.shortenedAttributes]).toEqual([1, 2]);
  });
});

test.each([
  ["traces", tracesRequest],
  ["logs", logsRequest],
  ["metrics", metricsRequest],
] as const)("%s: rewriting that masks everything keeps every item and every name", (signal, arbitrary) => {
  fc.assert(
    fc.property(arbitrary, (request) => {
      const body = encodeWithLibrary(signal, request);
      const masked = rewriteRequest(signal, body, { attribute: () => ({ text: "x" }) });
      expect(validateRequest(signal, masked)).toEqual(validateRequest(signal, body));
      const namesOf = (bytes: Buffer): [string, string][] => {
        const columns = { traces: decodeTraces, logs: decodeLogs, metrics: decodeMetrics }[signal](bytes);
        const { attributes } = columns;
        const rows = columns.signal === "metrics" ? columns.pointCount : columns.rowCount;
        return Array.from({ length: attributes.first[rows] }, (_, index) => [
          attributeKey(attributes, index),
          attributeText(attributes, index),
        ]);
      };
      expect(namesOf(masked)).toEqual(namesOf(body).map(([key]) => [key, "x"]));
      expect(rewriteRequest(signal, body, { attribute: () => "keep" })).toBe(body);
    }),
    { numRuns: 100 },
  );
});
