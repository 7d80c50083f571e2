import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ExpositionFormat, parseExposition, readSeriesText } from "./exposition.js";

/** Samples as `[labels, value, timeMs, exemplar]`. */
function parse(text: string, format: ExpositionFormat = "text") {
  return parseExposition(text, format).samples.map((sample) => [
    readSeriesText(sample.seriesText),
    sample.value,
    ...(sample.timeMs === undefined ? [] : [sample.timeMs]),
    ...(sample.exemplar === undefined ? [] : [sample.exemplar]),
  ]);
}

describe("text format", () => {
  test.each<[string, string, unknown[]]>([
    ["a bare name", "up 1", [{ __name__: "up" }, 1]],
    ["blanks anywhere", '  m { a = "b" ,\tc="d" , } \t 2.5e3  ', [{ __name__: "m", a: "b", c: "d" }, 2_500]],
    ["braces and commas in a value", 'm{a="},{"} 1', [{ __name__: "m", a: "},{" }, 1]],
    ["escapes", String.raw`m{a="x\\y\"z\n"} 1`, [{ __name__: "m", a: 'x\\y"z\n' }, 1]],
    ["a time in milliseconds", "m 1 1395066363000", [{ __name__: "m" }, 1, 1_395_066_363_000]],
    ["an empty label set", "m{} +Inf", [{ __name__: "m" }, Number.POSITIVE_INFINITY]],
    ["special values", "m NaN", [{ __name__: "m" }, Number.NaN]],
    ["negative infinity", "m -inf", [{ __name__: "m" }, Number.NEGATIVE_INFINITY]],
    [
      "a quoted name",
      '{"http.requests","http.route"="/"} 3',
      [{ __name__: "http.requests", "http.route": "/" }, 3],
    ],
    ["carriage returns", "m 1\r", [{ __name__: "m" }, 1]],
    ["UTF-8 values", 'm{a="größe"} 1', [{ __name__: "m", a: "größe" }, 1]],
  ])("%s", (_name, text, want) => {
    expect(parse(`${text}\n`)).toEqual([want]);
  });

  test("help, type and other comments", () => {
    const text = "# HELP m A\\nhelp with \\\\.\n# TYPE m counter\n# just talk\n\nm 1\n# TYPE old untyped\n";
    const { families, samples } = parseExposition(text, "text");
    expect(Object.fromEntries(families)).toEqual({
      m: { type: "counter", help: "A\nhelp with \\.", unit: "" },
      old: { type: "unknown", help: "", unit: "" },
    });
    expect(samples).toHaveLength(1);
  });

  test.each([
    ["m", "a value after the name"],
    ["m one", 'a number, not "one"'],
    ["m 1 2 3", "a value and at most a timestamp"],
    ["m 1 1.5", "whole milliseconds"],
    ['m{a="b 1', "a closing brace"],
    ["# TYPE m colour", 'a metric type, not "colour"'],
  ])("refuses %j with its line", (text, reason) => {
    expect(() => parse(`ok 1\n${text}\n`)).toThrow(/Line 2 of the page/);
    expect(() => parse(`ok 1\n${text}\n`)).toThrow(reason);
  });

  test.each(['m{a="b" c="d"} 1', "m{=} 1", '{a="b"} 1', 'm{a="1",a="2"} 1', "0m 1"])(
    "refuses the labels of %j",
    (text) => {
      expect(() => parse(`${text}\n`)).toThrow("not Prometheus's format");
    },
  );
});

describe("OpenMetrics", () => {
  test("times in seconds, exemplars, units", () => {
    const text = [
      "# TYPE rpc histogram",
      "# UNIT rpc seconds",
      'rpc_bucket{le="0.1"} 8 1.5 # {trace_id="ab"} 0.067 1.25',
      "rpc_count 8 # {} 1",
      "# EOF\n",
    ].join("\n");
    expect(parse(text, "openmetrics")).toEqual([
      [
        { __name__: "rpc_bucket", le: "0.1" },
        8,
        1_500,
        { labels: { trace_id: "ab" }, value: 0.067, timeMs: 1_250 },
      ],
      [{ __name__: "rpc_count" }, 8, { labels: {}, value: 1, timeMs: undefined }],
    ]);
    expect(parseExposition(text, "openmetrics").families.get("rpc")?.unit).toBe("seconds");
  });

  test("a page that does not end is refused, and one that goes on after its end", () => {
    expect(() => parse("m 1\n", "openmetrics")).toThrow("# EOF");
    expect(() => parse("m 1\n# EOF\nm 2\n", "openmetrics")).toThrow("nothing after # EOF");
  });
});

test("labels written are labels read, whatever the values", () => {
  const labelName = fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,8}$/).filter((name) => name !== "__proto__");
  fc.assert(
    fc.property(
      fc.dictionary(labelName, fc.string({ unit: "grapheme" }), { noNullPrototype: true }),
      (labels) => {
        const { __name__: _, ...others } = labels;
        const pairs = Object.entries(others).map(([name, value]) => {
          const escaped = value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
          return `${name}="${escaped}"`;
        });
        expect(parse(`m{${pairs.join(",")}} 1\n`)).toEqual([[{ ...others, __name__: "m" }, 1]]);
      },
    ),
  );
});

test("any text is read or refused, never worse", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom("m", "{", "}", '"', "=", ",", " ", "1", "#", "\\", "\n") }),
      (text) => {
        try {
          parse(text);
        } catch (error) {
          expect(error).toMatchObject({ code: "SCRAPE_MALFORMED" });
        }
      },
    ),
    { numRuns: 300 },
  );
});
