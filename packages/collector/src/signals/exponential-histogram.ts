// One piece, though long: recording, merging, lowering the scale and reading all rest on the same window of buckets, and each is
// only right as long as the others keep it.

import { ExplicitBounds, type ExplicitBoundsState } from "./explicit-bounds.js";

/** Buckets at most; the scale follows from the range of the values. */
export const MAX_BUCKETS = 160;
/** At this scale a quantile is at most 4.6 % off; own values never go below it (the smallest then share a bucket). */
const COARSEST_OWN_SCALE = 3;
const FINEST_SCALE = 12;

/**
 * A base-2 exponential histogram: bucket `i` counts values in (base^i, base^(i+1)], base = 2^(2^-scale).
 *
 * Values are positive (zero and below count in `zeroCount`); counts may be fractions. Two histograms merge at the
 * lower of their scales; going to a lower scale joins whole buckets, so nothing is lost but resolution.
 *
 * @see OpenTelemetry metrics data model, ExponentialHistogram.
 */
export class ExponentialHistogram {
  #scale = FINEST_SCALE;
  #start = 0;
  #counts: Float64Array = new Float64Array(0);
  #count = 0;
  #sum = 0;
  #zeroCount = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;
  readonly #explicit = new ExplicitBounds();
  #blur = 0;
  /** Whether the lowest bucket also holds values that lie below it. */
  #isFolded = false;

  get scale(): number {
    return this.#scale;
  }

  get count(): number {
    return this.#count;
  }

  get sum(): number {
    return this.#sum;
  }

  get bucketCount(): number {
    return this.#counts.length;
  }

