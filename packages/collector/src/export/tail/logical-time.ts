import type { UnixMs } from "@tocsin/model";

/** Requests are stamped side by side, so their times are a little out of order without the clock having been set. */
const JITTER_MS = 5_000;

/**
 * Time of receipt as a line that never goes back: a clock that was set back is taken on from where it stood.
 * The same times in the same order always give the same line.
 */
export class LogicalTime {
  #shiftMs = 0;
  #latestMs = Number.NEGATIVE_INFINITY;

  /** The place on the line of what was received at a time, given in order of the spool. */
  at(receivedAtMs: UnixMs): number {
    const behindMs = this.#latestMs - (receivedAtMs + this.#shiftMs);
    if (behindMs > JITTER_MS) this.#shiftMs += behindMs;
    this.#latestMs = Math.max(this.#latestMs, receivedAtMs + this.#shiftMs);
    return this.#latestMs;
  }

  /** Where a time that comes after all the others lies. */
  now(nowMs: UnixMs): number {
    return nowMs + this.#shiftMs;
  }
}
