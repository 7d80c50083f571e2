import type { NumberWriter } from "./number-codec.js";

/** One resolution of a ring: `bucketCount` buckets of `widthSeconds`. */
export interface RingLevel {
  readonly widthSeconds: number;
  readonly bucketCount: number;
  /** 4-byte counters count modulo 2^32; the finest wide level tells how often they went round. */
  readonly isNarrow: boolean;
}

/** A level with its memory. */
export interface Level extends RingLevel {
  /** Cumulative counts at the *end* of bucket `b`: bad at `2 * (b % bucketCount)`, total right after it. */
  readonly ends: Uint32Array | Float64Array;
}

const HOUR_SECONDS = 3_600;
const MAX_COARSE_BUCKETS = 745;
/** What 4-byte counters go round at. */
export const NARROW_LIMIT = 2 ** 32;

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
  const key = `${periodSeconds} ${unitsPerEvent === 1}`;
  const known = shapes.get(key) ?? levelsFor(periodSeconds, unitsPerEvent);
  shapes.set(key, known);
  return known;
}

/** Thousands of SLOs have the same levels. */
const shapes = new Map<string, readonly RingLevel[]>();

function levelsFor(periodSeconds: number, unitsPerEvent: number): readonly RingLevel[] {
  const coarseWidth =
    HOUR_SECONDS * Math.max(1, Math.ceil(periodSeconds / (HOUR_SECONDS * MAX_COARSE_BUCKETS)));
  const levels: RingLevel[] = [
    { widthSeconds: 1, bucketCount: 370, isNarrow: true },
    { widthSeconds: 10, bucketCount: 2_170, isNarrow: true },
    // An hour of whole events fits four bytes up to a million a second; thousandths of events need wide minutes.
    { widthSeconds: 60, bucketCount: 730, isNarrow: unitsPerEvent === 1 },
    { widthSeconds: 600, bucketCount: 440, isNarrow: unitsPerEvent === 1 },
    { widthSeconds: coarseWidth, bucketCount: MAX_COARSE_BUCKETS + 2, isNarrow: false },
  ];
  return levels.map((level) => ({
    ...level,
    bucketCount: Math.min(level.bucketCount, Math.ceil(periodSeconds / level.widthSeconds) + 2),
  }));
}

/** The levels with memory for them. */
export function allocateLevels(levels: readonly RingLevel[]): readonly Level[] {
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
  return levels.map((level) => ({ ...level, ends: ends.get(level) ?? new Float64Array(0) }));
}

function bytesOf({ bucketCount, isNarrow }: RingLevel): number {
  return 2 * bucketCount * (isNarrow ? 4 : 8);
}

/** Sums of the level that is being written. */
let scratch = new Float64Array(0);

/** Writes the growth of each bucket of a level, oldest first. */
export function writeLevel(out: NumberWriter, { ends, isNarrow }: Level, oldestBucket: number): void {
  // One loop over one kind of array: over two kinds it would be several times slower than the copy is.
  const sums = ends instanceof Float64Array ? ends : copyOf(ends);
  const around = isNarrow ? NARROW_LIMIT : 0;
  let before = 2 * oldestBucket;
  let empty = 0;
  for (let left = ends.length - 2; left > 0; left -= 2) {
    const slot = before + 2 === ends.length ? 0 : before + 2;
    let bad = (sums[slot] ?? 0) - (sums[before] ?? 0);
    let total = (sums[slot + 1] ?? 0) - (sums[before + 1] ?? 0);
    before = slot;
    if (bad === 0 && total === 0) {
      empty += 2;
      continue;
    }
    if (bad < 0) bad += around;
    if (total < 0) total += around;
    out.zeros(empty);
    empty = 0;
    out.put(bad);
    out.put(total);
  }
  out.zeros(empty);
}

function copyOf(sums: Uint32Array): Float64Array {
  if (scratch.length < sums.length) scratch = new Float64Array(sums.length);
  scratch.set(sums);
  return scratch;
}

/** The remainder that is never negative. */
export function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}
