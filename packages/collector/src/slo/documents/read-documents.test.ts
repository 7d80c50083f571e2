import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { formatProblemLine } from "@tocsin/model/config";
import { describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { SloLedger } from "../ledger.js";
import { errorBudgetOf, type SloSpec } from "../spec.js";
import { remainingBudget } from "../status.js";
import { readSloDocuments } from "./read-documents.js";

const CONFORMANCE =
  process.env.TOCSIN_CONFORMANCE ?? resolve(import.meta.dirname, "../../../../../../shared/conformance");
const isThere = existsSync(join(CONFORMANCE, "sloth")) && existsSync(join(CONFORMANCE, "openslo"));
if (!isThere) console.warn(`skipped: no conformance data at ${CONFORMANCE}`);

function read(text: string, file = "slo.yaml") {
  return readSloDocuments([{ file, text }]);
}

interface Rule {
  readonly alert?: string;
  readonly expr: string;
}

/** Threshold by service, SLO and window, from generated rules: `rateW{…} > (factor * budget)`. */
function generatedThresholds(text: string): Map<string, number> {
  const thresholds = new Map<string, number>();
  for (const document of parseAllDocuments(text)) {
    const value = document.toJS() as { groups?: { rules: Rule[] }[]; spec?: { groups: { rules: Rule[] }[] } };
    for (const { expr, alert } of (value.groups ?? value.spec?.groups ?? []).flatMap(({ rules }) => rules)) {
      if (alert === undefined) continue;
      const limit =
        /ratio_rate(\w+)\{[^}]*sloth_service="([^"]+)", sloth_slo="([^"]+)"\} > \((\S+) \* (\S+?)\)/g;
      for (const [, window, service, slo, factor, budget] of expr.matchAll(limit)) {
        thresholds.set(`${service}/${slo}/${window}`, Number(factor) * Number(budget));
      }
    }
  }
  return thresholds;
}

const WINDOWS: Readonly<Record<string, number>> = {
  "5m": 300_000,
  "30m": 1_800_000,
  "1h": 3_600_000,
  "2h": 7_200_000,
  "6h": 21_600_000,
  "1d": 86_400_000,
  "3d": 259_200_000,
};

function ownThresholds(specs: readonly SloSpec[]): Map<string, Set<number>> {
  const thresholds = new Map<string, Set<number>>();
  for (const spec of specs) {
    for (const { shortMs, longMs, burnRate } of spec.pairs) {
      for (const windowMs of [shortMs, longMs]) {
        const window = Object.keys(WINDOWS).find((name) => WINDOWS[name] === windowMs);
        const key = `${spec.service}/${spec.name}/${window}`;
        thresholds.set(key, (thresholds.get(key) ?? new Set()).add(burnRate * errorBudgetOf(spec)));
      }
    }
  }
  return thresholds;
}

describe.skipIf(!isThere)("Sloth", () => {
  const files = isThere
    ? readdirSync(join(CONFORMANCE, "sloth")).filter((name) => /\.ya?ml$/.test(name))
    : [];

  test.each(files)("%s gives every threshold of its generated rules to 1e-9", (file) => {
    const { specs, problems } = read(readFileSync(join(CONFORMANCE, "sloth", file), "utf8"), file);
    expect(problems.filter(({ severity }) => severity === "error")).toEqual([]);
    const own = ownThresholds(specs);
    const generated = readFileSync(join(CONFORMANCE, "sloth/generated", file), "utf8");
    const objectives = [...generated.matchAll(/expr: vector\((0\.\d+)\)/g)].map(([, value]) => Number(value));
    expect(objectives).toHaveLength(specs.length);
    for (const [index, value] of objectives.entries())
      expect(Math.abs(value - specs[index]!.objective)).toBeLessThan(1e-9);
    const wanted = generatedThresholds(generated);
    // What Sloth makes of OpenSLO has no alerts, only objectives.
    expect(wanted.size).toBeGreaterThanOrEqual(file.startsWith("openslo") ? 0 : 7);
    for (const [key, threshold] of wanted) {
      const values = [...(own.get(key) ?? [])];
      // 6h is the long window of one pair and the short window of another.
      expect(
        values.some((value) => Math.abs(value - threshold) < 1e-9),
        `${key}: ${values} for ${threshold}`,
      ).toBe(true);
    }
  });
});

