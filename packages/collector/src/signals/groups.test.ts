import { describe, expect, test } from "vitest";
import { durationsOf, feedMetrics, feedSpans, processOf, START } from "../../test/signal-feeds.js";
import { compileSlo } from "../slo/compile.js";
import { SloConfig } from "../slo/config.js";
import { SloTracker } from "../slo/tracker.js";
import { SignalsConfig } from "./config.js";
import { groupLabel } from "./group-keys.js";
import { signalSeries } from "./series.js";
import { Signals } from "./signals.js";

const TENANT = "tenant.id";

function requestOf(tenant: string | undefined, second: number, isError = false) {
  return {
    endMs: START + second * 1_000,
    durationMs: 20,
    isError,
    attributes: {
      "http.request.method": "GET",
      "http.route": "/cart",
      ...(tenant === undefined ? {} : { [TENANT]: tenant }),
    },
  };
}

/** Requests and errors by value, as `/api/v1/services/{name}` shows them. */
function groupsOf(signals: Signals, nowMs: number): Record<string, [requests: number, errors: number]> {
  const [groups] = signals.service("checkout", nowMs)!.groups;
  return Object.fromEntries(
    (groups?.values ?? []).map(({ value, requests, errors }) => [value, [requests, errors]]),
  );
}

function sloByTenant(by: readonly string[] = [TENANT]): SloTracker {
  const config = { name: "slo", service: "checkout", objective: "99%", sli: { type: "availability" }, by };
  return new SloTracker([compileSlo(SloConfig.parse(config))]);
}

describe("signals by an attribute", () => {
  test("spans that carry it are told apart; others are in no group, and all are in the service's figures", () => {
    const signals = new Signals({ groupBy: [TENANT] });
    const spans = [
      ...Array.from({ length: 6 }, (_, second) => requestOf("acme", second, second < 2)),
      ...Array.from({ length: 3 }, (_, second) => requestOf("globex", second)),
      requestOf(undefined, 1),
    ];
    feedSpans(signals, spans);
    const detail = signals.service("checkout", START + 6_000)!;
    expect(detail.requests).toBe(10);
    expect(detail.groups).toMatchObject([{ attribute: TENANT, folded: 0 }]);
    expect(groupsOf(signals, START + 6_000)).toEqual({ acme: [6, 2], globex: [3, 0] });
    expect(detail.groups[0]!.values[0]!.latencySeconds.p95).toBeCloseTo(0.02, 3);
  });

  test("without the setting nothing is told apart", () => {
    const signals = new Signals();
    feedSpans(signals, [requestOf("acme", 1)]);
    expect(signals.service("checkout", START + 2_000)!.groups).toEqual([]);
  });

  test("an attribute of the resource holds for all its requests, and a span's own value wins", () => {
    const signals = new Signals({ groupBy: ["cloud.region", "http.request.method"] });
    const from = { ...processOf("checkout"), "cloud.region": "eu-1" };
    const [first, second] = [requestOf("acme", 1), requestOf("acme", 2)];
    feedSpans(
      signals,
      [first, { ...second, attributes: { ...second.attributes, "cloud.region": "eu-2" } }],
      from,
    );
    const { groups } = signals.service("checkout", START + 3_000)!;
    expect(
      groups.map(({ attribute, values }) => [attribute, values.map(({ value }) => value).sort()]),
    ).toEqual([
      ["cloud.region", ["eu-1", "eu-2"]],
      ["http.request.method", ["GET"]],
    ]);
  });

  test("a service counted by metrics that lack the attribute is told apart by its spans, and counted once", () => {
    const slo = sloByTenant();
    const signals = new Signals({ groupBy: [TENANT], sinceMs: START, sinks: [slo] });
    for (const second of [10, 20, 30]) {
      feedMetrics(signals, [durationsOf([{ timeMs: START + second * 1_000, count: second }])]);
      feedSpans(
        signals,
        Array.from({ length: 10 }, (_, index) => requestOf("acme", second - 9 + index, index === 0)),
      );
    }
    const detail = signals.service("checkout", START + 30_500)!;
    expect(detail).toMatchObject({ source: "metrics", requests: 30 });
    expect(groupsOf(signals, START + 30_500)).toEqual({ acme: [30, 3] });
    expect(slo.find("slo", { tenant_id: "acme" })!.book.window(60_000, START + 60_000)).toEqual({
      bad: 3,
      total: 30,
    });
  });

  test("metrics that carry the attribute win over spans that do too", () => {
    const signals = new Signals({ groupBy: [TENANT], sinceMs: START });
    for (const second of [10, 20, 30]) {
      const attributes = { [TENANT]: "acme" };
      feedMetrics(signals, [durationsOf([{ timeMs: START + second * 1_000, count: second, attributes }])]);
      feedSpans(
        signals,
        Array.from({ length: 5 }, () => requestOf("acme", second)),
      );
    }
    expect(groupsOf(signals, START + 30_000)).toEqual({ acme: [30, 0] });
  });

  test("values that explode are folded, and it is said so", () => {
    const signals = new Signals({ groupBy: [TENANT], maxGroups: 3 });
    feedSpans(
      signals,
      Array.from({ length: 10 }, (_, index) => requestOf(`t${index}`, 1)),
    );
    const [groups] = signals.service("checkout", START + 2_000)!.groups;
    expect(groups!.folded).toBe(7);
    expect(groups!.values[0]).toMatchObject({ value: "{other}", requests: 7 });
  });

  test("as series each attribute is a label of its own, beside the service's own series", () => {
    const signals = new Signals({ groupBy: [TENANT] });
    feedSpans(signals, [requestOf("acme", 1, true), requestOf("acme", 2), requestOf("globex", 2)]);
    const samples = [...signalSeries(signals, START + 3_000)];
    const shown = samples
      .filter(({ labels }) => /^tocsin_service_group_.*_total$/.test(labels.__name__!))
      .map(({ labels, value, startMs }) => [
        labels.__name__!.slice(21),
        labels.tenant_id,
        value,
        startMs! - START,
      ]);
    expect(shown).toEqual([
      ["requests_total", "acme", 2, 1_000],
      ["errors_total", "acme", 1, 1_000],
      ["requests_total", "globex", 1, 2_000],
      ["errors_total", "globex", 0, 2_000],
    ]);
  });

  test("the latency of each value is a series too", () => {
    const signals = new Signals({ groupBy: [TENANT] });
    feedSpans(signals, [requestOf("acme", 1), requestOf("globex", 2)]);
    const shown = [...signalSeries(signals, START + 3_000)]
      .filter(({ labels }) => labels.__name__ === "tocsin_service_group_latency_seconds")
      .map(({ labels, value }) => [labels.tenant_id, labels.quantile, Number(value).toPrecision(1)]);
    const quantilesOf = (tenant: string) =>
      ["0.5", "0.95", "0.99"].map((quantile) => [tenant, quantile, "0.02"]);
    expect(shown).toEqual([...quantilesOf("acme"), ...quantilesOf("globex")]);
  });

  test("totals go on after a restart", () => {
    const before = new Signals({ groupBy: [TENANT] });
    feedSpans(before, [requestOf("acme", 1), requestOf("globex", 1, true)]);
    const after = new Signals({ groupBy: [TENANT] });
    after.restore(before.snapshot());
    feedSpans(after, [requestOf("acme", 2)]);
    expect(
      [...after.groupTotals()].map(({ value, requestsTotal, errorsTotal }) => [
        value,
        requestsTotal,
        errorsTotal,
      ]),
    ).toEqual([
      ["acme", 2, 0],
      ["globex", 1, 1],
    ]);
  });
});

