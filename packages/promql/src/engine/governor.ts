import type { Clock } from "@tocsin/model";
import { PromQLError } from "../errors.js";

/** How much one query may use. */
export interface Limits {
  readonly maxSamples: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** Time is a parameter. */
  readonly clock: Pick<Clock, "now">;
}

/** Work between two looks at the clock, in cells or samples. */
const WORK_PER_LOOK = 200_000;
/** How long the event loop may be held before other work, such as an abort, gets its turn. */
const TURN_MS = 25;

/**
 * Keeps one query within its limits. Evaluation reports its work to `spend`; between two pieces of work it asks
 * `isTurnOver` and, if so, awaits `nextTurn`, which lets timers and aborts in.
 */
export class Governor {
  readonly #limits: Limits;
  readonly #startedMs: number;
  #turnStartedMs: number;
  #samples = 0;
  #work = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
    this.#startedMs = limits.clock.now();
    this.#turnStartedMs = this.#startedMs;
    this.#check(this.#startedMs);
  }

  /** Counts samples held in memory. @throws {PromQLError} PROMQL_LIMIT */
  hold(samples: number): void {
    this.#samples += samples;
    if (this.#samples > this.#limits.maxSamples) {
      throw new PromQLError(
        "PROMQL_LIMIT",
        `query processing would load too many samples into memory in query execution: more than ${this.#limits.maxSamples}. Select fewer series, a shorter range or a larger step, or raise maxSamples.`,
      );
    }
  }

  /** Gives samples back that are no longer held. */
  release(samples: number): void {
    this.#samples -= samples;
  }

  /** Counts work done. True when it is time to await `nextTurn`. @throws {PromQLError} PROMQL_TIMEOUT, PROMQL_ABORTED */
  spend(work: number): boolean {
    this.#work += work;
    if (this.#work < WORK_PER_LOOK) return false;
    this.#work = 0;
    const nowMs = this.#limits.clock.now();
    this.#check(nowMs);
    return nowMs - this.#turnStartedMs >= TURN_MS;
  }

  /** Lets the event loop run other work once. @throws {PromQLError} PROMQL_TIMEOUT, PROMQL_ABORTED */
  async nextTurn(): Promise<void> {
    await new Promise<void>((resolve) => {
      setTimeout(resolve, 0);
    });
    this.#turnStartedMs = this.#limits.clock.now();
    this.#check(this.#turnStartedMs);
  }

  #check(nowMs: number): void {
    if (this.#limits.signal?.aborted === true) {
      throw new PromQLError("PROMQL_ABORTED", "query was canceled in query execution", {
        cause: this.#limits.signal.reason,
      });
    }
    if (nowMs - this.#startedMs > this.#limits.timeoutMs) {
      throw new PromQLError(
        "PROMQL_TIMEOUT",
        `query timed out in expression evaluation after ${this.#limits.timeoutMs} ms. Select fewer series or a shorter range, or raise timeoutMs.`,
      );
    }
  }
}
