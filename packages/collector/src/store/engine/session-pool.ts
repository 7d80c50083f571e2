import type { Clock } from "@tocsin/model";
import { quoteString } from "./bind-parameters.js";
import type { NativeEngine, NativeResult } from "./native.js";
import { type Job, SessionQueue } from "./session-queue.js";
import type { Lane } from "./statement.js";

export interface PoolOptions {
  readonly directory: string;
  /** Connections for reads; as many reads run at the same time. */
  readonly readSessions: number;
  /** Connections for inserts and schema changes. */
  readonly writeSessions: number;
  /** Limit of the engine's memory as a whole; its own default is most of the machine. */
  readonly maxMemoryBytes: number;
  readonly markCacheBytes: number;
}

/** A statement with the name by which it can be killed. */
export interface PoolJob extends Omit<Job, "begin"> {
  readonly id: string;
  /** Time limit that the statement carries in its settings, for noticing one that ignores it. */
  readonly maxExecutionMs: number;
  readonly signal: AbortSignal;
}

/** How long after its own time limit a running statement counts as hanging. */
const HANG_GRACE_MS = 60_000;

/**
 * Several sessions on one directory. One session is one queue, so reads, writes and control have sessions of their own:
 * a long read never holds up an insert, and a kill never waits for what it kills.
 */
export class SessionPool {
  readonly #lanes: Readonly<Record<Lane, readonly SessionQueue[]>>;
  readonly #clock: Clock;
  readonly #running = new Map<string, number>();

  constructor(engine: NativeEngine, options: PoolOptions, clock: Clock) {
    const args = [
      `--max_server_memory_usage=${options.maxMemoryBytes}`,
      `--mark_cache_size=${options.markCacheBytes}`,
      "--uncompressed_cache_size=0",
    ];
    const open = (count: number) =>
      Array.from({ length: count }, () => new SessionQueue(engine.open(options.directory, args)));
    this.#lanes = {
      control: open(1),
      write: open(options.writeSessions),
      read: open(options.readSessions),
    };
    this.#clock = clock;
  }

  /**
   * Runs a statement on the least busy session of its lane. When `signal` is aborted the statement is killed in the
   * engine: the library itself would only forget the answer and let it run on.
   */
  async run(lane: Lane, job: PoolJob): Promise<NativeResult> {
    const queue = this.#lanes[lane].reduce((best, other) => (other.load < best.load ? other : best));
    const kill = () => this.#kill(job.id);
    job.signal.addEventListener("abort", kill, { once: true });
    const settings = new Map(job.settings).set("log_comment", job.id);
    try {
      return await queue.run({
        ...job,
        settings,
        begin: () => {
          if (job.signal.aborted) return false;
          this.#running.set(job.id, this.#clock.now() + job.maxExecutionMs);
          return true;
        },
      });
    } finally {
      this.#running.delete(job.id);
      job.signal.removeEventListener("abort", kill);
    }
  }

  /** A statement that runs on although its time limit is long over; the engine is then beyond help. */
  hangingJob(): string | undefined {
    const nowMs = this.#clock.now();
    for (const [id, limitMs] of this.#running) if (nowMs > limitMs + HANG_GRACE_MS) return id;
    return undefined;
  }

  /** Lets running statements end, then closes every session. */
  async close(): Promise<void> {
    const queues = Object.values(this.#lanes).flat();
    await Promise.all(queues.map((queue) => queue.drained()));
    for (const queue of queues) queue.close();
  }

  /** Runs the smallest statement there is, beside everything else. */
  async check(): Promise<void> {
    await this.#control("SELECT 1");
  }

  #kill(id: string): void {
    const sql = `KILL QUERY WHERE Settings['log_comment'] = ${quoteString(id)} ASYNC`;
    // A kill that finds nothing is no fault: the statement has just ended.
    this.#control(sql).catch(() => {});
  }

  async #control(sql: string): Promise<void> {
    const job = { sql, format: "Null", settings: new Map(), database: "default", begin: () => true };
    await Promise.all(this.#lanes.control.map((queue) => queue.run(job)));
  }
}
