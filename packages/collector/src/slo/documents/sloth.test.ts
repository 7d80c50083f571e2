import { formatProblemLine } from "@tocsin/model/config";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { errorBudgetOf } from "../spec.js";
import { readSloDocuments } from "./read-documents.js";
import { withUniqueNames } from "./unique-names.js";

function read(...documents: readonly unknown[]) {
  return readSloDocuments([
    { file: "slo.yaml", text: documents.map((each) => stringify(each)).join("---\n") },
  ]);
}

const EVENTS = { events: { error_query: "e[{{.window}}]", total_query: "t[{{.window}}]" } };
const SLO = { name: "a", objective: 99.9, sli: EVENTS, alerting: { name: "A" } };
const SPEC = { version: "prometheus/v1", service: "shop", slos: [SLO] };

describe("alert limits by Sloth's formula", () => {
  const minutes = (max: number) => fc.integer({ min: 1, max });
  const window = fc.record({
    percent: fc.integer({ min: 1, max: 1_000 }),
    short: minutes(600),
    long: minutes(6_000),
  });

  test("hold for every objective, period and window", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9_999_999 }),
        fc.integer({ min: 1, max: 365 }),
        fc.tuple(window, window, window, window),
        (objective, days, windows) => {
          const percent = objective / 100_000;
          const [pageQuick, pageSlow, ticketQuick, ticketSlow] = windows.map((each) => ({
            errorBudgetPercent: each.percent / 10,
            shortWindow: `${each.short}m`,
            longWindow: `${each.long}m`,
          }));
          const alertWindows = {
            apiVersion: "sloth.slok.dev/v1",
            kind: "AlertWindows",
            spec: {
              sloPeriod: `${days}d`,
              page: { quick: pageQuick, slow: pageSlow },
              ticket: { quick: ticketQuick, slow: ticketSlow },
            },
          };
          const slo = { ...SLO, objective: percent };
          const { specs, problems } = read({ ...SPEC, slos: [slo] }, alertWindows);
          expect(problems).toEqual([]);
          const [spec] = specs;
          expect(spec?.pairs.map(({ severity }) => severity)).toEqual(["page", "page", "ticket", "ticket"]);
          for (const [index, each] of windows.entries()) {
            const pair = spec!.pairs[index]!;
            // Sloth: hours of the period times the share of the budget, by hours of the window; times what may fail.
            const factor = (days * 24 * (each.percent / 10 / 100)) / (each.long / 60);
            const threshold = factor * ((100 - percent) / 100);
            const own = pair.burnRate * errorBudgetOf(spec!);
            expect(Math.abs(own - threshold)).toBeLessThan(1e-9 * Math.max(1, threshold));
            expect([pair.shortMs, pair.longMs]).toEqual([each.short * 60_000, each.long * 60_000]);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  test("are Sloth's own windows over 30 days unless a document brings others", () => {
    const [spec] = read(SPEC).specs;
    expect(spec?.period).toEqual({ kind: "rolling", lengthMs: 30 * 86_400_000 });
    expect(
      spec?.pairs.map(({ shortMs, longMs, burnRate }) => [shortMs / 60_000, longMs / 60_000, burnRate]),
    ).toEqual([
      [5, 60, 14.4],
      [30, 360, 6],
      [120, 1_440, 3],
      [360, 4_320, 1],
    ]);
  });
});

test("labels, annotations and switches of each severity are kept", () => {
  const alerting = {
    name: "HighErrors",
    labels: { category: "availability" },
    annotations: { summary: "Errors" },
    page_alert: { labels: { severity: "pageteam" }, annotations: { runbook: "page.md" } },
    ticket_alert: { disable: true, labels: { severity: "slack" } },
  };
  const { specs, problems } = read({
    ...SPEC,
    labels: { owner: "team", tier: 2, canary: false },
    slos: [{ ...SLO, labels: { own: "yes" }, alerting }],
  });
  expect(problems).toEqual([]);
  expect(specs[0]).toMatchObject({
    alertName: "HighErrors",
    labels: { owner: "team", tier: "2", canary: "false", own: "yes", category: "availability" },
    annotations: { summary: "Errors" },
    severityLabels: { page: { severity: "pageteam" }, ticket: { severity: "slack" } },
    severityAnnotations: { page: { runbook: "page.md" }, ticket: {} },
    disabled: ["ticket"],
  });
});

test("a Kubernetes resource means the same as the plain form, with status and all that kubectl adds", () => {
  const plain = {
    ...SPEC,
    slos: [
      SLO,
      {
        name: "raw",
        objective: 95,
        sli: { raw: { error_ratio_query: "r[{{.window}}]" } },
        alerting: { page_alert: { disable: true } },
      },
    ],
  };
  const resource = {
    apiVersion: "sloth.slok.dev/v1",
    kind: "PrometheusServiceLevel",
    metadata: { name: "x", namespace: "monitoring", labels: { a: "b" }, managedFields: [] },
    spec: {
      service: "shop",
      slos: [
        {
          name: "a",
          objective: "99.9",
          sli: { events: { errorQuery: "e[{{.window}}]", totalQuery: "t[{{.window}}]" } },
          alerting: { name: "A" },
        },
        {
          name: "raw",
          objective: 95,
          sli: { raw: { errorRatioQuery: "r[{{.window}}]" } },
          alerting: { pageAlert: { disable: true }, ticketAlert: null },
        },
      ],
    },
    status: { processedSLOs: 2, promOpRulesGenerated: true },
  };
  const [own, other] = [read(plain), read(resource)];
  expect([own.problems, other.problems]).toEqual([[], []]);
  const withoutPlace = ({ specs }: typeof own) => specs.map((spec) => ({ ...spec, place: undefined }));
  expect(withoutPlace(other)).toEqual(withoutPlace(own));
  expect(own.specs.map(({ sli }) => sli.kind)).toEqual(["ratio", "raw"]);
});

test("plugins are named, those whose work is done here are not", () => {
  const { specs, problems } = read({
    ...SPEC,
    slo_plugins: { chain: [{ id: "sloth.dev/core/debug/v1" }, { id: "sloth.dev/contrib/info_labels/v1" }] },
    slos: [{ ...SLO, sli: { plugin: { id: "company/availability", options: { job: "x", limit: 3 } } } }],
  });
  expect(problems.map(formatProblemLine)).toEqual([
    'slo.yaml:8:9 The SLI plugin "company/availability" is a program of Sloth\'s; it cannot be run here, so the SLO has no data. Write the queries that it makes under sli.events.',
    'slo.yaml:17:11 The SLO plugin "sloth.dev/contrib/info_labels/v1" is a program of Sloth\'s; it cannot be run here, and what it adds to the rules is missing.',
  ]);
  expect(problems.map(({ severity }) => severity)).toEqual(["warning", "warning"]);
  expect(specs[0]?.sli).toEqual({
    kind: "unreadable",
    why: "the SLI plugin company/availability runs in Sloth only",
  });
});

test.each([
  [
    "an SLI of two kinds",
    { ...SLO, sli: { ...EVENTS, raw: { error_ratio_query: "r" } } },
    /exactly one of events, raw and plugin/,
  ],
  ["a ratio for an objective", { ...SLO, objective: 100 }, /in percent, over 0 and below 100/],
  ["a misspelt key", { ...SLO, alertting: {} }, /unknown key "alertting"\. Did you mean "alerting"\?/],
])("%s is a fault with its place", (_, slo, want) => {
  const lines = read({ ...SPEC, slos: [slo] }).problems.map(formatProblemLine);
  expect(lines.join("\n")).toMatch(want);
  expect(lines[0]).toMatch(/^slo\.yaml:\d+:\d+ /);
});

test("two services may each have an SLO of the same name; loaded together they are told apart", () => {
  const found = withUniqueNames(
    read(SPEC, { ...SPEC, service: "cart" }, { ...SPEC, service: "cart", slos: [{ ...SLO, name: "b" }] }),
  );
  expect(found.specs.map(({ name }) => name)).toEqual(["shop-a", "cart-a", "b"]);
  expect(found.specs.every((spec) => found.origins.has(spec))).toBe(true);
});

test("AlertWindows of a second period are refused, since an SLO has one period", () => {
  const window = { errorBudgetPercent: 2, shortWindow: "5m", longWindow: "1h" };
  const windows = (sloPeriod: string) => ({
    apiVersion: "sloth.slok.dev/v1",
    kind: "AlertWindows",
    spec: { sloPeriod, page: { quick: window, slow: window }, ticket: { quick: window, slow: window } },
  });
  const { problems } = read(windows("28d"), windows("7d"), SPEC);
  expect(problems.map(({ code }) => code)).toEqual(["slo/second-windows"]);
});
