import type { UnixMs } from "@tocsin/model";

const DAY_MS = 86_400_000;

/** A span of time, both ends included. */
export class TimeWindow {
  readonly minMs: UnixMs;
  readonly maxMs: UnixMs;

  constructor(minMs: UnixMs, maxMs: UnixMs) {
    this.minMs = minMs;
    this.maxMs = maxMs;
  }

  /**
   * The instants for which rows are kept: from the end of the retention to a day ahead of now, for clocks that run
   * fast. Others would make a partition of their own for every wild clock.
   */
  static kept(nowMs: UnixMs, retentionMs: number): TimeWindow {
    return new TimeWindow(nowMs - retentionMs, nowMs + DAY_MS);
  }

  /** The part of this window that lies in one day (UTC), counted from the epoch. */
  onDay(day: number): TimeWindow {
    const startMs = day * DAY_MS;
    // The next representable number before midnight.
    const endMs = startMs + DAY_MS - 2 ** -10;
    return new TimeWindow(Math.max(this.minMs, startMs), Math.min(this.maxMs, endMs));
  }

  contains(timeMs: UnixMs): boolean {
    return timeMs >= this.minMs && timeMs <= this.maxMs;
  }
}

/** Day of an instant (UTC), counted from the epoch. */
export function dayOf(timeMs: UnixMs): number {
  return Math.floor(timeMs / DAY_MS);
}
