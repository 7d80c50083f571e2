import { quoteString } from "./bind-parameters.js";
import type { NativeResult, NativeSession } from "./native.js";

/** Settings of one statement, by the engine's names. */
export type Settings = ReadonlyMap<string, string>;

/** One statement as a queue takes it. */
export interface Job {
  readonly sql: string;
  readonly format: string;
  readonly settings: Settings;
  readonly database: string;
  /** Called when the job's turn has come; false leaves it out because its asker has gone. */
  readonly begin: () => boolean;
}

/** A job whose asker went away before it began. */
export class JobCancelled extends Error {}

/**
 * The statements of one session, one after the other.
 *
 * What a statement sets stays set on the connection, so the queue remembers what it has set and takes it back before
 * the next statement: each sees its own settings and the engine's defaults, nothing of its predecessors.
 */
export class SessionQueue {
  readonly #session: NativeSession;
  readonly #applied = new Map<string, string>();
  #database = "default";
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(session: NativeSession) {
    this.#session = session;
  }

  /** Jobs running or waiting. */
  get load(): number {
    return this.#waiting;
  }

  run(job: Job): Promise<NativeResult> {
    this.#waiting += 1;
    const result = this.#tail.then(() => this.#start(job));
    this.#tail = result.then(
      () => this.#finished(),
      () => this.#finished(),
    );
    return result;
  }

  /** Resolves when everything accepted has ended. */
  async drained(): Promise<void> {
    await this.#tail;
  }

  close(): void {
    this.#session.close();
  }

  #finished(): void {
    this.#waiting -= 1;
  }

  async #start(job: Job): Promise<NativeResult> {
    if (!job.begin()) throw new JobCancelled("The asker went away before the query began.");
    await this.#prepare(job);
    try {
      return await this.#session.run(job.sql, job.format);
    } catch (error) {
      // A statement that failed or was killed stays in the engine's list, with what it holds, until the next one.
      await this.#session.run("SELECT 1", "Null").catch(() => {});
      throw error;
    }
  }

  async #prepare(job: Job): Promise<void> {
    for (const name of [...this.#applied.keys()]) {
      if (job.settings.has(name)) continue;
      await this.#set(`SET ${name} = DEFAULT`);
      this.#applied.delete(name);
    }
    for (const [name, value] of job.settings) {
      if (this.#applied.get(name) === value) continue;
      await this.#set(`SET ${name} = ${quoteString(value)}`);
      this.#applied.set(name, value);
    }
    if (job.database !== this.#database) {
      await this.#set(`USE \`${job.database.replace(/[\\`]/g, "\\$&")}\``);
      this.#database = job.database;
    }
  }

  async #set(sql: string): Promise<void> {
    await this.#session.run(sql, "Null");
  }
}
