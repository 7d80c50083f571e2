/** Milliseconds since 1970-01-01T00:00:00Z. */
export type UnixMs = number;

/** Ends what it was returned for, for instance a timer. Calling it again does nothing. */
export type Cancel = () => void;

/** Time as a parameter: the system's in production, moved by hand in tests. */
export interface Clock {
  now(): UnixMs;
  /** Calls `callback` once, `delayMs` from now. The timer does not keep the process alive. */
  after(delayMs: number, callback: () => void): Cancel;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Calls `callback` every `periodMs` until cancelled; a slow callback delays the next call, never overlaps it. */
export function every(clock: Clock, periodMs: number, callback: () => void | Promise<void>): Cancel {
  let cancelled = false;
  let cancelTimer = clock.after(periodMs, tick);
  async function tick(): Promise<void> {
    try {
      await callback();
    } finally {
      if (!cancelled) cancelTimer = clock.after(periodMs, tick);
    }
  }
  return () => {
    cancelled = true;
    cancelTimer();
  };
}
