/** The name under which is counted together what did not fit. */
export const OTHER = "{other}";

/** Names that did not fit are told apart up to this many, to say how many there were. */
const FOLDED_KNOWN = 1_000;

interface Entry<T> {
  readonly value: T;
  lastSecond: number;
}

/**
 * Things by name, a bounded number of them: further names share the one called `{other}`, so that a name with an id in
 * it costs neither memory nor series. Names that are no longer used make room for others.
 */
export class CardinalityGuard<T> {
  readonly #limit: number;
  readonly #make: (name: string) => T;
  readonly #entries = new Map<string, Entry<T>>();
  readonly #folded = new Set<string>();

  /** @param limit names that are told apart */
  constructor(limit: number, make: (name: string) => T) {
    this.#limit = limit;
    this.#make = make;
  }

  /** Different names that were folded; from a thousand on no more are counted. */
  get foldedCount(): number {
    return this.#folded.size;
  }

  /** How many are told apart, `{other}` among them. */
  get size(): number {
    return this.#entries.size;
  }

  /** What belongs to a name that was used at that time; made when it is new. */
  use(name: string, second: number): T {
    let entry = this.#entries.get(name);
    if (!entry) {
      const named = this.#entries.size - (this.#entries.has(OTHER) ? 1 : 0);
      if (named >= this.#limit && name !== OTHER) {
        if (this.#folded.size < FOLDED_KNOWN) this.#folded.add(name);
        return this.use(OTHER, second);
      }
      entry = { value: this.#make(name), lastSecond: second };
      this.#entries.set(name, entry);
    }
    if (second > entry.lastSecond) entry.lastSecond = second;
    return entry.value;
  }

  get(name: string): T | undefined {
    return this.#entries.get(name)?.value;
  }

  *entries(): Generator<[name: string, value: T, lastSecond: number]> {
    for (const [name, { value, lastSecond }] of this.#entries) yield [name, value, lastSecond];
  }

  /** Drops what was last used before an instant. Only then may names that were folded find room again. */
  forget(beforeSecond: number): void {
    let freed = false;
    for (const [name, { lastSecond }] of this.#entries) {
      if (lastSecond < beforeSecond) freed = this.#entries.delete(name) || freed;
    }
    if (freed) this.#folded.clear();
  }
}
