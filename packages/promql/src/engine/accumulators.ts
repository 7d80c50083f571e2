import type { TextRange } from "../errors.js";
import { quantileOf } from "../functions/quantile.js";
import type { Histogram } from "../histogram/histogram.js";
import { HistogramMean, HistogramSum } from "../histogram/sum.js";
import type { AggregationOperator } from "../syntax/ast.js";
import type { Notes } from "./notes.js";

/** Collects the samples of groups at steps; a slot is one group at one step. */
export interface Accumulator {
  addFloat(slot: number, value: number): void;
  addHistogram(slot: number, histogram: Histogram): void;
  /** Undefined where the slot got nothing, or nothing that means something. */
  result(slot: number): number | Histogram | undefined;
}

/** The accumulator of an aggregation that makes one value of a group. */
export function accumulatorFor(
  operator: AggregationOperator,
  slots: number,
  parameters: Float64Array | undefined,
  steps: number,
  notes: Notes,
  at: TextRange,
): Accumulator {
  const ignore = () => notes.info(`ignored histogram in ${operator} aggregation`, at);
  switch (operator) {
    case "sum":
      return new SumOrMean(slots, false, notes, at);
    case "avg":
      return new SumOrMean(slots, true, notes, at);
    case "min":
      return new Extreme(slots, (value, best) => value < best, ignore);
    case "max":
      return new Extreme(slots, (value, best) => value > best, ignore);
    case "count":
      return new Count(slots, false);
    case "group":
      return new Count(slots, true);
    case "stddev":
      return new Deviation(slots, true, ignore);
    case "stdvar":
      return new Deviation(slots, false, ignore);
    case "quantile":
      return new Quantile(slots, parameters ?? new Float64Array(steps), steps, notes, at, ignore);
    default:
      throw new RangeError(`${operator} does not make one value of a group`);
  }
}

class SumOrMean implements Accumulator {
  readonly #counts: Uint32Array;
  readonly #sums: Float64Array;
  readonly #lost: Float64Array;
  /** Means that overflowed as sums go on incrementally. */
  #incremental: Uint8Array | undefined;
  readonly #isMean: boolean;
  readonly #histograms = new Map<number, HistogramSum | HistogramMean | undefined>();
  readonly #notes: Notes;
  readonly #at: TextRange;

  constructor(slots: number, isMean: boolean, notes: Notes, at: TextRange) {
    this.#counts = new Uint32Array(slots);
    this.#sums = new Float64Array(slots);
    this.#lost = new Float64Array(slots);
    this.#isMean = isMean;
    this.#notes = notes;
    this.#at = at;
  }

  addFloat(slot: number, value: number): void {
    const count = (this.#counts[slot] ?? 0) + 1;
    this.#counts[slot] = count;
    if (this.#incremental?.[slot] === 1) {
      this.#addToMean(slot, value, count);
      return;
    }
    const sum = this.#sums[slot] ?? 0;
    const next = sum + value;
    if (this.#isMean && count > 1 && Math.abs(next) === Number.POSITIVE_INFINITY) {
      this.#incremental ??= new Uint8Array(this.#sums.length);
      this.#incremental[slot] = 1;
      this.#sums[slot] = sum / (count - 1);
      this.#lost[slot] = (this.#lost[slot] ?? 0) / (count - 1);
      this.#addToMean(slot, value, count);
      return;
    }
    this.#addCompensated(slot, value);
  }

  #addToMean(slot: number, value: number, count: number): void {
    const weight = (count - 1) / count;
    this.#sums[slot] = (this.#sums[slot] ?? 0) * weight;
    this.#lost[slot] = (this.#lost[slot] ?? 0) * weight;
    this.#addCompensated(slot, value / count);
  }