describe.skipIf(!isThere)("OpenSLO", () => {
  const open = (file: string) => read(readFileSync(join(CONFORMANCE, "openslo", file), "utf8"), file);

  test("its examples are accepted, with a word on what cannot be read and on minutes that mean months", () => {
    const files = readdirSync(join(CONFORMANCE, "openslo"));
    expect(files.length).toBeGreaterThan(3);
    for (const file of files) {
      const { specs, problems } = open(file);
      expect(specs.length, file).toBeGreaterThan(0);
      expect(
        problems.filter(({ severity }) => severity === "error"),
        file,
      ).toEqual([]);
      expect(
        problems.map(({ code }) => code),
        file,
      ).toContain("slo/unreadable-source");
    }
    const together = readSloDocuments(
      files.map((file) => ({ file, text: readFileSync(join(CONFORMANCE, "openslo", file), "utf8") })),
    );
    expect(together.problems.filter(({ severity }) => severity === "error")).toEqual([]);
    const minutes = open("budgeting-method--timeslices-slo.yaml");
    expect(minutes.problems.map(formatProblemLine)).toContain(
      'budgeting-method--timeslices-slo.yaml:27:17 "1m" is one minute; a month is "1M". It is read as months here, since no calendar begins every minute.',
    );
    expect(minutes.specs.map(({ name, objective, period }) => [name, objective, period.kind])).toEqual([
      ["service-availability-internal-objective", 0.995, "calendar"],
      ["service-availability-sla", 0.99, "calendar"],
    ]);
  });
});

const SHOP = `apiVersion: openslo/v1
kind: SLO
metadata: { name: shop }
spec:
  service: shop
  indicator:
    metadata: { name: requests }
    spec:
      ratioMetric:
        counter: true
        good: { metricSource: { type: Prometheus, spec: { query: 'sum(ok_total)' } } }
        total: { metricSource: { type: Prometheus, spec: { query: 'sum(all_total)' } } }
  timeWindow: [{ duration: 2w, isRolling: true }]
  budgetingMethod: METHOD
  objectives: [{ target: 0.95, timeSliceTarget: 0.9, timeSliceWindow: 1m }]
`;
const SLICE = 60;
const SLICES = 20_160;
const BEGIN = 1_760_313_600;

/** What is left of the budget after two weeks, of which the first slices went badly. */
function remainingAfter(method: string, badSlices: number, badShare: number, goodShare: number): number {
  const { specs, problems } = read(SHOP.replace("METHOD", method));
  expect(problems).toEqual([]);
  const ledger = new SloLedger(specs[0]!);
  for (let slice = 0; slice < SLICES; slice++) {
    const share = slice < badSlices ? badShare : goodShare;
    ledger.record(BEGIN + slice * SLICE, 100 * share, 100);
    if (slice % 60 === 59) ledger.settle((BEGIN + (slice + 1) * SLICE) * 1_000);
  }
  const nowMs = (BEGIN + SLICES * SLICE) * 1_000;
  ledger.settle(nowMs);
  return remainingBudget(ledger, ledger.periodCounts(nowMs), nowMs);
}

describe("budgets of two weeks at 95 %, by the minute", () => {
  test("timeslices: 1,008 bad minutes spend it, whatever their share of bad events", () => {
    expect(remainingAfter("Timeslices", 1_007, 0.11, 0.01)).toBeGreaterThan(0);
    expect(remainingAfter("Timeslices", 1_008, 1, 0.01)).toBeCloseTo(0, 12);
    expect(remainingAfter("Timeslices", 1_009, 0.11, 0.01)).toBeLessThan(0);
    // A slice at its target is good.
    expect(remainingAfter("Timeslices", 5_000, 0.1, 0)).toBe(1);
  });

  test("ratio timeslices: a fall from 99 % to 1 % good spends it in 822.857 minutes", () => {
    const [before, after] = [822, 823].map((minutes) =>
      remainingAfter("RatioTimeslices", minutes, 0.99, 0.01),
    );
    expect(before).toBeGreaterThan(0);
    expect(after).toBeLessThan(0);
    expect(822 + before! / (before! - after!)).toBeCloseTo(822.857, 3);
  });

  test("occurrences: what counts is events", () => {
    const { specs } = read(SHOP.replace("METHOD", "Occurrences"));
    const ledger = new SloLedger(specs[0]!);
    ledger.record(BEGIN, 50, 1_000);
    const nowMs = (BEGIN + 60) * 1_000;
    expect(remainingBudget(ledger, ledger.periodCounts(nowMs), nowMs)).toBeCloseTo(0, 12);
  });
});

