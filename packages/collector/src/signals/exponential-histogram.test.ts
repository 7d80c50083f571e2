import fc from "fast-check";
import { expect, test } from "vitest";
import { bucketBounds, bucketIndex, ExponentialHistogram, MAX_BUCKETS } from "./exponential-histogram.js";

const seconds = fc.double({ min: 0.0001, max: 90, noNaN: true });

function histogramOf(values: readonly number[]): ExponentialHistogram {
  const histogram = new ExponentialHistogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

function exactQuantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length - 1e-9) - 1)]!;
}

test("a value lies in its bucket, whose upper bound belongs to it", () => {
  fc.assert(
    fc.property(seconds, fc.integer({ min: -2, max: 10 }), (value, scale) => {
      const [low, high] = bucketBounds(bucketIndex(value, scale), scale);
      expect(value).toBeGreaterThan(low * (1 - 1e-12));
      expect(value).toBeLessThanOrEqual(high * (1 + 1e-12));
    }),
  );
  expect(bucketBounds(bucketIndex(4, 3), 3)[1]).toBe(4);
});

test("quantiles are right within the error that is stated, which is at most 5 %", () => {
  fc.assert(
    fc.property(
      fc.array(seconds, { minLength: 1, maxLength: 200 }),
      fc.constantFrom(0.5, 0.9, 0.95, 0.99),
      (values, q) => {
        const histogram = histogramOf(values);
        const exact = exactQuantile(values, q);
        expect(histogram.relativeError).toBeLessThan(0.05);
        expect(Math.abs(histogram.quantile(q)! - exact) / exact).toBeLessThanOrEqual(
          histogram.relativeError + 1e-9,
        );
        expect(histogram.bucketCount).toBeLessThanOrEqual(MAX_BUCKETS);
      },
    ),
  );
});

test("merging is the same as recording into one, in any order", () => {
  const values = fc.array(seconds, { maxLength: 80 });
  fc.assert(
    fc.property(values, values, values, (a, b, c) => {
      const left = histogramOf(a);
      left.merge(histogramOf(b));
      left.merge(histogramOf(c));
      const right = histogramOf(c);
      right.merge(histogramOf(b));
      right.merge(histogramOf(a));
      const all = histogramOf([...a, ...b, ...c]);
      for (const merged of [left, right]) {
        expect(merged.count).toBe(all.count);
        expect(merged.scale).toBe(all.scale);
        for (const q of [0.5, 0.99]) expect(merged.quantile(q)).toBe(all.quantile(q));
      }
    }),
  );
});

test("values over a millionfold range keep the error of the large ones", () => {
  const histogram = histogramOf([1e-9, 1e-6, ...Array.from({ length: 98 }, (_, index) => 1 + index)]);
  expect(histogram.relativeError).toBeLessThan(0.05);
  expect(histogram.quantile(0.5)! / 48).toBeCloseTo(1, 1);
  expect(histogram.bucketCount).toBeLessThanOrEqual(MAX_BUCKETS);
});

test("how many are over a threshold is exact on a bucket's bound", () => {
  const histogram = histogramOf([0.25, 0.5, 0.6, 1, 3]);
  expect(histogram.countAbove(0.5)).toBe(3);
  expect(histogram.countAbove(0)).toBe(5);
});

test("explicit buckets are spread between their bounds", () => {
  const histogram = new ExponentialHistogram();
  histogram.recordExplicit([0.1, 0.2, 0.4], [50, 30, 20, 0]);
  expect(histogram.count).toBeCloseTo(100, 9);
  expect(histogram.quantile(0.5)!).toBeCloseTo(0.1, 1);
  // Rank 95 lies three quarters into (0.2, 0.4].
  expect(Math.abs(histogram.quantile(0.95)! / 0.35 - 1)).toBeLessThan(0.05);
  const over = new ExponentialHistogram();
  over.recordExplicit([1], [0, 4]);
  expect(over.quantile(0.5)).toBeCloseTo(1, 9);
});

test("buckets of a coarser sender lower the scale, and the stated error grows with it", () => {
  const histogram = histogramOf([1]);
  histogram.recordBucket(0, 0, 9);
  expect(histogram.scale).toBe(0);
  expect(histogram.relativeError).toBeCloseTo(1 / 3, 12);
  expect(histogram.count).toBe(10);
});

test("an empty histogram has no quantile, and zeros are values", () => {
  const histogram = new ExponentialHistogram();
  expect(histogram.quantile(0.5)).toBeUndefined();
  histogram.recordZeros(3);
  histogram.record(1);
  expect(histogram.quantile(0.5)).toBe(0);
});
