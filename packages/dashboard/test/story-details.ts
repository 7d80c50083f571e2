import type { Deployment, Slo, SloDetail } from "../src/state/api-types.js";

/** One SLO of the story with where its budget went. */
export function detailOf(slo: Slo): SloDetail {
  const counts = { bad: 1_104, total: 12_000, burnRate: 92 };
  return {
    ...slo,
    alerts: [
      {
        severity: "page",
        shortWindow: "5m",
        longWindow: "1h",
        limit: 14.4,
        state: "firing",
        short: counts,
        long: counts,
      },
    ],
    spentBy: [
      { by: "route", value: "POST /pay", bad: 1_104, total: 2_400, share: 1, budgetRatio: 0.59 },
      { by: "version", value: "1.42.0", bad: 1_090, total: 2_000, share: 0.987, budgetRatio: 0.58 },
      { by: "error", value: "TypeError", bad: 1_104, total: 1_104, share: 1, budgetRatio: 0.59 },
    ],
    burnDown: [
      { at: "2026-11-20T14:00:00.000Z", budgetRemainingRatio: 1 },
      { at: "2026-11-20T15:00:00.000Z", budgetRemainingRatio: 0.41 },
    ],
    corrections: [
      {
        from: "2026-11-19T02:00:00.000Z",
        to: "2026-11-19T04:00:00.000Z",
        reason: "moved the database",
        by: "ana",
      },
    ],
  };
}

const before = {
  requests: 2_400,
  trafficPerSecond: 4,
  errorRatio: 0,
  latencySeconds: { p50: 0.01, p95: 0.02, p99: 0.03 },
};

/** The deployment that the story is about. */
export const DEPLOYMENT: Deployment = {
  id: "checkout@@1.42.0@1",
  environment: "",
  version: "1.42.0",
  previousVersion: "1.41.3",
  changed: ["version"],
  at: "2026-11-20T14:03:40.000Z",
  source: "marked",
  by: "ci",
  before,
  after: { ...before, requests: 1_230, errorRatio: 0.46 },
  verdict: "worse",
};
