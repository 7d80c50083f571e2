import fc from "fast-check";
import { expect, test } from "vitest";
import { ExponentialDurations } from "./exponential.js";

const durations = fc.array(fc.double({ min: 1e-6, max: 1e4, noNaN: true }), { minLength: 1, maxLength: 300 });

test("every duration lies within the bounds of its bucket, and none is lost", () => {
  fc.assert(
    fc.property(durations, (seconds) => {
      const histogram = new ExponentialDurations();
      for (const one of seconds) histogram.record(one);
      const { scale, positive } = histogram.read();
      expect(positive.bucketCounts.length).toBeLessThanOrEqual(160);
      expect(positive.bucketCounts.reduce((sum, count) => sum + count, 0)).toBe(seconds.length);
      const base = 2 ** (2 ** -scale);
      positive.bucketCounts.forEach((count, index) => {
        const low = base ** (positive.offset + index);
        const high = base ** (positive.offset + index + 1);
        // The bounds themselves are powers, and not exact.
        const inside = seconds.filter((one) => one > low * (1 - 1e-9) && one <= high * (1 + 1e-9)).length;
        expect(inside).toBeGreaterThanOrEqual(count);
      });
    }),
  );
});

test("zero is counted apart", () => {
  const histogram = new ExponentialDurations();
  histogram.record(0);
  expect(histogram.read()).toMatchObject({ zeroCount: 1, positive: { bucketCounts: [] } });
});
