import { type Clock, every, type Logger, type UnixMs } from "@tocsin/model";
import type { Refusal, RefusalReason } from "./refusal.js";

/** What one sender was last refused for. */
export interface RefusedSender {
  readonly sender: string;
  readonly reason: RefusalReason;
  readonly message: string;
  readonly count: number;
  readonly lastAtMs: UnixMs;
}

const LOG_PERIOD_MS = 60_000;

/** Senders remembered; beyond it the longest silent one is forgotten. */
const MAX_SENDERS = 200;

/** Remembers who was refused and why, and names it once a minute: a line per request would be a flood of its own. */
export class RefusalLog {
  readonly #clock: Clock;
  readonly #senders = new Map<string, RefusedSender>();
  #fresh = new Map<string, { sender: string; reason: string; count: number; message: string }>();
  readonly #cancel: () => void;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#cancel = every(clock, LOG_PERIOD_MS, () => this.#flush(logger));
  }

  note(sender: string, refusal: Refusal): void {
    const { reason, message } = refusal;
    const count = (this.#senders.get(sender)?.count ?? 0) + 1;
    // Set anew, so that the map stays in order of the last refusal.
    this.#senders.delete(sender);
    this.#senders.set(sender, { sender, reason, message, count, lastAtMs: this.#clock.now() });
    if (this.#senders.size > MAX_SENDERS) this.#senders.delete(this.#senders.keys().next().value ?? "");
    const key = `${sender} ${reason}`;
    const fresh = this.#fresh.get(key);
    if (fresh) fresh.count++;
    else if (this.#fresh.size < MAX_SENDERS) this.#fresh.set(key, { sender, reason, count: 1, message });
  }

  /** The latest refusals, newest first. */
  senders(): RefusedSender[] {
    return [...this.#senders.values()].reverse();
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
