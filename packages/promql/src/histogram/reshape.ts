import { type BucketRun, exponentialBound, type Histogram, NO_BUCKETS } from "./histogram.js";

/** Merges buckets to a coarser exponential schema; the same histogram if it is there already. */
export function reduceToSchema(histogram: Histogram, schema: number): Histogram {
  if (histogram.schema <= schema) return histogram;
  const factor = 2 ** (histogram.schema - schema);
  return {
    ...histogram,
    schema,
    positive: coarser(histogram.positive, factor),
    negative: coarser(histogram.negative, factor),
  };
}

function coarser({ offset, buckets }: BucketRun, factor: number): BucketRun {
  if (buckets.length === 0) return NO_BUCKETS;
  // Bucket k ends at base^k, so that it falls into the coarser bucket ceil(k / factor).
  const first = Math.ceil(offset / factor);
  const last = Math.ceil((offset + buckets.length - 1) / factor);
  const merged = new Array<number>(last - first + 1).fill(0);
  for (let i = 0; i < buckets.length; i++) {
    const index = Math.ceil((offset + i) / factor) - first;
    merged[index] = (merged[index] ?? 0) + (buckets[i] ?? 0);
  }
  return { offset: first, buckets: merged };
}

/** Whether two custom-bucket histograms share their bounds. */
export function sameBounds(a: Histogram, b: Histogram): boolean {
  const left = a.customValues ?? [];
  const right = b.customValues ?? [];
  return left.length === right.length && left.every((bound, i) => bound === right[i]);
}

/** A custom-bucket histogram on fewer bounds, all of which it must have. */
export function rebucketCustom(histogram: Histogram, bounds: readonly number[]): Histogram {
  const own = histogram.customValues ?? [];
  if (own.length === bounds.length) return histogram;
  const merged = new Array<number>(bounds.length + 1).fill(0);
  const { offset, buckets } = histogram.positive;
  let target = 0;
  for (let i = 0; i < buckets.length; i++) {
    const upper = own[offset + i] ?? Number.POSITIVE_INFINITY;
    while (target < bounds.length && (bounds[target] ?? 0) < upper) target++;
    merged[target] = (merged[target] ?? 0) + (buckets[i] ?? 0);
  }
  return { ...histogram, customValues: bounds, positive: { offset: 0, buckets: merged } };
}

/**
 * How far the zero bucket reaches once it is widened to at least `threshold`: a populated bucket that it would cut is
 * taken in whole, so the answer may be larger than `threshold`.
 */
export function zeroThresholdReaches(histogram: Histogram, threshold: number): number {
  let reach = threshold;
  for (const { offset, buckets } of [histogram.positive, histogram.negative]) {
    for (let i = 0; i < buckets.length; i++) {
      const lower = exponentialBound(offset + i - 1, histogram.schema);
      if (lower >= reach) break;
      const upper = exponentialBound(offset + i, histogram.schema);
      if ((buckets[i] ?? 0) !== 0 && upper > reach) reach = upper;
    }
  }
  return reach;
}

/** Moves everything up to `threshold` into the zero bucket; `threshold` must not cut a populated bucket. */
export function widenZeroBucket(histogram: Histogram, threshold: number): Histogram {
  if (threshold <= histogram.zeroThreshold) return histogram;
  const positive = cutBelow(histogram.positive, histogram.schema, threshold);
  const negative = cutBelow(histogram.negative, histogram.schema, threshold);
  return {
    ...histogram,
    zeroThreshold: threshold,
    zeroCount: histogram.zeroCount + positive.cut + negative.cut,
    positive: positive.rest,
    negative: negative.rest,
  };
}

function cutBelow(run: BucketRun, schema: number, threshold: number): { cut: number; rest: BucketRun } {
  let cut = 0;
  let i = 0;
  while (i < run.buckets.length && exponentialBound(run.offset + i, schema) <= threshold)
    cut += run.buckets[i++] ?? 0;
  if (i === 0) return { cut, rest: run };
  const buckets = run.buckets.slice(i);
  return { cut, rest: buckets.length === 0 ? NO_BUCKETS : { offset: run.offset + i, buckets } };
}
