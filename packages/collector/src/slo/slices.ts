import type { EventCounts } from "./window-ring.js";

/** What a slice adds to the budget's counts: one unit in all, a share of it bad. */
export interface SliceVerdict extends EventCounts {
  /** Last second of the slice. */
  readonly second: number;
}

interface Slice {
  bad: number;
  total: number;
  /** What was counted for it so far. */
  counted: EventCounts | undefined;
}

/** How long after its end a slice can still change its verdict. */
export const SLICE_CORRECTION_SECONDS = 3_600;

/**
 * Slices of time whose events decide together. A slice is judged once it has ended; events that come up to an hour
 * late change its verdict, which then shows as a difference. A slice without events is no data: it counts neither as
 * good nor as bad.
 */
export class TimeSlices {
  readonly #sliceSeconds: number;
  readonly #judge: (counts: EventCounts) => EventCounts;
  /** By start second, in rising order. */
  #open = new Map<number, Slice>();
  /** Before this second `settle` has nothing to do. */
  #dueSecond = Number.POSITIVE_INFINITY;

  /** @param judge what a slice with these events adds; called again when late events change them */
  constructor(sliceSeconds: number, judge: (counts: EventCounts) => EventCounts) {
    this.#sliceSeconds = sliceSeconds;
    this.#judge = judge;
  }

  add(second: number, bad: number, total: number): void {
    const start = second - (second % this.#sliceSeconds);
    const slice = this.#open.get(start);
    if (slice) {
      slice.bad += bad;
      slice.total += total;
    } else this.#open.set(start, { bad, total, counted: undefined });
    this.#dueSecond = Math.min(this.#dueSecond, start + this.#sliceSeconds);
  }

  /** Whether `settle` would do anything. */
  isDue(nowSecond: number): boolean {
    return nowSecond >= this.#dueSecond;
  }

  /** Differences to count for slices that ended before `nowSecond`, and for those that late events changed. */
  settle(nowSecond: number): SliceVerdict[] {
    const verdicts: SliceVerdict[] = [];
    if (!this.isDue(nowSecond)) return verdicts;
    this.#dueSecond = Number.POSITIVE_INFINITY;
    for (const [start, slice] of this.#open) {
      const end = start + this.#sliceSeconds;
      if (end > nowSecond) {
        this.#dueSecond = Math.min(this.#dueSecond, end);
        continue;
      }
      const verdict = slice.total > 0 ? this.#judge(slice) : { bad: 0, total: 0 };
      const bad = verdict.bad - (slice.counted?.bad ?? 0);
      const total = verdict.total - (slice.counted?.total ?? 0);
      if (bad !== 0 || total !== 0) verdicts.push({ second: end - 1, bad, total });
      slice.counted = verdict;
      const closes = end + SLICE_CORRECTION_SECONDS + 1;
      if (closes <= nowSecond) this.#open.delete(start);
      else this.#dueSecond = Math.min(this.#dueSecond, closes);
    }
    return verdicts;
  }

  /** The state as plain JSON. */
  toJSON(): unknown {
    return [...this.#open].map(([start, { bad, total, counted }]) => [start, bad, total, counted ?? null]);
  }

  /** Replaces the state with what `toJSON` gave. */
  load(state: unknown): void {
    const rows = (state ?? []) as [number, number, number, EventCounts | null][];
    this.#open = new Map(
      rows.map(([start, bad, total, counted]) => [start, { bad, total, counted: counted ?? undefined }]),
    );
    this.#dueSecond = Number.NEGATIVE_INFINITY;
  }
}
