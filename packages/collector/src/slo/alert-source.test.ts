import type { RuleResult } from "@tocsin/alerts";
import { expect, test } from "vitest";
import { SloAlertSource } from "./alert-source.js";
import { compileSlo } from "./compile.js";
import { SloConfig } from "./config.js";
import { createSliReader } from "./sli-reader.js";
import { SloTracker } from "./tracker.js";

/** 2026-11-20T14:13:50Z */
const NOW = Date.parse("2026-11-20T14:13:50Z");

function trackerOf(options: Record<string, unknown> = {}): SloTracker {
  const config = SloConfig.parse({
    name: "checkout-availability",
    service: "checkout",
    objective: "99.9%",
    sli: { type: "availability" },
    actions: { page: ["rollback-checkout"] },
    ...options,
  });
  return new SloTracker([compileSlo(config, "tocsin.yaml:3")]);
}

const REQUESTS = {
  service: "checkout",
  version: "1.42.0",
  environment: "",
  route: "/pay",
  isError: false,
  errorType: "",
  kind: "server" as const,
  attribute: () => "",
  countSlowerThan: () => 0,
};

/** Requests at 40/s up to `NOW`, 9.2 % of them bad since `badSinceSeconds` ago. */
function feed(tracker: SloTracker, seconds: number, badSinceSeconds: number, route = "/pay"): void {
  for (let ago = seconds; ago >= 1; ago--) {
    const second = NOW / 1_000 - ago;
    for (const isError of [false, true]) {
      const bad = ago <= badSinceSeconds ? 3.68 : 0;
      tracker.onRequests({
        ...REQUESTS,
        route,
        fromSecond: second,
        toSecond: second,
        count: isError ? bad : 40 - bad,
        isError,
        errorType: isError ? "TimeoutError" : "",
      });
    }
  }
}

function shown(results: readonly RuleResult[]): unknown[] {
  return results.map(({ rule, outcome }) =>
    outcome.kind === "samples" ? [rule.id, outcome.samples.length] : [rule.id, outcome.kind],
  );
}

test("an alert's evidence says where the bad events are", async () => {
  const tracker = trackerOf();
  feed(tracker, 3_600, 900);
  feed(tracker, 3_600, 300, "/cart");
  const [page] = await new SloAlertSource(tracker).evaluate(NOW);
  const outcome = page!.outcome;
  if (outcome.kind !== "samples") throw new Error(outcome.kind);
  const { where } = outcome.samples[0]!.evidence!();
  expect(where!.map(({ by, value, share }) => [by, value, share.toFixed(3)])).toEqual([
    ["route", "/pay", "0.750"],
    ["route", "/cart", "0.250"],
    ["version", "1.42.0", "1.000"],
    ["error", "TimeoutError", "1.000"],
  ]);
});

test("an SLO that burns pages with its numbers, in words, with its actions and its evidence", async () => {
  const tracker = trackerOf();
  feed(tracker, 3_600, 600);
  const source = new SloAlertSource(tracker);
  const [page] = await source.evaluate(NOW);
  expect(page!.rule).toMatchObject({
    name: "ErrorBudgetBurn",
    id: "checkout-availability/page",
    actions: ["rollback-checkout"],
    place: "tocsin.yaml:3",
    path: "/slos/checkout-availability",
    condition:
      "SLO checkout-availability: burn rate over 14.4 in 1h and 5m, or burn rate over 6 in 6h and 30m",
  });
  const outcome = page!.outcome;
  if (outcome.kind !== "samples") throw new Error(outcome.kind);
  const [sample] = outcome.samples;
  expect(sample!.labels).toEqual({ service: "checkout", slo: "checkout-availability", severity: "page" });
  expect(sample!.annotations).toMatchObject({
    summary: "checkout-availability spends its error budget 92 times too fast",
    description:
      "Bad events: 1,104 of 12,000 (9.2 %) in 5 min and 2,208 of 144,000 (1.53 %) in 1 h. The limit is 14.4 times the " +
      "pace that keeps 99.9 % over 30d. The budget is overspent by 1430 %.",
    window: "1h and 5m",
    burn_rate: "15.3",
  });
  expect(sample!.evidence!().windows![0]).toMatchObject({
    window: "5m",
    bad: 1_104,
    total: 12_000,
    limit: 14.4,
  });
  expect(source.rules()[0]).toBe(page!.rule);
});

test("the words that messages use: when the budget ends, and what the incident has spent of it", async () => {
  const tracker = trackerOf();
  const longAgo = NOW / 1_000 - 5 * 86_400;
  tracker.onRequests({ ...REQUESTS, fromSecond: longAgo, toSecond: longAgo, count: 9_856_000 });
  feed(tracker, 3_600, 600);
  const [page] = await new SloAlertSource(tracker).evaluate(NOW);
  if (page!.outcome.kind !== "samples") throw new Error(page!.outcome.kind);
  // 2,208 bad ones; a thousandth of 10,000,000 is allowed. What is left, of 30 days, goes 92 times as fast.
  expect(page!.outcome.samples[0]!.annotations).toMatchObject({
    budget_spent: "22.1 %",
    budget_remaining: "77.9 %",
    exhaustion: "6 h 5 min",
  });
});

test.each([
  { name: "a healthy service raises nothing", bad: 0, silence: 0, options: {}, want: ["samples", "samples"] },
  {
    name: "a service that fell silent while burning is unknown, not well",
    bad: 576,
    silence: 2_000,
    options: {},
    want: ["no-data", "samples"],
  },
  {
    name: "silence is an alert where the SLO says so",
    bad: 0,
    silence: 300_000,
    options: { alerting: { no_data: "alert" } },
    want: ["no-data", "no-data"],
  },
])("$name", async ({ bad, silence, options, want }) => {
  const tracker = trackerOf({ ...options, window: "30d" });
  feed(tracker, 3_600, bad);
  const results = await new SloAlertSource(tracker).evaluate(NOW + silence * 1_000);
  expect(results.map(({ outcome }) => outcome.kind)).toEqual(want);
});

test("groups of one SLO are alerts of one rule, each with its label", async () => {
  const tracker = trackerOf({ by: ["route"] });
  feed(tracker, 3_600, 576, "/pay");
  feed(tracker, 3_600, 0, "/cart");
  const results = await new SloAlertSource(tracker).evaluate(NOW);
  expect(shown(results)).toEqual([
    ["checkout-availability/page", 1],
    ["checkout-availability/ticket", 1],
  ]);
  const outcome = results[0]!.outcome;
  expect(outcome.kind === "samples" && outcome.samples[0]!.labels.route).toBe("/pay");
});

test("an action reads the indicator over its own window, and nothing where nothing was received", async () => {
  const tracker = trackerOf();
  feed(tracker, 3_600, 576);
  const reader = createSliReader(tracker);
  const reading = await reader.read("checkout-availability", 60_000, NOW);
  expect(reading).toMatchObject({ total: 2_400, windowMs: 60_000, endMs: NOW });
  expect(reading!.errorRatio).toBeCloseTo(0.092, 3);
  expect(reading!.burnRate).toBeCloseTo(92, 0);
  expect(await reader.read("checkout-availability", 60_000, NOW + 120_000)).toBeUndefined();
  expect(await reader.read("other", 60_000, NOW)).toBeUndefined();
});