describe("SLOs by an attribute", () => {
  test("each value has a budget of its own, together with a route where asked, also after a restart", () => {
    const tracker = sloByTenant(["route", TENANT]);
    const signals = new Signals({ groupBy: [TENANT], sinks: [tracker] });
    feedSpans(signals, [
      requestOf("acme", 1, true),
      requestOf("acme", 2),
      requestOf("globex", 2),
      requestOf(undefined, 2),
    ]);
    const restored = sloByTenant(["route", TENANT]);
    expect(restored.restore(tracker.snapshot())).toEqual([]);
    for (const each of [tracker, restored]) {
      const groups = each.tracked().map(({ group, book }) => [group, book.window(60_000, START + 60_000)]);
      expect(groups).toEqual([
        [
          { route: "GET /cart", tenant_id: "acme" },
          { bad: 1, total: 2 },
        ],
        [
          { route: "GET /cart", tenant_id: "globex" },
          { bad: 0, total: 1 },
        ],
      ]);
    }
  });
});

test.each([
  [TENANT, "tenant_id"],
  ["app.tenant-id", "app_tenant_id"],
  ["2nd", "key_2nd"],
])("the attribute %s becomes the label %s", (key, label) => {
  expect(groupLabel(key)).toBe(label);
});

test.each([["service"], ["route"], ["version"]])("%s cannot be grouped by: every service has it", (key) => {
  expect(SignalsConfig.safeParse({ group_by: [key] }).success).toBe(false);
});

test("two attributes with one label are refused", () => {
  expect(SignalsConfig.safeParse({ group_by: ["tenant.id", "tenant_id"] }).success).toBe(false);
});
