import {
  type BucketRun,
  type CounterResetHint,
  type Histogram,
  hasCustomBuckets,
  NO_BUCKETS,
} from "./histogram.js";
import {
  rebucketCustom,
  reduceToSchema,
  sameBounds,
  widenZeroBucket,
  zeroThresholdReaches,
} from "./reshape.js";

/** Result of adding or subtracting two histograms, or why it cannot be done. */
export type Combined =
  | {
      readonly histogram: Histogram;
      /** The two hints contradict each other: one says reset, the other none. */
      readonly hintsCollide: boolean;
      /** Custom bounds differed and were reduced to the common ones. */
      readonly boundsReconciled: boolean;
    }
  | "incompatible";

/** `a + b`, in the coarser of both layouts. Exponential and custom buckets do not mix. */
export function added(a: Histogram, b: Histogram): Combined {
  return combined(a, b, 1);
}

/** `a - b`. The result is a gauge: a difference may shrink. */
export function subtracted(a: Histogram, b: Histogram): Combined {
  const result = combined(a, b, -1);
  if (result === "incompatible") return result;
  return { ...result, histogram: { ...result.histogram, counterResetHint: "gauge" } };
}

function combined(a: Histogram, b: Histogram, sign: 1 | -1): Combined {
  const layout = toCommonLayout(a, b);
  if (layout === "incompatible") return "incompatible";
  const { left, right, boundsReconciled } = layout;
  const { hint, collide } = combinedHint(a.counterResetHint, b.counterResetHint);
  return {
    histogram: {
      ...left,
      count: left.count + sign * right.count,
      sum: left.sum + sign * right.sum,
      zeroCount: left.zeroCount + sign * right.zeroCount,
      positive: combinedRun(left.positive, right.positive, sign),
      negative: combinedRun(left.negative, right.negative, sign),
      counterResetHint: hint,
    },
    hintsCollide: collide,
    boundsReconciled,
  };
}

/** Both histograms with the same schema, bounds and zero threshold. */
export function toCommonLayout(
  a: Histogram,
  b: Histogram,
): { left: Histogram; right: Histogram; boundsReconciled: boolean } | "incompatible" {
  if (hasCustomBuckets(a) !== hasCustomBuckets(b)) return "incompatible";
  if (hasCustomBuckets(a)) {
    if (sameBounds(a, b)) return { left: a, right: b, boundsReconciled: false };
    const common = (a.customValues ?? []).filter((bound) => b.customValues?.includes(bound));
    return { left: rebucketCustom(a, common), right: rebucketCustom(b, common), boundsReconciled: true };
  }
  let left = a;
  let right = b;
  while (left.zeroThreshold !== right.zeroThreshold) {
    if (left.zeroThreshold < right.zeroThreshold) {
      left = widenZeroBucket(left, zeroThresholdReaches(left, right.zeroThreshold));
    } else right = widenZeroBucket(right, zeroThresholdReaches(right, left.zeroThreshold));
  }
  const schema = Math.min(left.schema, right.schema);
  return {
    left: reduceToSchema(left, schema),
    right: reduceToSchema(right, schema),
    boundsReconciled: false,
  };
}

/** What is known about resets of a sum of two. */
export function combinedHint(
  a: CounterResetHint,
  b: CounterResetHint,
): { hint: CounterResetHint; collide: boolean } {
  if (a === b) return { hint: a, collide: false };
  if (a === "gauge" || b === "gauge") return { hint: "gauge", collide: false };
  const collide = (a === "reset" && b === "not_reset") || (a === "not_reset" && b === "reset");
  return { hint: "unknown", collide };
}

function combinedRun(a: BucketRun, b: BucketRun, sign: 1 | -1): BucketRun {
  if (b.buckets.length === 0) return a;
  if (a.buckets.length === 0 && sign === 1) return b;
  const offset = a.buckets.length === 0 ? b.offset : Math.min(a.offset, b.offset);
  const end = Math.max(
    a.buckets.length === 0 ? b.offset : a.offset + a.buckets.length,
    b.offset + b.buckets.length,
  );
  const buckets = new Array<number>(end - offset).fill(0);
  for (let i = 0; i < a.buckets.length; i++) buckets[a.offset - offset + i] = a.buckets[i] ?? 0;
  for (let i = 0; i < b.buckets.length; i++) {
    const index = b.offset - offset + i;
    buckets[index] = (buckets[index] ?? 0) + sign * (b.buckets[i] ?? 0);
  }
  return { offset, buckets };
}

/** Every count and the sum times a factor. A negative factor makes a gauge of a counter. */
export function scaled(histogram: Histogram, factor: number): Histogram {
  return {
    ...mapped(histogram, (value) => value * factor),
    counterResetHint: factor < 0 ? "gauge" : histogram.counterResetHint,
  };
}

/** Every count and the sum divided. By zero: no buckets are left, only the count, sum and zero bucket. */
export function divided(histogram: Histogram, divisor: number): Histogram {
  const result = mapped(histogram, (value) => value / divisor);
  const hint = divisor < 0 ? "gauge" : histogram.counterResetHint;
  if (divisor === 0) return { ...result, positive: NO_BUCKETS, negative: NO_BUCKETS, counterResetHint: hint };
  return { ...result, counterResetHint: hint };
}

function mapped(histogram: Histogram, change: (value: number) => number): Histogram {
  return {
    ...histogram,
    count: change(histogram.count),
    sum: change(histogram.sum),
    zeroCount: change(histogram.zeroCount),
    positive: { offset: histogram.positive.offset, buckets: histogram.positive.buckets.map(change) },
    negative: { offset: histogram.negative.offset, buckets: histogram.negative.buckets.map(change) },
  };
}

/** Whether two histograms hold the same observations in the same layout. Empty buckets and hints do not count. */
export function sameHistogram(a: Histogram, b: Histogram): boolean {
  return (
    a.schema === b.schema &&
    a.count === b.count &&
    Object.is(a.sum, b.sum) &&
    a.zeroThreshold === b.zeroThreshold &&
    a.zeroCount === b.zeroCount &&
    (!hasCustomBuckets(a) || sameBounds(a, b)) &&
    sameRun(a.positive, b.positive) &&
    sameRun(a.negative, b.negative)
  );
}

function sameRun(a: BucketRun, b: BucketRun): boolean {
  const from = Math.min(a.offset, b.offset);
  const to = Math.max(a.offset + a.buckets.length, b.offset + b.buckets.length);
  for (let index = from; index < to; index++) {
    if ((a.buckets[index - a.offset] ?? 0) !== (b.buckets[index - b.offset] ?? 0)) return false;
  }
  return true;
}
