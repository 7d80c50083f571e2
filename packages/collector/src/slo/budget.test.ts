import { expect, test } from "vitest";
import { budgetOf, durationWords, exhaustion, percentWords } from "./budget.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

test.each([
  { bad: 0, total: 0, left: 1 },
  { bad: 0, total: 5, left: 1 },
  { bad: 2_116, total: 144_000 * 720, left: 1 - 2_116 / 103_680 },
  { bad: 30, total: 10_000, left: -2 },
])("a budget of 0.1 % with $bad bad of $total has $left left", ({ bad, total, left }) => {
  expect(budgetOf({ bad, total }, 0.001).remainingRatio).toBeCloseTo(left, 12);
});

test.each([
  {
    left: 0.41,
    rate: 92,
    afterMs: (0.41 * 30 * DAY) / 92,
    words: "At this pace the budget ends in 3 h 12 min.",
  },
  { left: 1, rate: 14.4, afterMs: 50 * HOUR, words: "At this pace the budget ends in 2 d 2 h." },
  {
    left: 0.5,
    rate: 0.4,
    afterMs: undefined,
    words: "At this pace the budget lasts longer than its period.",
  },
  { left: 0.5, rate: 0, afterMs: undefined, words: "The budget is not being spent." },
  { left: 0, rate: 3, afterMs: 0, words: "The budget is spent." },
  { left: -0.128, rate: 3, afterMs: 0, words: "The budget is overspent by 12.8 %." },
])("$left left at $rate×: $words", ({ left, rate, afterMs, words }) => {
  const at = exhaustion(left, rate, 30 * DAY, 1_000);
  expect(at.words).toBe(words);
  if (afterMs === undefined) expect(at.atMs).toBeUndefined();
  else expect(at.atMs).toBeCloseTo(1_000 + afterMs, 3);
});

test.each([
  [0, "0 ms"],
  [250, "250 ms"],
  [48_000, "48 s"],
  [60_000, "1 min"],
  [3 * HOUR + 12 * 60_000 + 59_000, "3 h 12 min"],
  [49 * HOUR, "2 d 1 h"],
])("%d ms are said as %s", (durationMs, words) => {
  expect(durationWords(durationMs)).toBe(words);
});

test("ratios are said in percent", () => {
  expect([0.999, 0.9995, 0.0919].map((ratio) => percentWords(ratio, 4))).toEqual([
    "99.9 %",
    "99.95 %",
    "9.19 %",
  ]);
});
