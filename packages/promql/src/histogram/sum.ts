import { CompensatedSum } from "../kahan.js";
import { combinedHint, divided, scaled, toCommonLayout } from "./arithmetic.js";
import type { BucketRun, CounterResetHint, Histogram } from "./histogram.js";
import { sameBounds } from "./reshape.js";

/**
 * Sum of many histograms, each figure with compensation. What rounding lost is itself a histogram, so that it is reshaped
 * together with the sum when a coarser one comes along.
 */
export class HistogramSum {
  count = 0;
  hintsCollided = false;
  boundsReconciled = false;
  #sum: Histogram | undefined;
  #lost: Histogram | undefined;
  readonly #hints = new Set<CounterResetHint>();

  /** False when the buckets do not mix; then the sum has no meaning any more. */
  add(histogram: Histogram): boolean {
    this.count++;
    this.#noteHint(histogram.counterResetHint);
    if (this.#sum === undefined) {
      this.#sum = histogram;
      return true;
    }
    const layout = toCommonLayout(this.#sum, histogram);
    if (layout === "incompatible") return false;
    this.boundsReconciled ||= layout.boundsReconciled;
    const { left, right } = layout;
    let lost = this.#lost ?? zeroLike(left);
    if (lost.schema !== left.schema || lost.zeroThreshold !== left.zeroThreshold || !sameBounds(lost, left)) {
      const reshaped = toCommonLayout(lost, left);
      if (reshaped !== "incompatible") lost = reshaped.left;
    }
    const count = twoSum(left.count, right.count);
    const sum = twoSum(left.sum, right.sum);
    const zero = twoSum(left.zeroCount, right.zeroCount);
    const positive = addRuns(left.positive, right.positive, lost.positive);
    const negative = addRuns(left.negative, right.negative, lost.negative);
    const { hint } = combinedHint(left.counterResetHint, right.counterResetHint);
    this.#sum = {
      ...left,
      count: count.sum,
      sum: sum.sum,
      zeroCount: zero.sum,
      positive: positive.sum,
      negative: negative.sum,
      counterResetHint: hint,
    };
    this.#lost = {
      ...lost,
      count: lost.count + count.lost,
      sum: lost.sum + sum.lost,
      zeroCount: lost.zeroCount + zero.lost,
      positive: positive.lost,
      negative: negative.lost,
    };
    return true;
  }

  get result(): Histogram | undefined {
    const sum = this.#sum;
    const lost = this.#lost;
    if (sum === undefined || lost === undefined) return sum;
    return {
      ...sum,
      count: sum.count + lost.count,
      sum: sum.sum + lost.sum,
      zeroCount: sum.zeroCount + lost.zeroCount,
      positive: plus(sum.positive, lost.positive),
      negative: plus(sum.negative, lost.negative),
      counterResetHint: this.#hint(),
    };
  }

  /** Whether any figure has become infinite. */
  get hasOverflown(): boolean {
    const sum = this.#sum;
    if (sum === undefined) return false;
    const isInfinite = (value: number) => Math.abs(value) === Number.POSITIVE_INFINITY;
    return (
      isInfinite(sum.count) ||
      isInfinite(sum.sum) ||
      isInfinite(sum.zeroCount) ||
      sum.positive.buckets.some(isInfinite) ||
      sum.negative.buckets.some(isInfinite)
    );
  }

  #noteHint(hint: CounterResetHint): void {
    this.#hints.add(hint);
    if (this.#hints.has("reset") && this.#hints.has("not_reset")) this.hintsCollided = true;
  }

  #hint(): CounterResetHint {
    if (this.#hints.has("gauge")) return "gauge";
    const [only] = this.#hints;
    return this.#hints.size === 1 && only !== undefined ? only : "unknown";
  }
}

/** Mean of many histograms: of their sum, or incrementally where the sum would overflow. */
export class HistogramMean {
  readonly #sum = new HistogramSum();
  #incremental: Histogram | undefined;
  #before: Histogram | undefined;

  add(histogram: Histogram): boolean {
    const sum = this.#sum;
    if (this.#incremental === undefined) {
      this.#before = sum.result;
      if (!sum.add(histogram)) return false;
      if (sum.count === 1 || !sum.hasOverflown || this.#before === undefined) return true;
      this.#incremental = divided(this.#before, sum.count - 1);
      return this.#addIncrementally(histogram, sum.count);
    }
    sum.count++;
    return this.#addIncrementally(histogram, sum.count);
  }

  #addIncrementally(histogram: Histogram, count: number): boolean {
    const mean = new HistogramSum();
    if (this.#incremental !== undefined) mean.add(scaled(this.#incremental, (count - 1) / count));
    if (!mean.add(divided(histogram, count))) return false;
    this.#incremental = mean.result;
    return true;
  }

  get hintsCollided(): boolean {
    return this.#sum.hintsCollided;
  }

  get boundsReconciled(): boolean {
    return this.#sum.boundsReconciled;
  }

  get result(): Histogram | undefined {
    if (this.#incremental !== undefined) return this.#incremental;
    const { result } = this.#sum;
    return result === undefined ? undefined : divided(result, this.#sum.count);
  }
}

function zeroLike(histogram: Histogram): Histogram {
  const empty = { offset: 0, buckets: [] };
  return { ...histogram, count: 0, sum: 0, zeroCount: 0, positive: empty, negative: empty };
}

function twoSum(a: number, b: number): { sum: number; lost: number } {
  const compensated = new CompensatedSum();
  compensated.add(a);
  compensated.add(b);
  return { sum: compensated.sum, lost: compensated.lost };
}

function addRuns(a: BucketRun, b: BucketRun, lost: BucketRun): { sum: BucketRun; lost: BucketRun } {
  const runs = [a, b, lost].filter((run) => run.buckets.length > 0);
  if (runs.length === 0) return { sum: a, lost };
  const offset = Math.min(...runs.map((run) => run.offset));
  const end = Math.max(...runs.map((run) => run.offset + run.buckets.length));
  const sums: number[] = [];
  const losses: number[] = [];
  for (let index = offset; index < end; index++) {
    const { sum, lost: more } = twoSum(a.buckets[index - a.offset] ?? 0, b.buckets[index - b.offset] ?? 0);
    sums.push(sum);
    losses.push((lost.buckets[index - lost.offset] ?? 0) + more);
  }
  return { sum: { offset, buckets: sums }, lost: { offset, buckets: losses } };
}

function plus(a: BucketRun, b: BucketRun): BucketRun {
  return {
    offset: a.offset,
    buckets: a.buckets.map((value, i) => value + (b.buckets[a.offset + i - b.offset] ?? 0)),
  };
}
