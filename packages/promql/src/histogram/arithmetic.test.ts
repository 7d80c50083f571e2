import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { added, divided, sameHistogram, scaled, subtracted } from "./arithmetic.js";
import { bucketsOf, type Histogram } from "./histogram.js";
import { histogramFraction, histogramQuantile } from "./quantile.js";
import { isReset } from "./reset.js";
import { HistogramSum } from "./sum.js";
import { trimmed } from "./trim.js";

const run = fc.record({
  offset: fc.integer({ min: -6, max: 6 }),
  buckets: fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 6 }),
});

function total({ buckets }: { buckets: readonly number[] }): number {
  return buckets.reduce((sum, count) => sum + count, 0);
}

/** Whole counts, so that sums are exact whatever their order. */
const exponential: fc.Arbitrary<Histogram> = fc
  .record({
    schema: fc.integer({ min: -2, max: 3 }),
    // Below every bucket that can occur, as in histograms that clients make.
    zeroThreshold: fc.constantFrom(2 ** -32, 2 ** -30),
    zeroCount: fc.integer({ min: 0, max: 5 }),
    positive: run,
    negative: run,
    sum: fc.integer({ min: -100, max: 100 }),
  })
  .map((parts) => ({
    ...parts,
    count: parts.zeroCount + total(parts.positive) + total(parts.negative),
    counterResetHint: "unknown" as const,
  }));

const custom: fc.Arbitrary<Histogram> = fc
  .tuple(
    fc.subarray([-5, -1, 0, 1, 2, 5, 10], { minLength: 1 }),
    fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 8 }),
  )
  .map(([customValues, counts]) => {
    const buckets = counts.slice(0, customValues.length + 1);
    const positive = { offset: 0, buckets };
    const none = { offset: 0, buckets: [] };
    return {
      schema: -53,
      count: total(positive),
      sum: 0,
      zeroThreshold: 0,
      zeroCount: 0,
      positive,
      negative: none,
      customValues,
      counterResetHint: "unknown" as const,
    };
  });

const pair = fc.oneof(fc.tuple(exponential, exponential), fc.tuple(custom, custom));
const any = fc.oneof(exponential, custom);

function sum(a: Histogram, b: Histogram): Histogram {
  const result = added(a, b);
  if (result === "incompatible") throw new Error("incompatible");
  return result.histogram;
}

describe("laws of histograms", () => {
  test("addition commutes and keeps every observation", () => {
    fc.assert(
      fc.property(pair, ([a, b]) => {
        const both = sum(a, b);
        expect(sameHistogram(both, sum(b, a))).toBe(true);
        expect(both.count).toBe(a.count + b.count);
        expect(bucketsOf(both).reduce((count, bucket) => count + bucket.count, 0)).toBe(both.count);
      }),
    );
  });

  test("a wider zero bucket takes in what it reaches, and nothing is lost", () => {
    fc.assert(
      fc.property(exponential, fc.constantFrom(0.001, 0.3, 1, 5), (h, zeroThreshold) => {
        const none = { offset: 0, buckets: [] };
        const wide = { ...h, count: 0, sum: 0, zeroCount: 0, zeroThreshold, positive: none, negative: none };
        const both = sum(h, wide);
        expect(both.zeroThreshold).toBeGreaterThanOrEqual(zeroThreshold);
        expect(bucketsOf(both).reduce((count, bucket) => count + bucket.count, 0)).toBe(h.count);
      }),
    );
  });

  test("addition is associative", () => {
    fc.assert(
      fc.property(exponential, exponential, exponential, (a, b, c) => {
        expect(sameHistogram(sum(sum(a, b), c), sum(a, sum(b, c)))).toBe(true);
      }),
    );
  });

  test("subtracting what was added gives the same observations back", () => {
    fc.assert(
      fc.property(any, (a) => {
        const result = subtracted(sum(a, a), a);
        expect(result !== "incompatible" && sameHistogram(result.histogram, a)).toBe(true);
      }),
    );
  });

  test("exponential and custom buckets do not mix", () => {
    fc.assert(
      fc.property(exponential, custom, (a, b) => {
        expect(added(a, b)).toBe("incompatible");
      }),
    );
  });

  test("a sum over many is what adding one by one gives", () => {
    fc.assert(
      fc.property(fc.array(exponential, { minLength: 1, maxLength: 5 }), (list) => {
        const many = new HistogramSum();
        for (const each of list) expect(many.add(each)).toBe(true);
        const [first, ...rest] = list;
        expect(sameHistogram(many.result!, rest.reduce(sum, first!))).toBe(true);
      }),
    );
  });

  test("growth is no reset, and shrinking is one", () => {
    fc.assert(
      fc.property(any, (a) => {
        expect(isReset(a, scaled(a, 2))).toBe(false);
        if (a.count > 0) expect(isReset(a, divided(a, 2))).toBe(true);
      }),
    );
  });

  test("quantiles rise with their rank", () => {
    fc.assert(
      fc.property(
        any,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (h, p, q) => {
          fc.pre(h.count > 0);
          const [low, high] = [Math.min(p, q), Math.max(p, q)].map(
            (rank) => histogramQuantile(rank, h).value,
          );
          expect(low!).toBeLessThanOrEqual(high! + Math.abs(high!) * 1e-9);
        },
      ),
    );
  });

  test("what a trim keeps on both sides is the whole, and agrees with the fraction", () => {
    fc.assert(
      fc.property(exponential, fc.double({ min: -8, max: 8, noNaN: true }), (h, limit) => {
        const below = trimmed(h, limit, "below");
        const above = trimmed(h, limit, "above");
        expect(below.count + above.count).toBeCloseTo(h.count, 8);
        if (h.count > 0) {
          expect(below.count / h.count).toBeCloseTo(histogramFraction(Number.NEGATIVE_INFINITY, limit, h), 8);
        }
      }),
    );
  });
});
