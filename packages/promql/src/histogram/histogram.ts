/** What is known about a counter reset between the histogram before and this one; `gauge` is no counter at all. */
export type CounterResetHint = "unknown" | "reset" | "not_reset" | "gauge";

/** Consecutive buckets: `counts[i]` belongs to bucket index `offset + i`. Absolute counts, not deltas. */
export interface BucketRun {
  readonly offset: number;
  readonly buckets: readonly number[];
}

/** Schema of a histogram whose bucket bounds are listed in `customValues`. */
export const CUSTOM_BUCKETS_SCHEMA = -53;

/**
 * A native histogram, all counts as floats.
 *
 * Exponential (`schema` -4…8): positive bucket `i` holds observations in `(base^(i-1), base^i]` with
 * `base = 2^(2^-schema)`, negative buckets mirror them, and the zero bucket holds `[-zeroThreshold, zeroThreshold]`.
 * Custom buckets (`schema` -53): positive bucket `i` ends at `customValues[i]`, the one after the last at +Inf;
 * no negative and no zero bucket.
 *
 * @see Prometheus, "Native histograms" specification.
 */
export interface Histogram {
  readonly schema: number;
  readonly count: number;
  readonly sum: number;
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  readonly positive: BucketRun;
  readonly negative: BucketRun;
  /** Upper bounds in rising order without +Inf; only with schema -53. */
  readonly customValues?: readonly number[];
  readonly counterResetHint: CounterResetHint;
}

/** No buckets at all. */
export const NO_BUCKETS: BucketRun = { offset: 0, buckets: [] };

/** Whether the bounds are listed rather than exponential. */
export function hasCustomBuckets(histogram: Histogram): boolean {
  return histogram.schema === CUSTOM_BUCKETS_SCHEMA;
}

/** One bucket with its bounds; `boundaries` as in Prometheus's HTTP API. */
export interface Bucket {
  readonly lower: number;
  readonly upper: number;
  readonly count: number;
  readonly index: number;
  /** 0: open left, closed right; 1: closed left, open right; 3: both closed. */
  readonly boundaries: 0 | 1 | 3;
}

/** Upper bound of positive bucket `index` of an exponential schema. */
export function exponentialBound(index: number, schema: number): number {
  if (schema < 0) return 2 ** (index * 2 ** -schema);
  // Whole powers stay exact; only the fraction within one power of two is rounded.
  const perPower = 2 ** schema;
  const whole = Math.floor(index / perPower);
  const fraction = index - whole * perPower;
  const bound = 2 ** (fraction / perPower) * 2 ** whole;
  return bound;
}

/** Upper bound of positive bucket `index`, whatever the schema. */
export function upperBound(histogram: Histogram, index: number): number {
  if (!hasCustomBuckets(histogram)) return exponentialBound(index, histogram.schema);
  const bounds = histogram.customValues ?? [];
  return index >= bounds.length ? Number.POSITIVE_INFINITY : (bounds[index] ?? Number.NEGATIVE_INFINITY);
}

/** Lower bound of positive bucket `index`, whatever the schema. */
export function lowerBound(histogram: Histogram, index: number): number {
  if (!hasCustomBuckets(histogram)) return exponentialBound(index - 1, histogram.schema);
  return index <= 0 ? Number.NEGATIVE_INFINITY : upperBound(histogram, index - 1);
}

/** Every bucket in rising order of value, empty ones left out. The zero bucket wins where exponential ones overlap it. */
export function bucketsOf(histogram: Histogram): Bucket[] {
  const { positive, negative, zeroThreshold, zeroCount } = histogram;
  const list: Bucket[] = [];
  const custom = hasCustomBuckets(histogram);
  for (let i = negative.buckets.length - 1; i >= 0; i--) {
    const count = negative.buckets[i] ?? 0;
    if (count === 0) continue;
    const index = negative.offset + i;
    const lower = -exponentialBound(index, histogram.schema);
    const upper = Math.min(-exponentialBound(index - 1, histogram.schema), -zeroThreshold);
    list.push({ lower, upper, count, index, boundaries: 1 });
  }
  if (!custom && zeroCount !== 0) {
    list.push({ lower: -zeroThreshold, upper: zeroThreshold, count: zeroCount, index: 0, boundaries: 3 });
  }
  for (let i = 0; i < positive.buckets.length; i++) {
    const count = positive.buckets[i] ?? 0;
    if (count === 0) continue;
    const index = positive.offset + i;
    const bound = lowerBound(histogram, index);
    const lower = custom ? bound : Math.max(bound, zeroThreshold);
    const upper = upperBound(histogram, index);
    const boundaries = custom && lower === Number.NEGATIVE_INFINITY ? 3 : 0;
    list.push({ lower, upper, count, index, boundaries });
  }
  return list;
}
