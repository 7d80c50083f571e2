const BASE_MS = 1_000;
const CAP_MS = 300_000;

/**
 * How long to wait before the next try: "full jitter", a uniform share of an exponentially growing span.
 *
 * @param attempt how many tries failed so far, from 1
 * @param random 0 to 1
 * @param retryAfterMs what the other side asked for; never undercut, and jitter comes on top so that a crowd does
 *   not come back at the same moment
 * @see "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
export function backoffMs(attempt: number, random: number, retryAfterMs: number | undefined): number {
  const spanMs = Math.min(CAP_MS, BASE_MS * 2 ** Math.min(attempt, 20));
  return Math.round(random * spanMs) + (retryAfterMs ?? 0);
}

/** Seconds or an HTTP date, as in the Retry-After header; undefined when it is neither. At most a day. */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\s*\d+(\.\d+)?\s*$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - nowMs;
  return Number.isFinite(ms) ? Math.min(86_400_000, Math.max(0, ms)) : undefined;
}
