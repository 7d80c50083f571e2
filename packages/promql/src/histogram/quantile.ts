import { CompensatedSum } from "../kahan.js";
import { type Bucket, bucketsOf, type Histogram, hasCustomBuckets } from "./histogram.js";

/**
 * φ-quantile of a native histogram: within a bucket exponentially between its bounds, linearly in the zero bucket and in
 * custom buckets. -Inf below φ 0, +Inf above 1, NaN without observations.
 *
 * @see Prometheus documentation, `histogram_quantile()`.
 */
export function histogramQuantile(q: number, histogram: Histogram): { value: number; hasNaN: boolean } {
  if (q < 0) return { value: Number.NEGATIVE_INFINITY, hasNaN: false };
  if (q > 1) return { value: Number.POSITIVE_INFINITY, hasNaN: false };
  if (histogram.count === 0 || Number.isNaN(q)) return { value: Number.NaN, hasNaN: false };
  const buckets = bucketsOf(histogram);
  // Observations of NaN are counted but lie in no bucket. They count as larger than everything, so ranks come from below.
  const hasNaN = Number.isNaN(histogram.sum);
  const isForward = hasNaN || q < 0.5;
  let rank = (isForward ? q : 1 - q) * histogram.count;
  let seen = 0;
  let at = isForward ? 0 : buckets.length - 1;
  let bucket: Bucket | undefined;
  for (; at >= 0 && at < buckets.length; at += isForward ? 1 : -1) {
    bucket = buckets[at];
    seen += bucket?.count ?? 0;
    if (seen >= rank) break;
  }
  if (bucket === undefined) return { value: Number.NaN, hasNaN };
  const { lower, upper, isOpen } = knownBounds(bucket, histogram);
  if (isOpen !== undefined) return { value: isOpen, hasNaN };
  if (seen > histogram.count) seen = histogram.count;
  if (seen < rank) return { value: hasNaN ? Number.NaN : upper, hasNaN };
  rank = isForward ? rank - (seen - bucket.count) : seen - rank;
  return { value: interpolated(lower, upper, rank / bucket.count, histogram), hasNaN };
}

/**
 * Bounds between which observations are taken to lie. The zero bucket of a histogram of one sign has only that side;
 * the first custom bucket starts at zero if it ends above; `isOpen` is the answer itself where a bucket has one bound only.
 */
function knownBounds(
  bucket: Bucket,
  histogram: Histogram,
): { lower: number; upper: number; isOpen?: number } {
  const { lower, upper } = bucket;
  if (hasCustomBuckets(histogram)) {
    if (lower === Number.NEGATIVE_INFINITY)
      return upper <= 0 ? { lower, upper, isOpen: upper } : { lower: 0, upper };
    return upper === Number.POSITIVE_INFINITY ? { lower, upper, isOpen: lower } : { lower, upper };
  }
  if (lower < 0 && upper > 0) return zeroBucketBounds(lower, upper, histogram);
  return { lower, upper };
}

/** Where the observations of the zero bucket lie: on the side where others are, or around zero. */
export function zeroBucketBounds(
  lower: number,
  upper: number,
  histogram: Histogram,
): { lower: number; upper: number } {
  const isPopulated = (count: number) => count !== 0;
  const hasPositive = histogram.positive.buckets.some(isPopulated);
  const hasNegative = histogram.negative.buckets.some(isPopulated);
  if (hasPositive && !hasNegative) return { lower: 0, upper };
  if (hasNegative && !hasPositive) return { lower, upper: 0 };
  return { lower, upper };
}

function interpolated(lower: number, upper: number, share: number, histogram: Histogram): number {
  if (hasCustomBuckets(histogram) || (lower <= 0 && upper >= 0)) return lower + (upper - lower) * share;
  const low = Math.log2(Math.abs(lower));
  const high = Math.log2(Math.abs(upper));
  if (lower > 0) return 2 ** (low + (high - low) * share);
  return -(2 ** (high + (low - high) * (1 - share)));
}

/** Share of a bucket's observations at or below `value`, which lies within it. */
export function shareBelow(value: number, lower: number, upper: number, isCustom: boolean): number {
  if (isCustom || (lower <= 0 && upper >= 0)) return (value - lower) / (upper - lower);
  const low = Math.log2(Math.abs(lower));
  const high = Math.log2(Math.abs(upper));
  const at = Math.log2(Math.abs(value));
  return value > 0 ? (at - low) / (high - low) : 1 - (at - high) / (low - high);
}

/**
 * Share of the observations in `(lower, upper]`. NaN without observations or with a NaN bound, 0 for an empty range.
 *
 * @see Prometheus documentation, `histogram_fraction()`.
 */
export function histogramFraction(lower: number, upper: number, histogram: Histogram): number {
  if (histogram.count === 0 || Number.isNaN(lower) || Number.isNaN(upper)) return Number.NaN;
  if (lower >= upper) return 0;
  return (countBelow(upper, histogram) - countBelow(lower, histogram)) / histogram.count;
}

function countBelow(value: number, histogram: Histogram): number {
  const isCustom = hasCustomBuckets(histogram);
  let below = 0;
  for (const bucket of bucketsOf(histogram)) {
    let { lower, upper } = bucket;
    if (!isCustom && lower < 0 && upper > 0) ({ lower, upper } = zeroBucketBounds(lower, upper, histogram));
    if (isCustom && lower === Number.NEGATIVE_INFINITY && upper > 0) lower = 0;
    if (lower >= value) break;
    if (upper > value) {
      if (lower === Number.NEGATIVE_INFINITY) return below + bucket.count;
      if (upper === Number.POSITIVE_INFINITY) return below;
      return below + bucket.count * shareBelow(value, lower, upper, isCustom);
    }
    below += bucket.count;
  }
  return Math.min(below, histogram.count);
}

/** Population variance, every observation taken to lie in the middle of its bucket (geometrically where it is exponential). */
export function histogramVariance(histogram: Histogram): number {
  const mean = histogram.sum / histogram.count;
  const sum = new CompensatedSum();
  for (const { lower, upper, count } of bucketsOf(histogram)) {
    const distance = middleOf(lower, upper, histogram) - mean;
    sum.add(count * distance * distance);
  }
  return sum.total / histogram.count;
}

function middleOf(lower: number, upper: number, histogram: Histogram): number {
  if (hasCustomBuckets(histogram)) return (upper + lower) / 2;
  if (lower <= 0 && upper >= 0) return 0;
  const middle = Math.sqrt(upper * lower);
  return upper < 0 ? -middle : middle;
}
