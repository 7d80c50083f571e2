/** Buckets as a sender sorted its values, with how many lie in each. */
interface ExplicitSet {
  readonly bounds: ArrayLike<number>;
  readonly counts: Float64Array;
}

const SETS_KEPT = 8;
/** Edges of buckets are powers that carry an error in their last digits. */
const CLOSE = 1e-9;

/**
 * The explicit buckets that values had been sorted into before they came here. A value is known no better than the
 * bucket that it was counted in, however fine the buckets are that its count was spread over afterwards.
 */
export class ExplicitBounds {
  #sets: ExplicitSet[] = [];
  /** More different sets than can be kept: nothing is said about such values. */
  #isLost = false;

  /** Adds a share of the counts of one point. */
  add(bounds: ArrayLike<number>, counts: ArrayLike<number>, share = 1): void {
    if (this.#isLost) return;
    let set = this.#sets.find((known) => areEqual(known.bounds, bounds));
    if (!set) {
      if (this.#sets.length >= SETS_KEPT) {
        this.#sets = [];
        this.#isLost = true;
        return;
      }
      set = { bounds, counts: new Float64Array(bounds.length + 1) };
      this.#sets.push(set);
    }
    for (let index = 0; index < set.counts.length; index++) {
      set.counts[index] = (set.counts[index] ?? 0) + (counts[index] ?? 0) * share;
    }
  }

  merge(other: ExplicitBounds, share = 1): void {
    for (const { bounds, counts } of other.#sets) this.add(bounds, counts, share);
    if (other.#isLost) this.#isLost = true;
  }

  /** Undefined without any. */
  toJSON(): ExplicitBoundsState | undefined {
    if (this.isEmpty) return undefined;
    const sets = this.#sets.map(({ bounds, counts }): [number[], number[]] => [
      Array.from(bounds),
      Array.from(counts),
    ]);
    return { sets, isLost: this.#isLost };
  }

  /** Replaces the state with what `toJSON` gave. */
  load(state: ExplicitBoundsState | undefined): void {
    this.#sets = (state?.sets ?? []).map(([bounds, counts]) => ({
      bounds,
      counts: Float64Array.from(counts),
    }));
    this.#isLost = state?.isLost ?? false;
  }

  get isEmpty(): boolean {
    return this.#sets.length === 0 && !this.#isLost;
  }

  /** The widest range that a value may have come from that is told to lie between `low` and `high`. */
  around(low: number, high: number): [low: number, high: number] {
    if (this.#isLost) return [0, Number.POSITIVE_INFINITY];
    let [lowest, highest] = [low, high];
    for (const { bounds, counts } of this.#sets) {
      for (let index = 0; index < counts.length; index++) {
        const from = index === 0 ? 0 : (bounds[index - 1] ?? 0);
        const to = bounds[index] ?? Number.POSITIVE_INFINITY;
        const isApart = from >= high * (1 - CLOSE) || to <= low * (1 + CLOSE);
        if ((counts[index] ?? 0) <= 0 || (isApart && !isBeyond(from, to, high))) continue;
        lowest = Math.min(lowest, Math.max(0, from));
        highest = Math.max(highest, to);
      }
    }
    return [lowest, highest];
  }
}

export interface ExplicitBoundsState {
  readonly sets: readonly (readonly [bounds: number[], counts: number[]])[];
  readonly isLost: boolean;
}

/** Values over the last bound are counted at that bound, whose fine bucket ends there. */
function isBeyond(from: number, to: number, high: number): boolean {
  return to === Number.POSITIVE_INFINITY && from <= high * (1 + CLOSE);
}

function areEqual(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}
