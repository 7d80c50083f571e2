/** How often Node's monitor of the event loop looks, in milliseconds. */
export const DELAY_RESOLUTION_MS = 20;

/**
 * How late the event loop was, in seconds. Node's monitor tells the time from one look to the next, which on an idle loop is
 * its own interval; what is on top of that is delay.
 *
 * @param nanoseconds as `monitorEventLoopDelay` has them; not a number before its first look
 */
export function eventLoopDelay(nanoseconds: number): number {
  if (!Number.isFinite(nanoseconds)) return 0;
  return Math.max(0, nanoseconds / 1e9 - DELAY_RESOLUTION_MS / 1000);
}
