import type { NumberWriter } from "./number-codec.js";
import {
  allocateLevels,
  type Level,
  modulo,
  NARROW_LIMIT,
  type RingLevel,
  writeLevel,
} from "./ring-levels.js";
import { removeFromLevel } from "./ring-removal.js";

/** Bad and all events of some stretch of time. */
export interface EventCounts {
  readonly bad: number;
  readonly total: number;
}

/** Events of one bucket of a ring's history. */
export interface HistoryBucket extends EventCounts {
  /** Its first second. */
  readonly second: number;
  readonly widthSeconds: number;
}

/**
 * Counts of bad and all events per second, kept in several resolutions that grow coarser with age, as prefix sums:
 * the counts of any window cost two look-ups, whatever its length.
 *
 * Counts are whole numbers and exact. A window whose edges fall on bucket boundaries of the level that covers them
 * is exact to the event; an edge inside a bucket takes a share of that bucket in proportion to time (`sum`), or the
 * whole of it (`sumWhole`). Events may come late and in any order: an event older than a level's reach is still
 * counted in every coarser level.
 */
export class WindowRing {
  readonly #levels: readonly Level[];
  /** The levels without their memory: thousands of rings share them, so that a level is chosen without looking far. */
  readonly #shapes: readonly RingLevel[];
  /** The finest level whose counters never go round. */
  readonly #wide: Level;
  #bad = 0;
  #total = 0;
  /** The earliest second of any event; a bucket that it lies in is taken to begin there. */
  #firstSecond = Number.POSITIVE_INFINITY;
  /** The newest second that the buckets know; -1 before the first event. */
  #headSecond = -1;

  constructor(levels: readonly RingLevel[]) {
    const all = allocateLevels(levels);
    this.#levels = all;
    this.#shapes = levels;
    const wide = all.find(({ isNarrow }) => !isNarrow);
    if (!wide) throw new Error("A ring needs a level whose counters are wide.");
    this.#wide = wide;
  }

  /** Memory of the buckets in bytes. */
  get sizeBytes(): number {
    return this.#levels.reduce((sum, level) => sum + level.ends.byteLength, 0);
  }

