import { expect, test } from "vitest";
import { compileSlo } from "./compile.js";
import { SloConfig } from "./config.js";
import { SloLedger } from "./ledger.js";
import { compareAlerts, simulate } from "./simulate.js";
import type { SloSpec } from "./spec.js";
import type { HistoryBucket } from "./window-ring.js";

const START = Date.parse("2026-10-01T00:00:00Z");
const DAY = 86_400_000;

function specOf(options: object = {}): SloSpec {
  const config = {
    name: "slo",
    service: "checkout",
    objective: "99.9%",
    sli: { type: "availability" },
    ...options,
  };
  return compileSlo(SloConfig.parse(config));
}

/** The same numbers for the same seed, 0–1. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A healthy service at its objective: one request a minute, of which one in a thousand fails. */
function* quietService(days: number, seed: number): Generator<HistoryBucket> {
  const random = randomOf(seed);
  for (let minute = 0; minute < days * 1_440; minute++) {
    const second = START / 1_000 + 60 * minute + Math.floor(random() * 60);
    yield { second, widthSeconds: 1, bad: random() < 0.001 ? 1 : 0, total: 1 };
  }
}

test("a healthy service with 60 requests an hour pages many times by the plain rule, and never by the gated one", () => {
  const plainPages: number[] = [];
  for (const seed of [1, 2, 3]) {
    const pagesOf = (evidence_gate: boolean) =>
      simulate(
        specOf({ alerting: { evidence_gate } }),
        quietService(30, seed),
        START,
        START + 30 * DAY,
        60_000,
      ).pages;
    plainPages.push(pagesOf(false).length);
    expect(pagesOf(true)).toEqual([]);
  }
  for (const pages of plainPages) expect(pages).toBeGreaterThanOrEqual(17);
});

test("a quiet service that keeps failing gets its ticket all the same", () => {
  // Two requests an hour, of which one in five fails: too few in any window for a page.
  const history = Array.from({ length: 24 * 30 * 2 }, (_, index) => ({
    second: START / 1_000 + 1_800 * index,
    widthSeconds: 1,
    bad: index % 5 === 0 ? 1 : 0,
    total: 1,
  }));
  const { tickets } = simulate(specOf(), history, START, START + 30 * DAY, 600_000);
  expect(tickets.length).toBeGreaterThan(0);
});

/** A busy day with two outages of 22 minutes: at 60 % bad, and at 9.2 %. */
function* busyDay(): Generator<HistoryBucket> {
  for (let minute = 0; minute < 1_440; minute++) {
    const bad = minute >= 400 && minute < 422 ? 1_440 : minute >= 1_000 && minute < 1_022 ? 221 : 0;
    yield { second: START / 1_000 + 60 * minute, widthSeconds: 60, bad, total: 2_400 };
  }
}

test("another objective keeps some alerts and loses others", () => {
  const actions = { actions: { page: ["rollback"] } };
  const now = simulate(specOf(actions), busyDay(), START, START + DAY, 10_000);
  const loose = simulate(specOf({ ...actions, objective: "99.5%" }), busyDay(), START, START + DAY, 10_000);
  expect([now.pages.length, loose.pages.length]).toEqual([2, 1]);
  expect([now.actions, loose.actions]).toEqual([2, 1]);
  const bad = 22 * (1_440 + 221);
  expect(now.budgetSpentRatio).toBeCloseTo(bad / (1_440 * 2_400 * 0.001), 9);
  expect(loose.budgetSpentRatio).toBeCloseTo(now.budgetSpentRatio / 5, 9);
  expect(compareAlerts(now.pages, loose.pages).map(({ change }) => change)).toEqual(["kept", "gone"]);
});

test("what a ledger remembers replays to the same alerts within its resolution", () => {
  const ledger = new SloLedger(specOf());
  for (const { second, bad, total } of busyDay()) ledger.record(second, bad, total);
  const replayed = simulate(specOf(), ledger.history(), START, START + DAY, 10_000);
  const direct = simulate(specOf(), busyDay(), START, START + DAY, 10_000);
  expect(replayed.events).toBe(direct.events);
  expect(replayed.pages).toHaveLength(direct.pages.length);
  expect(replayed.budgetSpentRatio).toBeCloseTo(direct.budgetSpentRatio, 9);
});
