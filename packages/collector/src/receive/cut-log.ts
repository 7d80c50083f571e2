import { type Clock, every, type Logger, type UnixMs } from "@tocsin/model";

/** Why items, or parts of them, of a request that was taken are not kept. */
export type CutReason = "attributes" | "attribute_length" | "invalid";

/** What was left out of what one service sent. */
export interface CutItems {
  readonly service: string;
  readonly reason: CutReason;
  /** Attributes dropped or shortened; items that are invalid. */
  readonly count: number;
  readonly lastAtMs: UnixMs;
}

const LOG_PERIOD_MS = 60_000;
/** Services and reasons remembered; beyond it the longest silent one is forgotten. */
const MAX_REMEMBERED = 200;

/** Remembers whose data were cut and why, and names them once a minute. */
export class CutLog {
  readonly #clock: Clock;
  readonly #remembered = new Map<string, CutItems>();
  #fresh = new Map<string, { readonly service: string; readonly reason: CutReason; count: number }>();
  readonly #cancel: () => void;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#cancel = every(clock, LOG_PERIOD_MS, () => this.#flush(logger));
  }

  note(service: string, reason: CutReason, count: number): void {
    if (count === 0) return;
    const key = `${reason} ${service}`;
    const before = this.#remembered.get(key)?.count ?? 0;
    // Set anew, so that the map stays in order of the last time.
    this.#remembered.delete(key);
    this.#remembered.set(key, { service, reason, count: before + count, lastAtMs: this.#clock.now() });
    if (this.#remembered.size > MAX_REMEMBERED)
      this.#remembered.delete(this.#remembered.keys().next().value ?? "");
    const fresh = this.#fresh.get(key);
    if (fresh) fresh.count += count;
    else if (this.#fresh.size < MAX_REMEMBERED) this.#fresh.set(key, { service, reason, count });
  }

  /** The latest first. */
  list(): CutItems[] {
    return [...this.#remembered.values()].reverse();
  }

  close(): void {
    this.#cancel();
  }

  #flush(logger: Logger): void {
    if (this.#fresh.size === 0) return;
    logger.warn(
      { cut: [...this.#fresh.values()] },
      "parts of what was sent were left out in the last minute",
    );
    this.#fresh = new Map();
  }
}
