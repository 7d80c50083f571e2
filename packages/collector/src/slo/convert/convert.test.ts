import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { naturalAnchor } from "../calendar.js";
import { compileSlo } from "../compile.js";
import { SloConfig } from "../config.js";
import { readSloDocuments } from "../documents/read-documents.js";
import { errorBudgetOf, type Sli, type SloSpec } from "../spec.js";
import { toOpenSlo } from "./openslo-form.js";
import { toShortForm } from "./short-form.js";

const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/);
const text = fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9 _./-]{0,20}[a-zA-Z0-9]$/);
const texts = fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9_]{0,10}$/), text, { maxKeys: 3 });
const seconds = (min: number, max: number) => fc.integer({ min, max }).map((value) => value * 1_000);
const routes = fc.array(fc.constantFrom("/pay", "POST /pay"), { maxLength: 2 });
const everyMs = fc.constantFrom(1_000, 10_000, 60_000);

const sli: fc.Arbitrary<Sli> = fc.oneof(
  fc.record({
    kind: fc.constant("availability" as const),
    thresholdSeconds: fc.constant(Number.POSITIVE_INFINITY),
    routes,
  }),
  fc.record({
    kind: fc.constant("latency" as const),
    thresholdSeconds: fc.integer({ min: 1, max: 9_999 }).map((ms) => ms / 1_000),
    routes,
  }),
  fc.record({
    kind: fc.constant("ratio" as const),
    form: fc.constantFrom("counter", "value"),
    good: fc.constant("ok_total"),
    bad: fc.constant(undefined),
    total: fc.constant("all_total"),
    everyMs,
  }),
  fc.record({
    kind: fc.constant("ratio" as const),
    form: fc.constant("rate" as const),
    good: fc.constant(undefined),
    bad: fc.constant("rate(bad_total[$window])"),
    total: fc.constant("rate(all_total[$window])"),
    everyMs,
  }),
  fc.record({
    kind: fc.constant("threshold" as const),
    query: fc.constant("age"),
    op: fc.constantFrom("lt", "lte", "gt", "gte"),
    value: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
    everyMs,
  }),
  fc.record({
    kind: fc.constant("raw" as const),
    query: fc.constant("ratio"),
    isErrorRatio: fc.constant(true),
    everyMs,
  }),
  fc.record({ kind: fc.constant("saturation" as const), below: fc.constantFrom(0.8, 0.07, 0.333), everyMs }),
  fc.record({
    kind: fc.constant("freshness" as const),
    maxAgeMs: seconds(1, 90_000),
    query: fc.option(fc.constant("last_success"), { nil: undefined }),
    routes,
    everyMs,
  }),
  fc.record({
    kind: fc.constant("composite" as const),
    parts: fc.array(fc.record({ slo: name, weight: fc.double({ min: 0.1, max: 9, noNaN: true }) }), {
      minLength: 1,
      maxLength: 3,
    }),
  }),
);

const pair = fc
  .record({
    severity: fc.constantFrom("page" as const, "ticket" as const),
    shortMs: seconds(10, 7_200),
    more: seconds(0, 86_400),
    burnRate: fc.double({ min: 0.5, max: 100, noNaN: true }),
  })
  .map(({ severity, shortMs, more, burnRate }) => ({ severity, shortMs, longMs: shortMs + more, burnRate }));
const severities = fc.record({ page: texts, ticket: texts });

/** Every SLO that the short form can say. */
const spec: fc.Arbitrary<SloSpec> = fc.record({
  name,
  description: fc.oneof(fc.constant(""), text),
  service: text,
  environment: fc.option(text, { nil: undefined }),
  objective: fc.integer({ min: 1, max: 999_999 }).map((value) => Number(`${value}e-6`)),
  period: fc.oneof(
    fc.record({ kind: fc.constant("rolling" as const), lengthMs: seconds(300, 5_000_000) }),
    fc.record({
      kind: fc.constant("calendar" as const),
      unit: fc.constantFrom(
        "hour" as const,
        "day" as const,
        "week" as const,
        "month" as const,
        "quarter" as const,
        "year" as const,
      ),
      count: fc.integer({ min: 1, max: 12 }),
      timeZone: fc.constantFrom("UTC", "Europe/Berlin"),
      anchor: fc.constantFrom(naturalAnchor(), {
        year: 2026,
        month: 2,
        day: 3,
        hour: 12,
        minute: 30,
        second: 5,
      }),
    }),
  ),
  sli,
  budgeting: fc.oneof(
    fc.constant({ kind: "occurrences" as const }),
    fc.record({
      kind: fc.constant("timeslices" as const),
      sliceMs: seconds(30, 7_200),
      target: fc.constantFrom(0.9, 1),
    }),
    fc.record({ kind: fc.constant("ratio-timeslices" as const), sliceMs: seconds(30, 7_200) }),
  ),
  by: fc.constantFrom<string[]>([], ["route"], ["version", "route"]),
  pairs: fc.array(pair, { minLength: 1, maxLength: 4 }),
  evidenceGate: fc.boolean(),
  onNoData: fc.constantFrom("keep", "alert", "ok"),
  forMs: seconds(0, 600),
  alertName: fc.constantFrom("ErrorBudgetBurn", "Other"),
  labels: texts,
  annotations: texts,
  severityLabels: severities,
  severityAnnotations: severities,
  disabled: fc.subarray(["page" as const, "ticket" as const]),
  actions: fc.record({ page: fc.array(name, { maxLength: 2 }), ticket: fc.array(name, { maxLength: 1 }) }),
  corrections: fc.constantFrom<SloSpec["corrections"]>(
    [],
    [
      { kind: "once", fromMs: 1_700_000_000_000, toMs: 1_700_000_600_000, reason: "moved" },
      {
        kind: "weekly",
        days: [0, 6],
        fromMinute: 125,
        toMinute: 30,
        timeZone: "Europe/Berlin",
        reason: "backup",
      },
    ],
  ),
  place: fc.constant(undefined),
});

