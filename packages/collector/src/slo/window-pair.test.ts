import { expect, test } from "vitest";
import {
  budgetRatioOf,
  burnRate,
  burnRateLimit,
  defaultPairs,
  lowestFiringObjective,
} from "./window-pair.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

function shown(periodMs: number): string[] {
  return defaultPairs(periodMs).map(
    ({ severity, shortMs, longMs, burnRate }) =>
      `${severity} ${shortMs / 1_000}s/${longMs / 1_000}s ${Number(burnRate.toFixed(6))}`,
  );
}

test.each([
  {
    name: "30 days have the classic windows and limits",
    periodMs: 30 * DAY,
    want: ["page 300s/3600s 14.4", "page 1800s/21600s 6", "ticket 7200s/86400s 3", "ticket 21600s/259200s 1"],
  },
  {
    name: "28 days keep the windows; the limits follow the period",
    periodMs: 28 * DAY,
    want: [
      "page 300s/3600s 13.44",
      "page 1800s/21600s 5.6",
      "ticket 7200s/86400s 2.8",
      "ticket 21600s/259200s 0.933333",
    ],
  },
  {
    name: "a week shrinks the windows and keeps the limits",
    periodMs: 7 * DAY,
    want: ["page 70s/840s 14.4", "page 420s/5040s 6", "ticket 1680s/20160s 3", "ticket 5040s/60480s 1"],
  },
  {
    name: "two hours meet the floors",
    periodMs: 2 * HOUR,
    want: ["page 10s/60s 14.4", "page 10s/60s 6", "ticket 20s/240s 3", "ticket 60s/720s 1"],
  },
])("$name", ({ periodMs, want }) => {
  expect(shown(periodMs)).toEqual(want);
});

test("B = q · P / L, and back", () => {
  expect(burnRateLimit(0.02, 30 * DAY, HOUR)).toBeCloseTo(14.4, 12);
  const shares = defaultPairs(30 * DAY).map((pair) => budgetRatioOf(pair, 30 * DAY));
  for (const [index, share] of [0.02, 0.05, 0.1, 0.1].entries()) expect(shares[index]).toBeCloseTo(share, 12);
});

test("the burn rate is the error ratio in units of the budget", () => {
  expect(burnRate(1_104, 12_000, 1 - 0.999)).toBeCloseTo(92, 9);
  expect(burnRate(0, 0, 0.001)).toBe(0);
});

test("beyond 1 − 1/B a pair can never fire", () => {
  const [fast] = defaultPairs(30 * DAY);
  const objective = lowestFiringObjective(fast!);
  expect(objective).toBeCloseTo(0.930556, 6);
  expect(burnRate(1, 1, 1 - objective)).toBeCloseTo(fast!.burnRate, 9);
});
