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
        const told = histogram.quantile(q)!;
        expect(histogram.quantileError(q)!).toBeLessThanOrEqual(histogram.relativeError + 1e-9);
        expect(histogram.relativeError).toBeLessThan(0.05);
        expect(Math.abs(told - exact) / told).toBeLessThanOrEqual(histogram.quantileError(q)! + 1e-9);
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
  expect(histogram.relativeError).toBeCloseTo(1 / 2, 12);
  expect(histogram.count).toBe(10);
});

test("an empty histogram has no quantile, and zeros are values", () => {
  const histogram = new ExponentialHistogram();
  expect(histogram.quantile(0.5)).toBeUndefined();
  histogram.recordZeros(3);
  histogram.record(1);
  expect(histogram.quantile(0.5)).toBe(0);
});

const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** As an SDK would have sorted them, counts spread over as many slots of time as there are parts. */
function explicitOf(values: readonly number[], bounds: readonly number[], parts = 1): ExponentialHistogram {
  const counts = new Array<number>(bounds.length + 1).fill(0);
  for (const value of values) {
    const index = bounds.findIndex((bound) => value <= bound);
    counts[index < 0 ? bounds.length : index]! += 1 / parts;
  }
  const histogram = new ExponentialHistogram();
  for (let part = 0; part < parts; part++) {
    const one = new ExponentialHistogram();
    one.recordExplicit(bounds, counts);
    histogram.merge(one);
  }
  return histogram;
}

test("a quantile of explicit buckets is as exact as the bucket that holds it, and says so", () => {
  fc.assert(
    fc.property(
      fc.array(seconds, { minLength: 1, maxLength: 200 }),
      fc.constantFrom(0.5, 0.9, 0.95, 0.99),
      fc.integer({ min: 1, max: 3 }),
      (values, q, parts) => {
        const histogram = explicitOf(values, BOUNDS, parts);
        const [exact, told] = [exactQuantile(values, q), histogram.quantile(q)!];
        expect(Math.abs(told - exact) / told).toBeLessThanOrEqual(histogram.quantileError(q)! + 1e-9);
      },
    ),
  );
});

test.each([
  { name: "in the bucket from 100 to 250 ms", value: 0.17, bounds: BOUNDS, low: 0.1, high: 0.25 },
  { name: "in the lowest bucket", value: 0.003, bounds: BOUNDS, low: 0, high: 0.005 },
  { name: "next to the last bound", value: 9.99, bounds: BOUNDS, low: 5, high: 10 },
])("the stated error of a quantile $name is what its bounds allow", ({ value, bounds, low, high }) => {
  const histogram = explicitOf([value], bounds);
  const told = histogram.quantile(0.5)!;
  expect(told).toBeGreaterThan(low);
  expect(told).toBeLessThanOrEqual(high);
  expect(histogram.quantileError(0.5)).toBeCloseTo(Math.max(high / told - 1, 1 - low / told), 9);
});

test("a quantile beyond the last bound is known to be that great at least, and no better", () => {
  const histogram = explicitOf([0.2, 20], BOUNDS);
  expect(histogram.quantile(0.99)).toBe(10);
  expect(histogram.quantileError(0.99)).toBe(Number.POSITIVE_INFINITY);
});

test("where two senders have other bounds, the wider ones tell the error", () => {
  const histogram = explicitOf([0.15], BOUNDS);
  histogram.merge(explicitOf([0.15], [0.14, 0.16]));
  const told = histogram.quantile(0.9)!;
  expect(histogram.quantileError(0.9)).toBeCloseTo(Math.max(0.25 / told - 1, 1 - 0.1 / told), 9);
});

test("among many different bounds nothing is promised", () => {
  const histogram = new ExponentialHistogram();
  for (let sender = 1; sender <= 9; sender++) histogram.recordExplicit([0.1, 1 + sender], [0, 1, 0]);
  expect(histogram.quantileError(0.5)).toBe(Number.POSITIVE_INFINITY);
});

test("what was folded into the lowest bucket is told as less exact", () => {
  const histogram = histogramOf([1e-9, 1e-9, 1e-9, 1, 99]);
  const told = histogram.quantile(0.5)!;
  expect(Math.abs(told - 1e-9) / told).toBeLessThanOrEqual(histogram.quantileError(0.5)! + 1e-9);
  expect(histogram.quantileError(0.99)).toBeLessThan(0.05);
});

test("a histogram that was written as JSON answers the same, and goes on the same", () => {
  const own = new ExponentialHistogram();
  own.record(0, 2);
  for (let index = 1; index < 300; index++) own.record(index ** 3 / 1_000, 0.5);
  own.recordExplicit([0.1, 1], [3, 4, 5]);
  const back = new ExponentialHistogram();
  back.load(JSON.parse(JSON.stringify(own)));
  const both = [own, back];
  for (const each of both) each.record(7);
  const [a, b] = both.map((each) => [
    [0, 0.1, 0.5, 0.95, 1].map((q) => [each.quantile(q), each.quantileError(q)]),
    each.count,
    each.sum,
    each.countAbove(1),
  ]);
  expect(b).toEqual(a);
  const empty = new ExponentialHistogram();
  empty.load(JSON.parse(JSON.stringify(new ExponentialHistogram())));
  empty.record(3);
  expect(empty.quantile(0.5)).toBeCloseTo(3, 6);
});
