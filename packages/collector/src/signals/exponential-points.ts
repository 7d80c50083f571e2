import type { MetricColumns } from "../otlp/index.js";
import { ExponentialHistogram } from "./exponential-histogram.js";

/** Buckets of one exponential point at fixed places, so that two points of different offsets can be subtracted. */
export interface ExponentialValues {
  /** How many values are zero, then those of 320 buckets of scale 3. */
  readonly values: Float64Array;
  /** Scale of the sender's buckets, at most 3; a coarser bucket's count lies at the place of its upper end. */
  readonly scale: number;
}

/** At this scale quantiles are less than 5 % off. */
export const FINEST_SCALE = 3;
const COARSEST_SCALE = -10;
const FIRST_INDEX = -160;
const INDEX_COUNT = 320;

export function exponentialValues(columns: MetricColumns, point: number): ExponentialValues {
  const values = new Float64Array(INDEX_COUNT + 1);
  values[0] = columns.zeroCount[point] ?? 0;
  const sent = Math.max(COARSEST_SCALE, columns.scale[point] ?? 0);
  const scale = Math.min(sent, FINEST_SCALE);
  const first = columns.bucketFirst[point] ?? 0;
  const offset = columns.positiveOffset[point] ?? 0;
  for (let index = 0; index < (columns.positiveCount[point] ?? 0); index++) {
    add(values, (offset + index) >> (sent - scale), scale, columns.bucketCounts[first + index] ?? 0);
  }
  return { values, scale };
}

/**
 * The same counts in the buckets of a coarser scale. A sender whose values spread out lowers its scale: what it counted
 * before must be seen in the same buckets before the two can be subtracted.
 */
export function coarsened(values: Float64Array, scale: number): Float64Array {
  const coarse = new Float64Array(values.length);
  coarse[0] = values[0] ?? 0;
  for (let slot = 1; slot < values.length; slot++) {
    const count = values[slot] ?? 0;
    if (count !== 0) add(coarse, (FIRST_INDEX + slot - 1) >> (FINEST_SCALE - scale), scale, count);
  }
  return coarse;
}

export function exponentialLatencies(
  unitSeconds: number,
  { values, scale }: ExponentialValues,
): ExponentialHistogram {
  const histogram = new ExponentialHistogram();
  histogram.recordZeros(values[0] ?? 0);
  // Units other than seconds move the buckets by a whole number only where the unit is a power of the base.
  const shift = Math.log2(unitSeconds) * 2 ** scale;
  const whole = Math.round(shift);
  for (let slot = 1; slot < values.length; slot++) {
    const weight = values[slot] ?? 0;
    const index = (FIRST_INDEX + slot - 1) >> (FINEST_SCALE - scale);
    if (weight > 0) histogram.recordBucket(index + whole, scale, weight);
  }
  histogram.blur(2 ** (Math.abs(shift - whole) * 2 ** -scale) - 1);
  return histogram;
}

function add(values: Float64Array, index: number, scale: number, count: number): void {
  const place = ((index + 1) << (FINEST_SCALE - scale)) - 1;
  const slot = 1 + Math.min(INDEX_COUNT - 1, Math.max(0, place - FIRST_INDEX));
  values[slot] = (values[slot] ?? 0) + count;
}