  /** How far a quantile may be off at this scale, as a share of the value that is told. */
  get relativeError(): number {
    return (2 ** (2 ** -this.#scale) - 1) / 2;
  }

  record(value: number, weight = 1): void {
    this.#count += weight;
    this.#sum += value * weight;
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
    if (value <= 0) this.#zeroCount += weight;
    else this.#put(bucketIndex(value, this.#scale), this.#scale, weight, COARSEST_OWN_SCALE);
  }

  /** Adds a bucket of another histogram: `weight` values in (base^index, base^(index+1)] at `scale`. */
  recordBucket(index: number, scale: number, weight: number): void {
    if (weight <= 0) return;
    const [low, high] = bucketBounds(index, scale);
    this.#count += weight;
    this.#sum += weight * middle(low, high);
    if (low < this.#min) this.#min = low;
    if (high > this.#max) this.#max = high;
    this.#put(index, scale, weight, Math.min(scale, COARSEST_OWN_SCALE));
  }

  /** Says that the values recorded so far had been moved by as much as this share of themselves. */
  blur(share: number): void {
    this.#blur = Math.max(this.#blur, share);
  }

  /** Adds values that are known to be zero, or too small to tell from it. */
  recordZeros(weight: number): void {
    if (weight <= 0) return;
    this.#count += weight;
    this.#zeroCount += weight;
    this.#min = Math.min(this.#min, 0);
    this.#max = Math.max(this.#max, 0);
  }

  /**
   * Adds explicit buckets, whose values are taken to be spread evenly between their bounds.
   *
   * @param bounds upper bounds (inclusive); `counts` has one entry more
   */
  recordExplicit(bounds: ArrayLike<number>, counts: ArrayLike<number>): void {
    this.#explicit.add(bounds, counts);
    for (let index = 0; index < counts.length; index++) {
      const weight = counts[index] ?? 0;
      if (weight <= 0) continue;
      const high = bounds[index] ?? bounds[bounds.length - 1] ?? 0;
      const low = index === 0 ? 0 : (bounds[index - 1] ?? 0);
      if (high <= 0) this.recordZeros(weight);
      else if (high <= low || index >= bounds.length) this.record(high, weight);
      else this.#spread(low, high, weight);
    }
  }

  /** @param share adds only this share of the other's counts, for requests that lie in several stretches of time */
  merge(other: ExponentialHistogram, share = 1): void {
    if (other.#count === 0 || share <= 0) return;
    this.#count += other.#count * share;
    this.#sum += other.#sum * share;
    this.#zeroCount += other.#zeroCount * share;
    this.#min = Math.min(this.#min, other.#min);
    this.#max = Math.max(this.#max, other.#max);
    this.#explicit.merge(other.#explicit, share);
    this.#blur = Math.max(this.#blur, other.#blur);
    this.#isFolded ||= other.#isFolded;
    const coarsest = Math.min(other.#scale, COARSEST_OWN_SCALE);
    for (let index = 0; index < other.#counts.length; index++) {
      const weight = (other.#counts[index] ?? 0) * share;
      if (weight > 0) this.#put(other.#start + index, other.#scale, weight, coarsest);
    }
  }

  /**
   * The value at or below which a share `q` of all values lies, at most `quantileError` off.
   *
   * @returns undefined when there are no values
   */
  quantile(q: number): number | undefined {
    const index = this.#bucketOf(q);
    if (index === undefined) return undefined;
    if (index < 0) return Math.max(0, this.#min);
    const [low, high] = bucketBounds(this.#start + index, this.#scale);
    // Of what lies beyond the last explicit bound that bound is all that is known.
    const isBeyond =
      !this.#explicit.isEmpty && this.#explicit.around(low, high)[1] === Number.POSITIVE_INFINITY;
    return isBeyond ? Math.min(this.#max, high) : Math.min(this.#max, Math.max(this.#min, middle(low, high)));
  }

  /**
   * How far `quantile` may be off, as a share of the value that it gives: half of what the width of a bucket allows,
   * or, where values came sorted into explicit buckets, what the one allows that holds the quantile.
   *
   * @returns infinity where the value lies beyond the last explicit bound; undefined when there are no values
   */
  quantileError(q: number): number | undefined {
    const index = this.#bucketOf(q);
    const value = this.quantile(q);
    if (index === undefined || value === undefined) return undefined;
    if (value <= 0) return 0;
    let [low, high] = index < 0 ? [value, value] : bucketBounds(this.#start + index, this.#scale);
    if (index === 0 && this.#isFolded) low = Math.max(0, this.#min);
    // The least and the greatest value are known only where values came one by one.
    if (this.#explicit.isEmpty) [low, high] = [Math.max(low, this.#min), Math.min(high, this.#max)];
    else [low, high] = this.#explicit.around(low, high);
    return (1 + Math.max(high / value - 1, 1 - low / value)) * (1 + this.#blur) - 1;
  }

  /** How many values are over a threshold; within the threshold's own bucket a share in proportion. */
  countAbove(threshold: number): number {
    if (threshold < 0) return this.#count;
    let above = 0;
    for (let index = this.#counts.length - 1; index >= 0; index--) {
      const [low, high] = bucketBounds(this.#start + index, this.#scale);
      const weight = this.#counts[index] ?? 0;
      if (low >= threshold) above += weight;
      else {
        if (high > threshold) above += (weight * (high - threshold)) / (high - low);
        break;
      }
    }
    return above;
  }

  /** Number of the bucket that holds a quantile, -1 for the zeros, undefined without values. */
  #bucketOf(q: number): number | undefined {
    if (this.#count <= 0) return undefined;
    const rank = q * this.#count;
    let seen = this.#zeroCount;
    if (seen >= rank && seen > 0) return -1;
    for (let index = 0; index < this.#counts.length; index++) {
      seen += this.#counts[index] ?? 0;
      // Sums of fractions may fall short of the count by a last bit.
      if (seen >= rank * (1 - 1e-12) && seen > 0) return index;
    }
    return this.#counts.length - 1;
  }

  toJSON(): ExponentialHistogramState {
    return {
      scale: this.#scale,
      start: this.#start,
      counts: Array.from(this.#counts),
      count: this.#count,
      sum: this.#sum,
      zeroCount: this.#zeroCount,
      // JSON has no infinity.
      range: this.#count > 0 ? [this.#min, this.#max] : undefined,
      blur: this.#blur,
      isFolded: this.#isFolded,
      explicit: this.#explicit.toJSON(),
    };
  }

  /** Replaces the state with what `toJSON` gave. */
  load(state: ExponentialHistogramState): void {
    this.#scale = state.scale;
    this.#start = state.start;
    this.#counts = Float64Array.from(state.counts);
    this.#sum = state.sum;
    this.#zeroCount = state.zeroCount;
    this.#count = state.count;
    [this.#min, this.#max] = state.range ?? [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    this.#blur = state.blur;
    this.#isFolded = state.isFolded;
    this.#explicit.load(state.explicit);
  }

  #spread(low: number, high: number, weight: number): void {
    // The lowest bucket reaches down to zero; what is under a thousandth of its bound is as good as there.
    const from = low > 0 ? low : high / 1_000;
    const first = bucketIndex(from, COARSEST_OWN_SCALE);
    const last = bucketIndex(high, COARSEST_OWN_SCALE);
    let rest = weight;
    for (let index = last; index > first; index--) {
      const [bucketLow, bucketHigh] = bucketBounds(index, COARSEST_OWN_SCALE);
      const part = (weight * (Math.min(high, bucketHigh) - Math.max(low, bucketLow))) / (high - low);
      this.recordBucket(index, COARSEST_OWN_SCALE, part);
      rest -= part;
    }
    this.recordBucket(first, COARSEST_OWN_SCALE, rest);
    this.#min = Math.max(0, this.#min);
  }

  #put(index: number, scale: number, weight: number, coarsest: number): void {
    if (scale < this.#scale) this.#lowerTo(scale);
    let own = index >> (scale - this.#scale);
    if (this.#counts.length === 0) {
      this.#start = own;
      this.#counts = new Float64Array(1);
    }
    let first = Math.min(own, this.#start);
    let last = Math.max(own, this.#start + this.#counts.length - 1);
    while (last - first >= MAX_BUCKETS && this.#scale > coarsest) {
      this.#lowerTo(this.#scale - 1);
      own >>= 1;
      first = Math.min(own, this.#start);
      last = Math.max(own, this.#start + this.#counts.length - 1);
    }
    // Still too wide: the largest values matter, so the smallest share the lowest bucket.
    first = Math.max(first, last - MAX_BUCKETS + 1);
    if (first > Math.min(own, this.#start)) this.#isFolded = true;
    this.#cover(first, last);
    const slot = Math.max(own, first) - this.#start;
    this.#counts[slot] = (this.#counts[slot] ?? 0) + weight;
  }

  #lowerTo(scale: number): void {
    const shift = this.#scale - scale;
    this.#scale = scale;
    if (shift <= 0 || this.#counts.length === 0) return;
    const start = this.#start >> shift;
    const end = (this.#start + this.#counts.length - 1) >> shift;
    const counts = new Float64Array(end - start + 1);
    for (let index = 0; index < this.#counts.length; index++) {
      const slot = ((this.#start + index) >> shift) - start;
      counts[slot] = (counts[slot] ?? 0) + (this.#counts[index] ?? 0);
    }
    this.#start = start;
    this.#counts = counts;
  }

  #cover(first: number, last: number): void {
    if (first === this.#start && last === this.#start + this.#counts.length - 1) return;
    const counts = new Float64Array(last - first + 1);
    for (let index = 0; index < this.#counts.length; index++) {
      const slot = Math.max(0, this.#start + index - first);
      counts[slot] = (counts[slot] ?? 0) + (this.#counts[index] ?? 0);
    }
    this.#start = first;
    this.#counts = counts;
  }
}

export interface ExponentialHistogramState {
  readonly scale: number;
  readonly start: number;
  readonly counts: readonly number[];
  readonly count: number;
  readonly sum: number;
  readonly zeroCount: number;
  readonly range?: readonly [min: number, max: number] | undefined;
  readonly blur: number;
  readonly isFolded: boolean;
  readonly explicit?: ExplicitBoundsState | undefined;
}

/** Index of the bucket that a positive value falls into; upper bounds belong to their bucket. */
export function bucketIndex(value: number, scale: number): number {
  return Math.ceil(Math.log2(value) * 2 ** scale) - 1;
}

/** Lower (not included) and upper (included) bound of a bucket. */
export function bucketBounds(index: number, scale: number): [low: number, high: number] {
  const step = 2 ** -scale;
  return [2 ** (index * step), 2 ** ((index + 1) * step)];
}

/** The value whose relative distance to both bounds is the same, and least. */
function middle(low: number, high: number): number {
  return (2 * low * high) / (low + high);
}
