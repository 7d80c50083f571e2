/** One bucket of a classic histogram: how many observations were at or below `bound`. */
export interface ClassicBucket {
  readonly bound: number;
  count: number;
}

/** What was done to buckets to make sense of them. */
export interface ClassicAnswer {
  readonly value: number;
  /** Counts fell with rising bounds by more than rounding explains, and were raised. */
  readonly wasForced: boolean;
}

const NOTHING: ClassicAnswer = { value: Number.NaN, wasForced: false };

/** Differences below this share of the count are rounding, not a fault of the data. */
const TOLERANCE = 1e-12;

/**
 * φ-quantile of a classic histogram, linear within a bucket.
 *
 * @see Prometheus documentation, `histogram_quantile()`.
 */
export function classicQuantile(q: number, buckets: ClassicBucket[]): ClassicAnswer {
  if (Number.isNaN(q)) return NOTHING;
  if (q < 0) return { value: Number.NEGATIVE_INFINITY, wasForced: false };
  if (q > 1) return { value: Number.POSITIVE_INFINITY, wasForced: false };
  const repaired = repair(buckets);
  if (repaired === undefined) return NOTHING;
  const { list, total, wasForced } = repaired;
  const rank = q * total;
  const last = list.length - 1;
  let index = 0;
  while (index < last && (list[index]?.count ?? 0) < rank) index++;
  const bound = list[index]?.bound ?? Number.NaN;
  if (index === last) return { value: list[last - 1]?.bound ?? Number.NaN, wasForced };
  if (index === 0 && bound <= 0) return { value: bound, wasForced };
  const start = index === 0 ? 0 : (list[index - 1]?.bound ?? 0);
  const before = index === 0 ? 0 : (list[index - 1]?.count ?? 0);
  const count = (list[index]?.count ?? 0) - before;
  return { value: start + (bound - start) * ((rank - before) / count), wasForced };
}

/** Share of the observations of a classic histogram in `(lower, upper]`. */
export function classicFraction(lower: number, upper: number, buckets: ClassicBucket[]): ClassicAnswer {
  if (Number.isNaN(lower) || Number.isNaN(upper)) return NOTHING;
  const repaired = repair(buckets);
  if (repaired === undefined) return NOTHING;
  const { list, total, wasForced } = repaired;
  if (lower >= upper) return { value: 0, wasForced };
  return { value: (countBelow(upper, list) - countBelow(lower, list)) / total, wasForced };
}

function countBelow(value: number, list: readonly ClassicBucket[]): number {
  let before = 0;
  let start = Number.NEGATIVE_INFINITY;
  for (const { bound, count } of list) {
    // The first bucket starts at zero if it ends above.
    if (start === Number.NEGATIVE_INFINITY && bound > 0) start = 0;
    if (value <= start) return before;
    if (value < bound) {
      if (start === Number.NEGATIVE_INFINITY) return count;
      if (bound === Number.POSITIVE_INFINITY) return before;
      return before + ((count - before) * (value - start)) / (bound - start);
    }
    before = count;
    start = bound;
  }
  return before;
}

function repair(
  buckets: ClassicBucket[],
): { list: ClassicBucket[]; total: number; wasForced: boolean } | undefined {
  buckets.sort((a, b) => a.bound - b.bound);
  if (buckets.at(-1)?.bound !== Number.POSITIVE_INFINITY) return undefined;
  const list: ClassicBucket[] = [];
  for (const bucket of buckets) {
    const previous = list.at(-1);
    // The same bound written in two ways, such as 1 and 1.0.
    if (previous !== undefined && previous.bound === bucket.bound) previous.count += bucket.count;
    else list.push({ ...bucket });
  }
  let wasForced = false;
  let highest = list[0]?.count ?? 0;
  for (const bucket of list.slice(1)) {
    if (bucket.count === highest) continue;
    if (isNearly(bucket.count, highest)) bucket.count = highest;
    else if (bucket.count < highest) {
      bucket.count = highest;
      wasForced = true;
    } else highest = bucket.count;
  }
  const total = list.at(-1)?.count ?? 0;
  return list.length < 2 || total === 0 || Number.isNaN(total) ? undefined : { list, total, wasForced };
}

function isNearly(a: number, b: number): boolean {
  return Math.abs(a - b) / (Math.abs(a) + Math.abs(b)) < TOLERANCE;
}
