/** Start of the counter behind a sample, undefined where unknown. */
export function startOf(starts: ArrayLike<number>, index: number): number | undefined {
  const startMs = starts[index] ?? 0;
  return startMs === 0 ? undefined : startMs;
}

/**
 * Whether the counter of the later sample began after the earlier sample was taken, although its value may not have
 * fallen. A start right at the earlier sample is a reset only when the earlier sample's own start is known: then each
 * sample counts anew, while otherwise the start is that sample standing in for an unknown one.
 */
export function isStartReset(
  previousStartMs: number | undefined,
  previousMs: number | undefined,
  startMs: number | undefined,
  tMs: number | undefined,
): boolean {
  if (startMs === undefined || startMs === 0 || previousMs === undefined || tMs === undefined) return false;
  if (startMs > tMs || startMs < previousMs) return false;
  return startMs > previousMs || (previousStartMs !== undefined && previousStartMs !== 0);
}
