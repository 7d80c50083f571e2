import { CUSTOM_BUCKETS_SCHEMA, type Histogram, hasCustomBuckets } from "./histogram.js";
import {
  rebucketCustom,
  reduceToSchema,
  sameBounds,
  widenZeroBucket,
  zeroThresholdReaches,
} from "./reshape.js";

/**
 * Whether a counter was reset between `previous` and `current`: told by the hint, else found by some bucket, the zero
 * bucket or the count having become smaller after both were brought to one layout. Going back to a finer layout is a reset.
 */
export function isReset(previous: Histogram, current: Histogram): boolean {
  if (current.counterResetHint === "reset") return true;
  if (current.counterResetHint === "not_reset") return false;
  return looksReset(previous, current);
}

/** The same without believing the hint. */
export function looksReset(previous: Histogram, current: Histogram): boolean {
  if (current.count < previous.count) return true;
  if (hasCustomBuckets(current) !== hasCustomBuckets(previous)) return true;
  if (current.schema === CUSTOM_BUCKETS_SCHEMA) return customLooksReset(previous, current);
  if (current.schema > previous.schema) return true;
  if (current.zeroThreshold < previous.zeroThreshold) return true;
  const reduced = reduceToSchema(previous, current.schema);
  // A zero bucket that now ends inside an earlier bucket cannot have grown out of it.
  const isWider = current.zeroThreshold > previous.zeroThreshold;
  if (isWider && zeroThresholdReaches(reduced, current.zeroThreshold) !== current.zeroThreshold) return true;
  const before = widenZeroBucket(reduced, current.zeroThreshold);
  if (current.zeroCount < before.zeroCount) return true;
  return anySmaller(before.positive, current.positive) || anySmaller(before.negative, current.negative);
}

function customLooksReset(previous: Histogram, current: Histogram): boolean {
  if (sameBounds(previous, current)) return anySmaller(previous.positive, current.positive);
  const common = (previous.customValues ?? []).filter((bound) => current.customValues?.includes(bound));
  return anySmaller(rebucketCustom(previous, common).positive, rebucketCustom(current, common).positive);
}

function anySmaller(before: Histogram["positive"], after: Histogram["positive"]): boolean {
  for (let i = 0; i < before.buckets.length; i++) {
    const count = before.buckets[i] ?? 0;
    if (count > (after.buckets[before.offset + i - after.offset] ?? 0)) return true;
  }
  return false;
}

/** The histogram as a storage keeps it: told apart from the one before it, unless its sender said so already. */
export function withResetHint(previous: Histogram | undefined, histogram: Histogram): Histogram {
  if (histogram.counterResetHint !== "unknown" || previous === undefined) return histogram;
  if (previous.counterResetHint === "gauge" || looksReset(previous, histogram)) return histogram;
  return { ...histogram, counterResetHint: "not_reset" };
}
