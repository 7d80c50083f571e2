/** Start of the counter behind a sample, undefined where unknown. */
export function startOf(starts: ArrayLike<number>, index: number): number | undefined {
  const startMs = starts[index] ?? 0;
  return startMs === 0 ? undefined : startMs;
}

/**
 * Whether the counter of the later sample began after the earlier sample was taken, although its value did not fall.
 * A start that did not change, or that lies before the earlier sample, tells of no reset.
 */
export function isStartReset(
  previousStartMs: number | undefined,
  previousMs: number | undefined,
  startMs: number | undefined,
  tMs: number | undefined,
): boolean {
  if (startMs === undefined || startMs === 0 || previousMs === undefined || tMs === undefined) return false;
  return startMs !== previousStartMs && startMs >= previousMs && startMs <= tMs;
}