describe("OpenSLO documents together", () => {
  const PARTS = `---
apiVersion: openslo/v1
kind: DataSource
metadata: { name: prom }
spec: { type: Prometheus, connectionDetails: { url: x } }
---
apiVersion: openslo/v1
kind: SLI
metadata: { name: ready }
spec: { thresholdMetric: { metricSource: { metricSourceRef: prom, spec: { query: queue_age } } } }
---
apiVersion: openslo/v1
kind: AlertCondition
metadata: { name: fast }
spec:
  severity: page
  condition: { kind: burnrate, op: gt, threshold: 10, lookbackWindow: 1h, alertAfter: 5m }
---
apiVersion: openslo/v1
kind: AlertPolicy
metadata: { name: wake }
spec: { alertWhenBreaching: true, alertWhenNoData: true, conditions: [{ conditionRef: fast }] }
---
apiVersion: openslo/v1
kind: SLO
metadata: { name: queue }
spec:
  service: worker
  indicatorRef: ready
  timeWindow: [{ duration: 1M, calendar: { startTime: 2026-01-01 00:00:00, timeZone: Europe/Berlin } }]
  budgetingMethod: Occurrences
  alertPolicies: [{ alertPolicyRef: wake }]
  objectives: [{ op: lt, value: 30, targetPercent: 99 }]
`;

  test("references lead to what they name, and a policy becomes a pair", () => {
    const { specs, problems } = read(PARTS);
    expect(problems).toEqual([]);
    expect(specs[0]).toMatchObject({
      name: "queue",
      objective: 0.99,
      sli: { kind: "threshold", query: "queue_age", op: "lt", value: 30 },
      period: { kind: "calendar", unit: "month", timeZone: "Europe/Berlin" },
      pairs: [{ severity: "page", longMs: 3_600_000, shortMs: 300_000, burnRate: 10 }],
      onNoData: "alert",
      forMs: 300_000,
    });
  });

  test.each([
    [
      "a reference that leads nowhere is named with the nearest",
      PARTS.replace("indicatorRef: ready", "indicatorRef: raedy"),
      'slo.yaml:29:17 There is no SLI "raedy" in these files. Did you mean "ready"?',
    ],
    [
      "an unknown kind is named with the nearest",
      PARTS.replace("kind: AlertPolicy", "kind: AlertPolicey"),
      'slo.yaml:20:7 "AlertPolicey" is not a kind of OpenSLO. Did you mean "AlertPolicy"?',
    ],
    [
      "an unknown key is named with the nearest",
      PARTS.replace("budgetingMethod:", "budgettingMethod:"),
      'slo.yaml:31:3 spec: unknown key "budgettingMethod". Did you mean "budgetingMethod"?',
    ],
    [
      "a format that is none is said so",
      "apiVersion: opensIo/v1\nkind: SLO\n",
      'slo.yaml:1:13 This is neither an OpenSLO document (apiVersion: openslo/v1) nor one of Sloth (version: prometheus/v1). Did you mean "openslo/v1"?',
    ],
  ])("%s", (_, text, want) => {
    expect(read(text).problems.map(formatProblemLine)).toContain(want);
  });

  test("several indicators in one SLO make its parts and their whole", () => {
    const document = parse(SHOP.replace("METHOD", "Occurrences"));
    const { indicator } = document.spec;
    document.spec.indicator = undefined;
    document.spec.objectives = [
      { displayName: "Search", target: 0.99, indicator },
      { displayName: "Buy", target: 0.999, indicator, compositeWeight: 2 },
    ];
    const { specs, problems } = read(JSON.stringify(document));
    expect(problems).toEqual([]);
    expect(specs.map(({ name }) => name)).toEqual(["shop-search", "shop-buy", "shop"]);
    expect(specs[2]!.sli).toEqual({
      kind: "composite",
      parts: [
        { slo: "shop-search", weight: 1 },
        { slo: "shop-buy", weight: 2 },
      ],
    });
  });
});
