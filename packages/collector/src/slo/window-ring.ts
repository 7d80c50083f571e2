// One piece, though long: reading, adding, removing and carrying over all rest on the same layout of prefix sums, and each
// is only right as long as the others keep it.

import type { NumberWriter } from "./number-codec.js";

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

/** One resolution of a ring: `bucketCount` buckets of `widthSeconds`. */
export interface RingLevel {
  readonly widthSeconds: number;
  readonly bucketCount: number;
  /** 4-byte counters count modulo 2^32; their sums are taken from a wider level when that could show. */
  readonly isNarrow: boolean;
}

interface Level extends RingLevel {
  /** Cumulative counts at the *end* of bucket `b`: bad at `2 * (b % bucketCount)`, total right after it. */
  readonly ends: Uint32Array | Float64Array;
}

const HOUR_SECONDS = 3_600;
const MAX_COARSE_BUCKETS = 745;
const NARROW_LIMIT = 2 ** 32;

/**
 * The resolutions that serve an SLO of this period: 1 s for 6 min, 10 s for 6 h, 1 min for 12 h, 10 min for 3 d and
 * 1 h for 31 days (a longer period has proportionally wider last buckets). A shorter period needs fewer of each.
 *
 * The 10 s level reaches back 6 h because the short window of the slowest default pair is 6 h long, and its
 * alert must end on the second.
 *
 * @param unitsPerEvent how many counts one event has
 */