  /** Neumaier's summation on the arrays; see CompensatedSum. */
  #addCompensated(slot: number, value: number): void {
    const sum = this.#sums[slot] ?? 0;
    const next = sum + value;
    if (Math.abs(next) === Number.POSITIVE_INFINITY) this.#lost[slot] = 0;
    else if (Math.abs(sum) >= Math.abs(value))
      this.#lost[slot] = (this.#lost[slot] ?? 0) + (sum - next + value);
    else this.#lost[slot] = (this.#lost[slot] ?? 0) + (value - next + sum);
    this.#sums[slot] = next;
  }

  addHistogram(slot: number, histogram: Histogram): void {
    if (!this.#histograms.has(slot))
      this.#histograms.set(slot, this.#isMean ? new HistogramMean() : new HistogramSum());
    const sum = this.#histograms.get(slot);
    if (sum === undefined || sum.add(histogram)) return;
    // From here on the slot is spoilt.
    this.#histograms.set(slot, undefined);
    this.#notes.mixedExponentialCustom(undefined, this.#at);
  }

  result(slot: number): number | Histogram | undefined {
    const count = this.#counts[slot] ?? 0;
    if (this.#histograms.has(slot)) {
      if (count > 0) {
        this.#notes.warn("encountered a mix of histograms and floats for aggregation", this.#at);
        return undefined;
      }
      const sum = this.#histograms.get(slot);
      if (sum?.hintsCollided === true) this.#notes.resetCollision("aggregation", this.#at);
      if (sum?.boundsReconciled === true) this.#notes.boundsReconciled("aggregation", this.#at);
      return sum?.result;
    }
    if (count === 0) return undefined;
    const sum = this.#sums[slot] ?? 0;
    const lost = this.#lost[slot] ?? 0;
    if (!this.#isMean || this.#incremental?.[slot] === 1) return sum + lost;
    return sum / count + lost / count;
  }
}

class Extreme implements Accumulator {
  readonly #values: Float64Array;
  readonly #seen: Uint8Array;
  readonly #beats: (value: number, best: number) => boolean;
  readonly #ignore: () => void;

  constructor(slots: number, beats: (value: number, best: number) => boolean, ignore: () => void) {
    this.#values = new Float64Array(slots);
    this.#seen = new Uint8Array(slots);
    this.#beats = beats;
    this.#ignore = ignore;
  }

  addFloat(slot: number, value: number): void {
    const best = this.#values[slot] ?? Number.NaN;
    if (this.#seen[slot] === 1 && !this.#beats(value, best) && !Number.isNaN(best)) return;
    this.#seen[slot] = 1;
    this.#values[slot] = value;
  }

  addHistogram(): void {
    this.#ignore();
  }

  result(slot: number): number | undefined {
    return this.#seen[slot] === 1 ? this.#values[slot] : undefined;
  }
}

class Count implements Accumulator {
  readonly #counts: Uint32Array;
  readonly #isGroup: boolean;

  constructor(slots: number, isGroup: boolean) {
    this.#counts = new Uint32Array(slots);
    this.#isGroup = isGroup;
  }

  addFloat(slot: number): void {
    this.#counts[slot] = (this.#counts[slot] ?? 0) + 1;
  }

  addHistogram(slot: number): void {
    this.addFloat(slot);
  }

  result(slot: number): number | undefined {
    const count = this.#counts[slot] ?? 0;
    if (count === 0) return undefined;
    return this.#isGroup ? 1 : count;
  }
}

/** Population variance by Welford's method, each running figure compensated. */
class Deviation implements Accumulator {
  readonly #counts: Uint32Array;
  readonly #means: Float64Array;
  readonly #meansLost: Float64Array;
  readonly #squares: Float64Array;
  readonly #squaresLost: Float64Array;
  readonly #takesRoot: boolean;
  readonly #ignore: () => void;

  constructor(slots: number, takesRoot: boolean, ignore: () => void) {
    this.#counts = new Uint32Array(slots);
    this.#means = new Float64Array(slots);
    this.#meansLost = new Float64Array(slots);
    this.#squares = new Float64Array(slots);
    this.#squaresLost = new Float64Array(slots);
    this.#takesRoot = takesRoot;
    this.#ignore = ignore;
  }

  addFloat(slot: number, value: number): void {
    const count = (this.#counts[slot] ?? 0) + 1;
    this.#counts[slot] = count;
    const distance = value - (this.#means[slot] ?? 0) - (this.#meansLost[slot] ?? 0);
    addTo(this.#means, this.#meansLost, slot, distance / count);
    const rest = value - (this.#means[slot] ?? 0) - (this.#meansLost[slot] ?? 0);
    addTo(this.#squares, this.#squaresLost, slot, distance * rest);
  }

  addHistogram(): void {
    this.#ignore();
  }

  result(slot: number): number | undefined {
    const count = this.#counts[slot] ?? 0;
    if (count === 0) return undefined;
    const variance = ((this.#squares[slot] ?? 0) + (this.#squaresLost[slot] ?? 0)) / count;
    return this.#takesRoot ? Math.sqrt(variance) : variance;
  }
}

function addTo(sums: Float64Array, lost: Float64Array, slot: number, value: number): void {
  const sum = sums[slot] ?? 0;
  const next = sum + value;
  if (Math.abs(next) === Number.POSITIVE_INFINITY) lost[slot] = 0;
  else if (Math.abs(sum) >= Math.abs(value)) lost[slot] = (lost[slot] ?? 0) + (sum - next + value);
  else lost[slot] = (lost[slot] ?? 0) + (value - next + sum);
  sums[slot] = next;
}

class Quantile implements Accumulator {
  readonly #values: number[][];
  readonly #ranks: Float64Array;
  readonly #steps: number;
  readonly #notes: Notes;
  readonly #at: TextRange;
  readonly #ignore: () => void;

  constructor(
    slots: number,
    ranks: Float64Array,
    steps: number,
    notes: Notes,
    at: TextRange,
    ignore: () => void,
  ) {
    this.#values = Array.from({ length: slots }, () => []);
    this.#ranks = ranks;
    this.#steps = steps;
    this.#notes = notes;
    this.#at = at;
    this.#ignore = ignore;
  }

  addFloat(slot: number, value: number): void {
    this.#values[slot]?.push(value);
  }

  addHistogram(): void {
    this.#ignore();
  }

  result(slot: number): number | undefined {
    const values = this.#values[slot];
    if (values === undefined || values.length === 0) return undefined;
    const q = this.#ranks[slot % this.#steps] ?? Number.NaN;
    if (!(q >= 0 && q <= 1)) this.#notes.invalidQuantile(q, this.#at);
    return quantileOf(q, Float64Array.from(values));
  }
}
