import type { Cancel, Clock, UnixMs } from "./clock.js";

/** A clock for tests: time stands still until `advance` moves it. */
export class ManualClock implements Clock {
  #nowMs: UnixMs;
  #timers: { atMs: UnixMs; callback: () => void }[] = [];

  constructor(startMs: UnixMs = 0) {
    this.#nowMs = startMs;
  }

  now(): UnixMs {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): Cancel {
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** When the timers that wait fall due, the next one first. */
  dueMs(): readonly UnixMs[] {
    return this.#timers.map(({ atMs }) => atMs).sort((a, b) => a - b);
  }

  /** Moves time forward, running what falls due in order; promises settle between timers. */
  async advance(byMs: number): Promise<void> {
    const endMs = this.#nowMs + byMs;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (!due) break;
      this.#timers = this.#timers.filter((other) => other !== due);
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.callback();
      await settle();
    }
    this.#nowMs = endMs;
    await settle();
  }
}

/** Lets every promise that is ready run its callbacks. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}