export function ringLevels(periodSeconds: number, unitsPerEvent = 1): readonly RingLevel[] {
  const coarseWidth =
    HOUR_SECONDS * Math.max(1, Math.ceil(periodSeconds / (HOUR_SECONDS * MAX_COARSE_BUCKETS)));
  const levels: RingLevel[] = [
    { widthSeconds: 1, bucketCount: 370, isNarrow: true },
    { widthSeconds: 10, bucketCount: 2_170, isNarrow: true },
    // Twelve hours of whole events fit four bytes up to 100,000 a second; thousandths of events do not.
    { widthSeconds: 60, bucketCount: 730, isNarrow: unitsPerEvent === 1 },
    { widthSeconds: 600, bucketCount: 440, isNarrow: false },
    { widthSeconds: coarseWidth, bucketCount: MAX_COARSE_BUCKETS + 2, isNarrow: false },
  ];
  return levels.map((level) => ({
    ...level,
    bucketCount: Math.min(level.bucketCount, Math.ceil(periodSeconds / level.widthSeconds) + 2),
  }));
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
  #bad = 0;
  #total = 0;
  /** The earliest second of any event; a bucket that it lies in is taken to begin there. */
  #firstSecond = Number.POSITIVE_INFINITY;
  /** The newest second that the buckets know; -1 before the first event. */
  #headSecond = -1;

  constructor(levels: readonly RingLevel[]) {
    // One piece of memory for all levels, since each has a price of its own; wide levels first, which keeps them aligned.
    const memory = new ArrayBuffer(levels.reduce((sum, level) => sum + bytesOf(level), 0));
    let used = 0;
    const ends = new Map<RingLevel, Level["ends"]>();
    for (const level of levels.toSorted((a, b) => Number(a.isNarrow) - Number(b.isNarrow))) {
      const length = 2 * level.bucketCount;
      ends.set(
        level,
        level.isNarrow ? new Uint32Array(memory, used, length) : new Float64Array(memory, used, length),
      );
      used += bytesOf(level);
    }
    this.#levels = levels.map((level) => ({ ...level, ends: ends.get(level) ?? new Float64Array(0) }));
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
    for (const { widthSeconds, bucketCount, ends } of this.#levels) {
      const head = Math.floor(Math.max(0, this.#headSecond) / widthSeconds);
      const oldest = modulo(head - bucketCount + 1, bucketCount);
      if (ends instanceof Uint32Array) writeNarrowLevel(out, ends, oldest);
      else writeWideLevel(out, ends, oldest);
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
    for (const level of this.#levels) {
      const { widthSeconds, bucketCount, isNarrow } = level;
      const bucket = Math.floor(second / widthSeconds);
      const head = Math.floor(this.#headSecond / widthSeconds);
      if (bucket - 1 <= head - bucketCount) continue;
      if (isNarrow && this.#total >= NARROW_LIMIT && this.#mayWrap(second)) continue;
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

  #sinceEndOf({ bucketCount, ends, isNarrow }: Level, bucket: number): EventCounts {
    const slot = 2 * modulo(bucket, bucketCount);
    const bad = this.#bad - (ends[slot] ?? 0);
    const total = this.#total - (ends[slot + 1] ?? 0);
    return isNarrow ? { bad: modulo(bad, NARROW_LIMIT), total: modulo(total, NARROW_LIMIT) } : { bad, total };
  }

  /** Whether so many events came since `second` that 4-byte counters went round. */
  #mayWrap(second: number): boolean {
    const wide = this.#levels.find((level) => !level.isNarrow);
    if (!wide) return false;
    const bucket = Math.floor(second / wide.widthSeconds);
    return this.#sinceEndOf(wide, bucket - 1).total >= NARROW_LIMIT;
  }
}

// The same loop twice, since a loop over two kinds of arrays is several times slower than one over either.

function writeNarrowLevel(out: NumberWriter, ends: Uint32Array, oldest: number): void {
  let before = 2 * oldest;
  let empty = 0;
  for (let left = ends.length - 2; left > 0; left -= 2) {
    const slot = before + 2 === ends.length ? 0 : before + 2;
    const bad = ((ends[slot] ?? 0) - (ends[before] ?? 0)) >>> 0;
    const total = ((ends[slot + 1] ?? 0) - (ends[before + 1] ?? 0)) >>> 0;
    before = slot;
    if (bad === 0 && total === 0) {
      empty += 2;
      continue;
    }
    out.zeros(empty);
    empty = 0;
    out.put(bad);
    out.put(total);
  }
  out.zeros(empty);
}

function writeWideLevel(out: NumberWriter, ends: Float64Array, oldest: number): void {
  let before = 2 * oldest;
  let empty = 0;
  for (let left = ends.length - 2; left > 0; left -= 2) {
    const slot = before + 2 === ends.length ? 0 : before + 2;
    const bad = (ends[slot] ?? 0) - (ends[before] ?? 0);
    const total = (ends[slot + 1] ?? 0) - (ends[before + 1] ?? 0);
    before = slot;
    if (bad === 0 && total === 0) {
      empty += 2;
      continue;
    }
    out.zeros(empty);
    empty = 0;
    out.put(bad);
    out.put(total);
  }
  out.zeros(empty);
}

function bytesOf({ bucketCount, isNarrow }: RingLevel): number {
  return 2 * bucketCount * (isNarrow ? 4 : 8);
}

/** Where a finer level's buckets begin to resolve time, moved up to a boundary of the wider level. */
function finerStart(wide: RingLevel, fine: RingLevel, headSecond: number): number {
  const oldest = (Math.floor(headSecond / fine.widthSeconds) - fine.bucketCount + 2) * fine.widthSeconds;
  return Math.min(headSecond + 1, Math.ceil(oldest / wide.widthSeconds) * wide.widthSeconds);
}

function removeFromLevel(
  level: Level,
  headSecond: number,
  fromSecond: number,
  toSecond: number,
  allBad: number,
  allTotal: number,
): void {
  const { widthSeconds, bucketCount, ends } = level;
  const head = Math.floor(headSecond / widthSeconds);
  const oldest = head - bucketCount + 1;
  const first = Math.max(Math.floor(fromSecond / widthSeconds), oldest);
  const last = Math.min(Math.floor((toSecond - 1) / widthSeconds), head);
  // Growth of each bucket in the stretch, newest first, so that what is left over falls before the level's reach.
  let leftBad = allBad;
  let leftTotal = allTotal;
  const taken: [bad: number, total: number][] = [];
  for (let bucket = last; bucket >= first; bucket--) {
    if (bucket === oldest) break;
    const slot = 2 * modulo(bucket, bucketCount);
    const before = 2 * modulo(bucket - 1, bucketCount);
    const start = bucket * widthSeconds;
    const share = (Math.min(toSecond, start + widthSeconds) - Math.max(fromSecond, start)) / widthSeconds;
    const growth = (offset: number) => {
      const difference = (ends[slot + offset] ?? 0) - (ends[before + offset] ?? 0);
      return level.isNarrow ? difference >>> 0 : difference;
    };
    const isWholeRest = bucket === first && first * widthSeconds <= fromSecond && first > oldest;
    const bad = isWholeRest ? Math.min(leftBad, growth(0)) : Math.min(leftBad, Math.round(growth(0) * share));
    const total = isWholeRest
      ? Math.min(leftTotal, growth(1))
      : Math.min(leftTotal, Math.round(growth(1) * share));
    leftBad -= bad;
    leftTotal -= total;
    taken.unshift([bad, total]);
  }
  // What the level no longer resolves lies before its oldest bucket end, and lowers every end alike.
  let bad = leftBad;
  let total = leftTotal;
  const resolvedFrom = last - taken.length + 1;
  for (let bucket = oldest; bucket <= head; bucket++) {
    const growth = bucket >= resolvedFrom && bucket <= last ? taken[bucket - resolvedFrom] : undefined;
    bad += growth?.[0] ?? 0;
    total += growth?.[1] ?? 0;
    const slot = 2 * modulo(bucket, bucketCount);
    ends[slot] = (ends[slot] ?? 0) - bad;
    ends[slot + 1] = (ends[slot + 1] ?? 0) - total;
  }
}

function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}
