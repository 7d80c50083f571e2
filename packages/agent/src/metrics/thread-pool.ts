import { randomFill } from "node:crypto";

/**
 * How long work waits for libuv's thread pool, which file system, DNS, zlib and crypto calls share: once a second a
 * piece of work that takes next to nothing is put in its queue. The time until its callback runs is the wait, with the
 * event loop's own delay in it.
 */
export class ThreadPoolProbe {
  private readonly timer: NodeJS.Timeout;
  private readonly bytes = new Uint8Array(1);
  private pendingSinceMs: number | undefined;
  private maxMs = 0;

  constructor() {
    this.timer = setInterval(() => this.probe(), EVERY_MS);
    this.timer.unref();
  }

  /** Seconds that the slowest probe took since this was last asked, counting one that still waits. */
  take(): number {
    const waitingMs = this.pendingSinceMs === undefined ? 0 : performance.now() - this.pendingSinceMs;
    const seconds = Math.max(this.maxMs, waitingMs) / 1000;
    this.maxMs = 0;
    return seconds;
  }

  close(): void {
    clearInterval(this.timer);
  }

  /** One at a time: a pool that is stuck must not gather work of ours. */
  private probe(): void {
    if (this.pendingSinceMs !== undefined) return;
    const sinceMs = performance.now();
    this.pendingSinceMs = sinceMs;
    randomFill(this.bytes, () => {
      this.pendingSinceMs = undefined;
      this.maxMs = Math.max(this.maxMs, performance.now() - sinceMs);
    });
  }
}

const EVERY_MS = 1000;
