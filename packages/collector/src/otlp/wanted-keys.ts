import type { WantedKeys } from "./columns.js";

/** Slots of the look-up table; keys are few, so most slots stay empty and most unwanted keys end there. */
const SLOTS = 512;

/** Wanted keys as bytes, found by a hash over their length and two of their bytes. */
export class KeyFinder implements WantedKeys {
  readonly keys: readonly string[];
  readonly #bytes: readonly Buffer[];
  /** First key of each slot, or -1. */
  readonly #slots = new Int16Array(SLOTS).fill(-1);
  /** The next key with the same slot, or -1. */
  readonly #next: Int16Array;

  constructor(keys: readonly string[]) {
    this.keys = [...keys];
    this.#bytes = keys.map((key) => Buffer.from(key));
    this.#next = new Int16Array(keys.length).fill(-1);
    for (const [id, bytes] of this.#bytes.entries()) {
      const slot = slotOf(bytes, 0, bytes.length);
      this.#next[id] = this.#slots[slot];
      this.#slots[slot] = id;
    }
  }

  /** Index of the key at `start`..`end` of `bytes`, or -1. */
  find(bytes: Buffer, start: number, end: number): number {
    if (end <= start) return -1;
    for (let id = this.#slots[slotOf(bytes, start, end)]; id >= 0; id = this.#next[id]) {
      const wanted = this.#bytes[id];
      if (wanted.length !== end - start) continue;
      let at = wanted.length - 1;
      while (at >= 0 && wanted[at] === bytes[start + at]) at--;
      if (at < 0) return id;
    }
    return -1;
  }
}

/** Keys share their beginnings ("http.request.…"); length, middle and end tell them apart. */
function slotOf(bytes: Buffer, start: number, end: number): number {
  const middle = bytes[(start + end) >>> 1];
  return (((end - start) << 4) ^ (bytes[end - 1] << 2) ^ middle) & (SLOTS - 1);
}

/** Prepares keys for `DecodeOptions.attributes`; make it once, not per request. */
export function wantedKeys(keys: readonly string[]): WantedKeys {
  return new KeyFinder(keys);
}

/** The finder behind wanted keys that were made elsewhere, or undefined for all and none. */
export function finderOf(attributes: "all" | "none" | WantedKeys | undefined): KeyFinder | undefined {
  if (attributes === undefined || typeof attributes === "string") return undefined;
  return attributes instanceof KeyFinder ? attributes : new KeyFinder(attributes.keys);
}
