import { type Level, modulo } from "./ring-levels.js";

/**
 * Takes events of the seconds from `fromSecond` up to but not including `toSecond` out of one level.
 *
 * @param allBad how many bad events are taken out in all; what the level cannot place lies before its reach
 */
export function removeFromLevel(
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