function readBack(own: SloSpec): SloSpec {
  const { specs, problems } = readSloDocuments([{ file: "slo.yaml", text: stringify(toOpenSlo(own)) }]);
  expect(problems.filter(({ severity }) => severity === "error")).toEqual([]);
  expect(specs).toHaveLength(1);
  return { ...specs[0]!, place: undefined };
}

describe("every SLO of ours is the same", () => {
  test("when its short form is read back", () => {
    fc.assert(
      fc.property(spec, (own) => {
        expect(compileSlo(SloConfig.parse(toShortForm(own)))).toEqual(own);
      }),
      { numRuns: 300 },
    );
  });

  test("when it went through OpenSLO", () => {
    fc.assert(
      fc.property(spec, (own) => {
        expect(readBack(own)).toEqual(own);
      }),
      { numRuns: 300 },
    );
  });
});

test("plain OpenSLO needs no annotations of ours", () => {
  const config = {
    name: "orders",
    service: "shop",
    objective: "99.9%",
    sli: { type: "ratio", bad: "b_total", total: "t_total" },
  };
  const { metadata } = toOpenSlo(compileSlo(SloConfig.parse(config))) as {
    metadata: Record<string, unknown>;
  };
  expect(metadata).toEqual({ name: "orders" });
});

test.each([
  ["a file of other tools' making", "{", "This is not a part of an SLO in JSON."],
  ["a field that is none", '{"evidence":false}', /Unrecognized key: "evidence"/],
])("an annotation with %s is said so, with its place", (_, annotation, want) => {
  const own = compileSlo(
    SloConfig.parse({ name: "a", service: "b", objective: "99%", sli: { type: "availability" } }),
  );
  const document = toOpenSlo(own) as { metadata: { annotations: Record<string, string> } };
  document.metadata.annotations["tocsin/settings"] = annotation;
  const { problems } = readSloDocuments([{ file: "slo.yaml", text: stringify(document) }]);
  expect(problems).toMatchObject([
    { code: "slo/settings", line: 6, message: want instanceof RegExp ? expect.stringMatching(want) : want },
  ]);
});

const SLOTH = {
  version: "prometheus/v1",
  service: "shop",
  labels: { owner: "team" },
  slos: [
    {
      name: "requests-availability",
      objective: 99.95,
      description: "Answers",
      sli: { events: { error_query: "sum(rate(e[{{.window}}]))", total_query: "sum(rate(t[{{.window}}]))" } },
      alerting: {
        name: "HighErrors",
        annotations: { summary: "x" },
        page_alert: { labels: { severity: "pageteam" }, annotations: { runbook: "r" } },
        ticket_alert: { disable: true },
      },
    },
    {
      name: "Raw_ratio",
      objective: 95,
      sli: { raw: { error_ratio_query: "r[{{.window}}]" } },
      alerting: { name: "Raw" },
    },
  ],
};

describe("SLOs of Sloth", () => {
  const { specs } = readSloDocuments([{ file: "sloth.yaml", text: stringify(SLOTH) }]);

  test.each(specs.map((own) => [own.name, own] as const))(
    "%s keeps its thresholds, queries and words in either form",
    (_, own) => {
      const plain = { ...own, place: undefined };
      const thresholds = (each: SloSpec) =>
        each.pairs.map(({ shortMs, longMs, burnRate }) => [shortMs, longMs, burnRate * errorBudgetOf(each)]);
      const [short, open] = [compileSlo(SloConfig.parse(toShortForm(own))), readBack(own)];
      for (const back of [short, open]) expect(thresholds(back)).toEqual(thresholds(own));
      expect([short, open]).toEqual([plain, plain]);
    },
  );

  test("their queries keep Sloth's placeholder in OpenSLO", () => {
    expect(JSON.stringify(toOpenSlo(specs[0]!))).toContain("sum(rate(e[{{.window}}]))");
  });
});
