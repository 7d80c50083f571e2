import fc from "fast-check";
import { expect, test } from "vitest";
import { isEvident, lowerBound, probabilityOfAtLeast } from "./evidence.js";

/** The tail added up term by term in exact order, for totals that allow it. */
function tailBySumming(bad: number, total: number, ratio: number): number {
  let term = (1 - ratio) ** total;
  let below = 0;
  for (let k = 0; k < bad; k++) {
    below += term;
    term *= ((total - k) / (k + 1)) * (ratio / (1 - ratio));
  }
  return 1 - below;
}

test("the tail equals the sum of the binomial terms", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 200 }),
      fc.nat(200),
      fc.double({ min: 0.001, max: 0.9, noNaN: true }),
      (total, bad, ratio) => {
        const expected = bad > total ? 0 : tailBySumming(bad, total, ratio);
        expect(probabilityOfAtLeast(bad, total, ratio)).toBeCloseTo(expected, 9);
      },
    ),
  );
});

test.each([
  { bad: 0, total: 100, bound: 0 },
  // One of one: the bound is alpha itself; all of n: the n-th root of alpha.
  { bad: 1, total: 1, bound: 0.05 },
  { bad: 10, total: 10, bound: 0.05 ** 0.1 },
  { bad: 1, total: 60, bound: 1 - 0.95 ** (1 / 60) },
])("the lower bound of $bad in $total has its closed form", ({ bad, total, bound }) => {
  expect(lowerBound(bad, total)).toBeCloseTo(bound, 12);
});

test("at the lower bound the tail is five per cent, whatever the size", () => {
  const counts = fc.record({
    exponent: fc.double({ min: 0, max: 6, noNaN: true }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(counts, ({ exponent, share }) => {
      const total = Math.ceil(10 ** exponent);
      const bad = Math.max(1, Math.round(total * share ** 4));
      expect(probabilityOfAtLeast(bad, total, lowerBound(bad, total)) / 0.05).toBeCloseTo(1, 6);
    }),
  );
});

test("the gate and the bound say the same, and many events need no more than the ratio", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 69_000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (total, share) => {
        const bad = Math.round(total * share);
        const limit = 0.0144;
        expect(isEvident(bad, total, limit)).toBe(lowerBound(bad, total) > limit);
        expect(lowerBound(bad, total)).toBeLessThanOrEqual(bad / total);
      },
    ),
    { numRuns: 60 },
  );
  expect(isEvident(14_400_001, 1_000_000_000, 0.0144)).toBe(true);
  expect(isEvident(14_400_000, 1_000_000_000, 0.0144)).toBe(false);
});

test.each([
  { bad: 1, evident: false },
  { bad: 3, evident: false },
  { bad: 4, evident: true },
])("$bad failures in an hour of 60 requests: over 14.4× a budget of 0.1 %? $evident", ({ bad, evident }) => {
  expect(isEvident(bad, 60, 0.0144)).toBe(evident);
});
