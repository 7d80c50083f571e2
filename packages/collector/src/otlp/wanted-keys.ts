import type { WantedKeys } from "./columns.js";

/** Wanted keys as bytes, found by length first: most keys of a request are told apart by that alone. */
export class KeyFinder implements WantedKeys {
  readonly keys: readonly string[];
  readonly #byLength: readonly (readonly { id: number; bytes: Buffer }[] | undefined)[];

  constructor(keys: readonly string[]) {
    this.keys = [...keys];
    const byLength: { id: number; bytes: Buffer }[][] = [];
    keys.forEach((key, id) => {
      const bytes = Buffer.from(key);
      const same = byLength[bytes.length] ?? [];
      same.push({ id, bytes });
      byLength[bytes.length] = same;
    });
    // No holes, so that the look-up stays one indexed load.
    this.#byLength = Array.from(byLength, (same) => same ?? undefined);
  }

  /** Index of the key at `start`..`end` of `bytes`, or -1. */
  find(bytes: Buffer, start: number, end: number): number {
    const length = end - start;
    if (length >= this.#byLength.length) return -1;
    const candidates = this.#byLength[length];
    if (candidates === undefined) return -1;
    for (let index = 0; index < candidates.length; index++) {
      const wanted = candidates[index].bytes;
      // Keys share their beginnings ("http.request.…"), so the comparison goes from the end.
      let at = length - 1;
      while (at >= 0 && wanted[at] === bytes[start + at]) at--;
      if (at < 0) return candidates[index].id;
    }
    return -1;
  }
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
