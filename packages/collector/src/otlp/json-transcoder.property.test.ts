import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { logsRequest, metricsRequest, tracesRequest } from "../../test/otlp-arbitraries.js";
import type { OtlpSignal } from "./columns.js";
import { protobufOfText } from "./json.js";
import { transcodeJson } from "./json-transcoder.js";
import { REQUEST } from "./schema.js";

const REQUESTS: readonly [OtlpSignal, fc.Arbitrary<object>][] = [
  ["traces", tracesRequest],
  ["logs", logsRequest],
  ["metrics", metricsRequest],
];
const RUNS = 150;

const once = (signal: OtlpSignal, text: string) => transcodeJson(REQUEST[signal], Buffer.from(text));

/** OTLP/JSON of a request in the generic library's form, with white space as some senders have it. */
function toJson(request: object, space: string): string {
  return JSON.stringify(
    request,
    (key, value: unknown) =>
      value instanceof Uint8Array
        ? Buffer.from(value).toString(key === "bytesValue" ? "base64" : "hex")
        : typeof value === "number" && !Number.isFinite(value)
          ? String(value)
          : value,
    space,
  );
}

describe("in one pass a request becomes the very bytes it becomes by way of JSON.parse", () => {
  test.each(REQUESTS)("%s", (signal, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, fc.constantFrom("", " ", "\t\r\n"), (request, space) => {
        const text = toJson(request, space);
        expect(once(signal, text)?.toString("hex")).toBe(protobufOfText(signal, text).toString("hex"));
      }),
      { numRuns: RUNS },
    );
  });

  const gauge = (value: string) =>
    `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":[{"asDouble":${value}}]}}]}]}]}`;
  const span = (field: string, value: string) =>
    `{"resourceSpans":[{"scopeSpans":[{"spans":[{"${field}":${value}}]}]}]}`;
  const attribute = (value: string) => span("attributes", `[{"key":"k","value":${value}}]`);

  test("numbers", () => {
    const digits = fc.stringMatching(/^-?\d{1,20}(\.\d{1,18})?([eE][+-]?\d{1,3})?$/);
    const number = fc.oneof(
      digits,
      fc.double().map(String),
      fc.bigInt({ min: -(1n << 64n), max: 1n << 64n }).map(String),
      fc.constantFrom(
        "-0",
        "01",
        "1.",
        ".5",
        "-",
        "1e5",
        "0.1",
        "0",
        "00",
        "NaN",
        "9007199254740993",
        "[]",
        "{}",
      ),
    );
    const place = fc.constantFrom(
      gauge,
      (value: string) => span("startTimeUnixNano", value),
      (value: string) => span("kind", value),
      (value: string) => span("flags", value),
      (value: string) => span("droppedEventsCount", value),
      (value: string) => attribute(`{"intValue":${value}}`),
      (value: string) =>
        gauge(
          `0}]},"histogram":{"dataPoints":[{"bucketCounts":[${value},0,${value}],"explicitBounds":[${value}]`,
        ),
    );
    fc.assert(
      fc.property(number, fc.boolean(), place, (value, isQuoted, put) => {
        const text = put(isQuoted ? `"${value}"` : value);
        agree(text.startsWith('{"resourceMetrics') ? "metrics" : "traces", text);
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    {
      name: "escapes",
      text: attribute(String.raw`{"stringValue":"a\"\\\/\b\f\n\r\t\u00e4\ud83d\ude00\ud800"}`),
    },
    { name: "long texts", text: attribute(`{"stringValue":"${"ä".repeat(20_000)}"}`) },
    { name: "enum names", text: span("kind", '"SPAN_KIND_SERVER"') },
    { name: "snake_case", text: span("start_time_unix_nano", "17") },
    { name: "null", text: `{"resourceSpans":[null,{"scopeSpans":null}]}` },
    { name: "unknown fields", text: span("later", String.raw`[{"a":[1,true,null,"\n",{}]},-1.5e3]`) },
  ])("$name", ({ text }) => {
    expect(once("traces", text)).toEqual(protobufOfText("traces", text));
  });

  test.each([
    { name: "a key that comes twice", text: `{"resourceSpans":[{"scopeSpans":[]}],"resourceSpans":[]}` },
    { name: "both spellings of a key", text: `{"resourceSpans":[{"scopeSpans":[{}],"scope_spans":[]}]}` },
    { name: "a key with escapes", text: String.raw`{"resource\u0053pans":[{}]}` },
  ])("$name is left to JSON.parse", ({ text }) => {
    expect(once("traces", text)).toBeUndefined();
    protobufOfText("traces", text);
  });
});

test.each(REQUESTS)(
  "%s: damaged, a request is left alone or means what JSON.parse says",
  (signal, arbitrary) => {
    const piece = fc.constantFrom(...'{}[]:,"\\0159-.eEntu \n\u0001ä', "null", "true", '"a":', "1e999", "}]");
    const damage = fc.array(fc.tuple(fc.nat(), piece, fc.nat({ max: 2 })), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(arbitrary, damage, (request, edits) => {
        let text = toJson(request, "");
        for (const [place, inserted, removed] of edits) {
          const at = place % (text.length + 1);
          text = text.slice(0, at) + inserted + text.slice(at + removed);
        }
        agree(signal, text);
      }),
      { numRuns: RUNS * 4 },
    );
  },
);

/** What one pass reads, JSON.parse reads to the same bytes. */
function agree(signal: OtlpSignal, text: string): void {
  const bytes = once(signal, text);
  if (bytes !== undefined) expect(bytes.toString("hex")).toBe(protobufOfText(signal, text).toString("hex"));
}
