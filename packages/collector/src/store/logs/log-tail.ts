import type { LogColumns } from "../../otlp/index.js";
import { type LogFilter, matchesLog, type StoredLog } from "./log.js";
import { logOfColumns } from "./log-of-columns.js";

/** What a follower gets: records, and how many it missed since the last time because it was too slow. */
export interface TailBatch {
  readonly logs: readonly StoredLog[];
  readonly skipped: number;
}

/** Records that wait for one follower at most; what comes on top is counted, not kept. */
const MAX_WAITING = 1_000;

/**
 * Log records as they pass by on their way to the store. Followers cost the store nothing: each has a filter and a
 * bounded queue, and a slow one loses records and is told how many.
 */
export class LogTail {
  readonly #followers = new Set<Follower>();

  get hasFollowers(): boolean {
    return this.#followers.size > 0;
  }

  publish(columns: LogColumns, receivedAtMs: number): void {
    if (this.#followers.size === 0) return;
    for (let row = 0; row < columns.rowCount; row++) {
      const log = logOfColumns(columns, row, receivedAtMs);
      for (const follower of this.#followers) follower.offer(log);
    }
  }

  /** Records that match, as they come, until `signal` is aborted. */
  async *follow(filter: LogFilter, signal: AbortSignal): AsyncGenerator<TailBatch, void, void> {
    const follower = new Follower(filter);
    this.#followers.add(follower);
    const wake = () => follower.wake();
    signal.addEventListener("abort", wake);
    try {
      while (!signal.aborted) {
        const batch = follower.take();
        if (batch === undefined) await follower.waiting();
        else yield batch;
      }
    } finally {
      signal.removeEventListener("abort", wake);
      this.#followers.delete(follower);
    }
  }
}

class Follower {
  readonly #filter: LogFilter;
  #logs: StoredLog[] = [];
  #skipped = 0;
  #wake: () => void = () => {};

  constructor(filter: LogFilter) {
    this.#filter = filter;
  }

  offer(log: StoredLog): void {
    if (!matchesLog(this.#filter, log)) return;
    if (this.#logs.length < MAX_WAITING) this.#logs.push(log);
    else this.#skipped += 1;
    this.#wake();
  }

  take(): TailBatch | undefined {
    if (this.#logs.length === 0 && this.#skipped === 0) return undefined;
    const batch = { logs: this.#logs, skipped: this.#skipped };
    this.#logs = [];
    this.#skipped = 0;
    return batch;
  }

  waiting(): Promise<void> {
    return new Promise((done) => {
      this.#wake = done;
    });
  }

  wake(): void {
    this.#wake();
  }
}
