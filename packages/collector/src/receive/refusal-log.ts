import { type Clock, every, type Logger, type UnixMs } from "@tocsin/model";
import type { Transport } from "./metrics.js";
import type { Refusal, RefusalReason } from "./refusal.js";

/** What one sender was refused for. A sender with several faults comes once for each. */
export interface RefusedSender {
  readonly sender: string;
  readonly transport: Transport;
  readonly reason: RefusalReason;
  readonly message: string;
  readonly count: number;
  readonly lastAtMs: UnixMs;
}

const LOG_PERIOD_MS = 60_000;

/** Senders and reasons remembered; beyond it the longest silent one is forgotten. */
const MAX_REMEMBERED = 200;

/** Remembers who was refused and why, and names it once a minute: a line per request would be a flood of its own. */
export class RefusalLog {
  readonly #clock: Clock;
  /** By sender and reason, in order of the last refusal. */
  readonly #remembered = new Map<string, RefusedSender>();
  #fresh = new Map<string, { sender: string; reason: string; count: number; message: string }>();
  readonly #cancel: () => void;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#cancel = every(clock, LOG_PERIOD_MS, () => this.#flush(logger));
  }

  note(transport: Transport, sender: string, refusal: Refusal): void {
    const { reason, message } = refusal;
    const key = `${sender} ${transport} ${reason}`;
    const count = (this.#remembered.get(key)?.count ?? 0) + 1;
    this.#remembered.delete(key);
    this.#remembered.set(key, { sender, transport, reason, message, count, lastAtMs: this.#clock.now() });
    if (this.#remembered.size > MAX_REMEMBERED)
      this.#remembered.delete(this.#remembered.keys().next().value ?? "");
    const fresh = this.#fresh.get(key);
    if (fresh) fresh.count++;
    else if (this.#fresh.size < MAX_REMEMBERED) this.#fresh.set(key, { sender, reason, count: 1, message });
  }

  /** The latest refusals, newest first. */
  senders(): RefusedSender[] {
    return [...this.#remembered.values()].reverse();
  }

  close(): void {
    this.#cancel();
  }

  #flush(logger: Logger): void {
    if (this.#fresh.size === 0) return;
    logger.warn({ refused: [...this.#fresh.values()] }, "requests were refused in the last minute");
    this.#fresh = new Map();
  }
}
