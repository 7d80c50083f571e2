import { type Clock, every, type UnixMs } from "@tocsin/model";

/** A fault, how often it was met, and when last. */
export type Remembered<Fault> = Fault & { readonly count: number; readonly lastAtMs: UnixMs };

const TELL_PERIOD_MS = 60_000;
/** Faults remembered; beyond it the longest silent one is forgotten. */
const MAX_REMEMBERED = 200;

/** Remembers faults of senders by a key, and tells the new ones once a minute: a line per request would be a flood of its own. */
export class FaultLog<Fault extends object> {
  readonly #clock: Clock;
  /** In order of the last time. */
  readonly #remembered = new Map<string, Remembered<Fault>>();
  #fresh = new Map<string, Fault & { count: number }>();
  readonly #cancel: () => void;

  /** @param tell is handed what was noted in the last minute, each with its count in that minute */
  constructor(clock: Clock, tell: (fresh: readonly (Fault & { readonly count: number })[]) => void) {
    this.#clock = clock;
    this.#cancel = every(clock, TELL_PERIOD_MS, () => {
      if (this.#fresh.size === 0) return;
      tell([...this.#fresh.values()]);
      this.#fresh = new Map();
    });
  }

  /** @param key the same for faults that are counted together */
  note(key: string, fault: Fault, count = 1): void {
    if (count === 0) return;
    const before = this.#remembered.get(key)?.count ?? 0;
    // Set anew, so that the map stays in order of the last time.
    this.#remembered.delete(key);
    this.#remembered.set(key, { ...fault, count: before + count, lastAtMs: this.#clock.now() });
    if (this.#remembered.size > MAX_REMEMBERED)
      this.#remembered.delete(this.#remembered.keys().next().value ?? "");
    const fresh = this.#fresh.get(key);
    if (fresh) fresh.count += count;
    else if (this.#fresh.size < MAX_REMEMBERED) this.#fresh.set(key, { ...fault, count });
  }

  /** The latest first. */
  list(): Remembered<Fault>[] {
    return [...this.#remembered.values()].reverse();
  }

  close(): void {
    this.#cancel();
  }
}
