import { setImmediate as turn } from "node:timers/promises";
import { type Clock, type Logger, messageOf } from "@tocsin/model";
import type {
  Settlement,
  SpoolBatch,
  SpoolConsumer,
  SpoolPosition,
  SpoolRecord,
} from "../../spool/record.js";
import type { DecisionBook } from "./decision-book.js";
import { LogicalTime } from "./logical-time.js";
import type { TailSampler } from "./sampler.js";

export interface DecidedConsumerOptions {
  /** The place that counts: what was sent. */
  readonly consumer: SpoolConsumer;
  /** Runs ahead of it. It begins anew at the consumer's place after a restart. */
  readonly ahead: SpoolConsumer;
  readonly sampler: TailSampler;
  readonly book: DecisionBook;
  /** How long the spans of a trace are waited for. */
  readonly waitMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A batch of which a part is still to be handed out. */
interface Held {
  readonly batch: SpoolBatch;
  /** Of each record, on the line of time. */
  readonly seconds: readonly number[];
  readonly next: number;
}

/** Bytes looked at ahead before the event loop gets its turn. */
const AHEAD_BYTES = 512 * 1024;

/** Traces are decided on by the second in which they were first seen. */
const SECOND_MS = 1_000;

/**
 * Hands out records once all traces in them have been decided on. What waits, waits in the spool; only one batch is held.
 *
 * The line of time is the one in which requests were received: when an endpoint was away for an hour, the hour is looked
 * at in steps of a second, each with what came within the waiting time after it, as it would have been without delay.
 *
 * With `wait: false` it does not wait for anything: traces are decided on by what is known of them.
 */
export class DecidedConsumer implements SpoolConsumer {
  readonly name: string;
  readonly #options: DecidedConsumerOptions;
  readonly #time = new LogicalTime();
  readonly #aheadTime = new LogicalTime();
  /** What was read ahead and not looked at yet: a look must not go further than the decision may. */
  #unseen: SpoolRecord[] = [];
  #decidedBefore = Number.NEGATIVE_INFINITY;
  #held: Held | undefined;

  constructor(options: DecidedConsumerOptions) {
    this.name = options.consumer.name;
    this.#options = options;
    options.ahead.seek(options.consumer.position);
  }

  get position(): SpoolPosition {
    return this.#held ? startOf(this.#held) : this.#options.consumer.position;
  }

  get isOverdue(): boolean {
    return this.#options.consumer.isOverdue;
  }

  async read(
    options: { maxBytes?: number; signal?: AbortSignal; wait?: boolean } = {},
  ): Promise<SpoolBatch | undefined> {
    const { wait = true, signal } = options;
    const held = this.#held ?? (await this.#take(options));
    if (held === undefined) return undefined;
    const second = held.seconds[held.next];
    if (!wait) {
      await this.#observe(Number.POSITIVE_INFINITY, undefined);
      await this.#decideBefore(Number.POSITIVE_INFINITY);
    } else if (second >= this.#decidedBefore) {
      const isObserved = await this.#observe(
        (second + 1) * SECOND_MS + this.#options.waitMs,
        signal ?? NEVER,
      );
      if (!isObserved) return undefined;
      await this.#decideBefore(second + 1);
      this.#decidedBefore = second + 1;
    }
    let end = held.next;
    while (end < held.seconds.length && (!wait || held.seconds[end] < this.#decidedBefore)) end++;
    return this.#handOut(held, end);
  }

  settle(records: number, settlement: Settlement): void {
    this.#options.consumer.settle(records, settlement);
  }

  async commit(position: SpoolPosition): Promise<void> {
    await this.#options.consumer.commit(position);
    await this.#options.ahead.commit(position);
  }

  seek(position: SpoolPosition): void {
    this.#held = undefined;
    this.#options.consumer.seek(position);
  }

  async #take(options: {
    maxBytes?: number;
    signal?: AbortSignal;
    wait?: boolean;
  }): Promise<Held | undefined> {
    const batch = await this.#options.consumer.read(options);
    if (batch === undefined) return undefined;
    const seconds = batch.records.map(({ receivedAtMs }) =>
      Math.floor(this.#time.at(receivedAtMs) / SECOND_MS),
    );
    this.#held = { batch, seconds, next: 0 };
    return this.#held;
  }

  #handOut(held: Held, end: number): SpoolBatch {
    const { batch, next } = held;
    const isAll = end === batch.records.length;
    this.#held = isAll ? undefined : { ...held, next: end };
    return {
      records: batch.records.slice(next, end),
      ends: batch.ends.slice(next, end),
      start: startOf(held),
      position: isAll ? batch.position : batch.ends[end - 1],
      token: `${batch.token}+${next}`,
    };
  }

  /**
   * Looks at everything that was received before a point of the line of time, waiting for it to pass if need be.
   *
   * @param signal ends the waiting; undefined to wait for nothing
   * @returns false when the waiting was ended
   */
  async #observe(untilMs: number, signal: AbortSignal | undefined): Promise<boolean> {
    const { ahead, sampler, clock, waitMs } = this.#options;
    let waitedMs = 0;
    for (;;) {
      while (this.#unseen.length > 0) {
        const [{ signal: kind, body, receivedAtMs }] = this.#unseen;
        const atMs = this.#aheadTime.at(receivedAtMs);
        if (atMs >= untilMs) return true;
        this.#unseen.shift();
        if (kind === "traces") sampler.observe(body, Math.floor(atMs / SECOND_MS));
        ahead.settle(1, kind === "traces" ? "passed_on" : "passed_over");
      }
      await turn();
      if (signal?.aborted) return false;
      const batch = await ahead.read({ maxBytes: AHEAD_BYTES, wait: false });
      if (batch) {
        this.#unseen = [...batch.records];
        continue;
      }
      // A clock that was set back must not make anything wait for longer than it would have.
      const leftMs = Math.min(untilMs - this.#aheadTime.now(clock.now()), waitMs + SECOND_MS - waitedMs);
      if (signal === undefined || leftMs <= 0) return true;
      await pause(clock, leftMs, signal);
      waitedMs += leftMs;
    }
  }

  async #decideBefore(second: number): Promise<void> {
    const { sampler, book, logger, consumer } = this.#options;
    sampler.decideBefore(second);
    try {
      await book.flush();
    } catch (error) {
      logger.warn(
        { consumer: consumer.name, error: messageOf(error) },
        "sampling decisions cannot be written down; a restart may decide on late spans anew",
      );
    }
  }
}

function startOf({ batch, next }: Held): SpoolPosition {
  return next === 0 ? batch.start : batch.ends[next - 1];
}

const NEVER = new AbortController().signal;

function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const cancel = clock.after(delayMs, end);
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
  });
}
