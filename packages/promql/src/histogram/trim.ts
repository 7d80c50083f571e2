import { type Bucket, bucketsOf, type Histogram, hasCustomBuckets } from "./histogram.js";
import { shareBelow, zeroBucketBounds } from "./quantile.js";

/** Which observations a trim keeps: those below the limit (`</`) or those above it (`>/`). */
export type TrimSide = "below" | "above";

/** What is left of a bucket and where its observations are taken to lie. */
interface Rest {
  readonly count: number;
  readonly middle: number;
}

/**
 * A histogram without the observations beyond a limit. A bucket that the limit cuts is interpolated; the sum is estimated
 * from the middles of what is left. A trim that takes nothing away returns the histogram itself, with its exact sum.
 *
 * @see Prometheus documentation, histogram trim operators `</` and `>/`.
 */
export function trimmed(histogram: Histogram, limit: number, side: TrimSide): Histogram {
  const isCustom = hasCustomBuckets(histogram);
  const positive = new Map<number, number>();
  const negative = new Map<number, number>();
  let count = 0;
  let sum = 0;
  let zeroCount = 0;
  let isTouched = false;
  for (const bucket of bucketsOf(histogram)) {
    const rest = isCustom
      ? restOfCustom(bucket, limit, side)
      : restOfExponential(bucket, limit, side, histogram);
    if (rest.count !== bucket.count) isTouched = true;
    if (rest.count === 0) continue;
    count += rest.count;
    sum += rest.count * rest.middle;
    if (isZeroBucket(bucket, histogram)) zeroCount = rest.count;
    else if (!isCustom && bucket.upper <= 0) negative.set(bucket.index, rest.count);
    else positive.set(bucket.index, rest.count);
  }
  const observesNaN = Number.isNaN(histogram.sum);
  if (!isTouched && !(isCustom && movesOpenBucket(histogram, limit, side)) && !observesNaN) return histogram;
  return {
    ...histogram,
    count,
    sum,
    zeroCount,
    positive: runOf(histogram.positive, positive),
    negative: runOf(histogram.negative, negative),
  };
}

function isZeroBucket(bucket: Bucket, histogram: Histogram): boolean {
  return !hasCustomBuckets(histogram) && bucket.boundaries === 3;
}

function runOf(
  { offset, buckets }: Histogram["positive"],
  kept: ReadonlyMap<number, number>,
): Histogram["positive"] {
  return { offset, buckets: buckets.map((_, i) => kept.get(offset + i) ?? 0) };
}

/** A bucket open to one side that is kept whole although the limit lies in it: its observations move to the limit. */
function movesOpenBucket(histogram: Histogram, limit: number, side: TrimSide): boolean {
  return bucketsOf(histogram).some(({ lower, upper }) =>
    side === "above"
      ? upper === Number.POSITIVE_INFINITY && lower < limit
      : lower === Number.NEGATIVE_INFINITY && upper <= 0 && upper > limit,
  );
}

function restOfExponential(bucket: Bucket, limit: number, side: TrimSide, histogram: Histogram): Rest {
  let { lower, upper } = bucket;
  const isZero = isZeroBucket(bucket, histogram);
  if (isZero) ({ lower, upper } = zeroBucketBounds(lower, upper, histogram));
  const middle = (from: number, to: number) => {
    if (isZero) return (from + to) / 2;
    return to <= 0 ? -Math.sqrt(from * to) : Math.sqrt(from * to);
  };
  return cut(bucket.count, lower, upper, limit, side, middle, false);
}

function restOfCustom({ lower, upper, count }: Bucket, limit: number, side: TrimSide): Rest {
  const none = { count: 0, middle: 0 };
  const openBelow = lower === Number.NEGATIVE_INFINITY;
  const openAbove = upper === Number.POSITIVE_INFINITY;
  if (side === "above" && limit === Number.NEGATIVE_INFINITY) return { count, middle: 0 };
  if (side === "below" && limit === Number.POSITIVE_INFINITY) return { count, middle: 0 };
  if (Math.abs(limit) === Number.POSITIVE_INFINITY || (openBelow && openAbove)) return none;
  if (openAbove) return side === "above" ? { count, middle: Math.max(lower, limit) } : none;
  if (openBelow) {
    if (upper <= 0) return side === "below" ? { count, middle: Math.min(upper, limit) } : none;
    // Ending above zero it is taken to start there, but what lies above a negative limit cannot be told.
    if (side === "above" && limit < 0) return none;
  }
  const from = openBelow ? 0 : lower;
  return cut(count, from, upper, limit, side, (a, b) => (a + b) / 2, true);
}

function cut(
  count: number,
  lower: number,
  upper: number,
  limit: number,
  side: TrimSide,
  middle: (from: number, to: number) => number,
  isLinear: boolean,
): Rest {
  const keepsAll = side === "below" ? upper <= limit : lower >= limit;
  if (keepsAll) return { count, middle: middle(lower, upper) };
  const keepsNone = side === "below" ? lower >= limit : upper <= limit;
  if (keepsNone) return { count: 0, middle: 0 };
  const below = shareBelow(limit, lower, upper, isLinear);
  return side === "below"
    ? { count: count * below, middle: middle(lower, limit) }
    : { count: count * (1 - below), middle: middle(limit, upper) };
}