  /** All events ever added. */
  get lifetime(): EventCounts {
    return { bad: this.#bad, total: this.#total };
  }

  /** The newest second that was reached; undefined before the first event. */
  get headSecond(): number | undefined {
    return this.#headSecond < 0 ? undefined : this.#headSecond;
  }

  /**
   * Adds whole events to one second (seconds since the epoch). Costs a few writes at the head, and one write per
   * younger bucket for late events.
   */
  add(second: number, bad: number, total: number): void {
    if (second > this.#headSecond) this.#advance(second);
    if (second < this.#firstSecond) this.#firstSecond = second;
    this.#bad += bad;
    this.#total += total;
    for (const { widthSeconds, bucketCount, ends } of this.#levels) {
      const head = Math.floor(this.#headSecond / widthSeconds);
      const first = Math.max(Math.floor(second / widthSeconds), head - bucketCount + 1);
      for (let bucket = first; bucket <= head; bucket++) {
        const slot = 2 * (bucket % bucketCount);
        ends[slot] = (ends[slot] ?? 0) + bad;
        ends[slot + 1] = (ends[slot + 1] ?? 0) + total;
      }
    }
  }

  /** Events of the seconds from `fromSecond` up to but not including `toSecond`; see the class for edges. */
  sum(fromSecond: number, toSecond: number): EventCounts {
    return this.#between(fromSecond, toSecond, true);
  }

  /** As `sum`, but buckets that an edge cuts count in whole, so that the counts are whole numbers. */
  sumWhole(fromSecond: number, toSecond: number): EventCounts {
    return this.#between(fromSecond, toSecond, false);
  }

  /**
   * Takes the events of a stretch of time out again, as for a maintenance window that is entered afterwards.
   * Coarse buckets that the edges cut lose their share in proportion to time.
   *
   * @returns what was taken out
   */
  remove(fromSecond: number, toSecond: number): EventCounts {
    if (this.#headSecond < 0 || toSecond <= fromSecond) return { bad: 0, total: 0 };
    const { bad: exactBad, total: exactTotal } = this.sum(fromSecond, toSecond);
    const bad = Math.round(exactBad);
    const total = Math.round(exactTotal);
    for (const level of this.#levels)
      removeFromLevel(level, this.#headSecond, fromSecond, toSecond, bad, total);
    this.#bad -= bad;
    this.#total -= total;
    return { bad, total };
  }

  /** The state as numbers: head, first second, totals, then per level the growth of each bucket, oldest first. */
  writeNumbers(out: NumberWriter): void {
    out.put(this.#headSecond + 1);
    out.put(Number.isFinite(this.#firstSecond) ? this.#firstSecond + 1 : 0);
    out.put(this.#bad);
    out.put(this.#total);
    for (const level of this.#levels) {
      const head = Math.floor(Math.max(0, this.#headSecond) / level.widthSeconds);
      writeLevel(out, level, modulo(head - level.bucketCount + 1, level.bucketCount));
    }
  }

  /** Replaces the state with what `writeNumbers` gave for a ring of the same levels. */
  load(next: () => number): void {
    this.#headSecond = next() - 1;
    const first = next();
    this.#firstSecond = first === 0 ? Number.POSITIVE_INFINITY : first - 1;
    this.#bad = next();
    this.#total = next();
    for (const { widthSeconds, bucketCount, ends } of this.#levels) {
      const head = Math.floor(Math.max(0, this.#headSecond) / widthSeconds);
      const growth: number[] = [];
      let bad = this.#bad;
      let total = this.#total;
      for (let index = 0; index < bucketCount - 1; index++) {
        const badGrowth = next();
        const totalGrowth = next();
        growth.push(badGrowth, totalGrowth);
        bad -= badGrowth;
        total -= totalGrowth;
      }
      for (let index = 0; index < bucketCount; index++) {
        if (index > 0) {
          bad += growth[2 * index - 2] ?? 0;
          total += growth[2 * index - 1] ?? 0;
        }
        const slot = 2 * modulo(head - bucketCount + 1 + index, bucketCount);
        ends[slot] = bad;
        ends[slot + 1] = total;
      }
    }
  }

  /** Adds everything that another ring knows, at the resolution at which it knows it. */
  takeOver(other: WindowRing): void {
    for (const { second, bad, total } of other.history()) this.add(second, bad, total);
    if (other.#headSecond >= 0) this.add(other.#headSecond, 0, 0);
  }

  /** Everything that is known, oldest first: each stretch at the finest resolution that still covers it. */
  *history(): Generator<HistoryBucket> {
    if (this.#headSecond < 0) return;
    let from = Number.NEGATIVE_INFINITY;
    for (const [index, level] of [...this.#levels].reverse().entries()) {
      const { widthSeconds, bucketCount } = level;
      const oldest = Math.floor(this.#headSecond / widthSeconds) - bucketCount + 2;
      const finer = this.#levels[this.#levels.length - 2 - index];
      const end = finer ? finerStart(level, finer, this.#headSecond) : this.#headSecond + 1;
      for (let second = Math.max(from, oldest * widthSeconds); second < end; second += widthSeconds) {
        const stop = Math.min(second + widthSeconds, end);
        const { bad, total } = this.sumWhole(second, stop);
        if (bad !== 0 || total !== 0) yield { second, widthSeconds: stop - second, bad, total };
      }
      from = Math.max(from, end);
    }
  }

  #advance(second: number): void {
    const isFirst = this.#headSecond < 0;
    for (const { widthSeconds, bucketCount, ends } of this.#levels) {
      if (isFirst) continue;
      const head = Math.floor(this.#headSecond / widthSeconds);
      const target = Math.floor(second / widthSeconds);
      const from = Math.max(head + 1, target - bucketCount + 1);
      for (let bucket = from; bucket <= target; bucket++) {
        const slot = 2 * (bucket % bucketCount);
        ends[slot] = this.#bad;
        ends[slot + 1] = this.#total;
      }
    }
    this.#headSecond = second;
  }

  #between(fromSecond: number, toSecond: number, share: boolean): EventCounts {
    if (toSecond <= fromSecond || this.#headSecond < 0) return { bad: 0, total: 0 };
    const from = this.#since(fromSecond, share);
    if (toSecond > this.#headSecond) return from;
    const to = this.#since(toSecond, share);
    return { bad: from.bad - to.bad, total: from.total - to.total };
  }

  /** Events of `second` and later. */
  #since(second: number, share: boolean): EventCounts {
    if (second > this.#headSecond) return { bad: 0, total: 0 };
    for (let index = 0; index < this.#shapes.length; index++) {
      const { widthSeconds, bucketCount, isNarrow } = this.#shapes[index] as RingLevel;
      const bucket = Math.floor(second / widthSeconds);
      const head = Math.floor(this.#headSecond / widthSeconds);
      if (bucket - 1 <= head - bucketCount) continue;
      const level = this.#levels[index] as Level;
      if (isNarrow && this.#total >= NARROW_LIMIT && this.#isAmbiguous(second)) continue;
      const start = this.#sinceEndOf(level, bucket - 1);
      const bucketStart = Math.max(bucket * widthSeconds, Math.min(this.#firstSecond, second));
      if (!share || second === bucketStart) return start;
      const cut = (second - bucketStart) / ((bucket + 1) * widthSeconds - bucketStart);
      const end = this.#sinceEndOf(level, bucket);
      return {
        bad: start.bad - cut * (start.bad - end.bad),
        total: start.total - cut * (start.total - end.total),
      };
    }
    const last = this.#levels[this.#levels.length - 1];
    if (!last) return { bad: this.#bad, total: this.#total };
    // Older than everything that is kept: the window begins where the memory does.
    return this.#sinceEndOf(last, Math.floor(this.#headSecond / last.widthSeconds) - last.bucketCount + 1);
  }

  #sinceEndOf({ widthSeconds, bucketCount, ends, isNarrow }: Level, bucket: number): EventCounts {
    const slot = 2 * modulo(bucket, bucketCount);
    const bad = this.#bad - (ends[slot] ?? 0);
    const total = this.#total - (ends[slot + 1] ?? 0);
    if (!isNarrow) return { bad, total };
    if (this.#total < NARROW_LIMIT)
      return { bad: modulo(bad, NARROW_LIMIT), total: modulo(total, NARROW_LIMIT) };
    // Of the sums that these four bytes may stand for, the one that lies within its wide bucket is meant.
    const least = this.#sinceEndOf(this.#wide, this.#wideBucketOf((bucket + 1) * widthSeconds - 1));
    return {
      bad: least.bad + modulo(bad - least.bad, NARROW_LIMIT),
      total: least.total + modulo(total - least.total, NARROW_LIMIT),
    };
  }

  /** Whether so many events lie in the wide bucket of a second that 4-byte counters go round within it. */
  #isAmbiguous(second: number): boolean {
    const bucket = this.#wideBucketOf(second);
    const [before, after] = [bucket - 1, bucket].map((each) => this.#sinceEndOf(this.#wide, each).total);
    return (before ?? 0) - (after ?? 0) >= NARROW_LIMIT;
  }

  #wideBucketOf(second: number): number {
    const { widthSeconds } = this.#wide;
    return Math.min(Math.floor(second / widthSeconds), Math.floor(this.#headSecond / widthSeconds));
  }
}

/** Where a finer level's buckets begin to resolve time, moved up to a boundary of the wider level. */
function finerStart(wide: RingLevel, fine: RingLevel, headSecond: number): number {
  const oldest = (Math.floor(headSecond / fine.widthSeconds) - fine.bucketCount + 2) * fine.widthSeconds;
  return Math.min(headSecond + 1, Math.ceil(oldest / wide.widthSeconds) * wide.widthSeconds);
}
