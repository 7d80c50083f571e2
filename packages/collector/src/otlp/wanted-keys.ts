import type { WantedKeys } from "./columns.js";
import { viewOf } from "./wire.js";

/** Slots of the look-up table; keys are few, so most slots stay empty and most unwanted keys end there. */
const SLOTS = 512;

/** Wanted keys, found by a hash over their length and two of their bytes, then compared four bytes at a time. */
export class KeyFinder implements WantedKeys {
  readonly keys: readonly string[];
  readonly #views: readonly DataView[];
  /** First key of each slot, or -1. */
  readonly #slots = new Int16Array(SLOTS).fill(-1);
  /** The next key with the same slot, or -1. */
  readonly #next: Int16Array;

  constructor(keys: readonly string[]) {
    this.keys = [...keys];
    this.#views = keys.map((key) => viewOf(Buffer.from(key)));
    this.#next = new Int16Array(keys.length).fill(-1);
    for (const [id, view] of this.#views.entries()) {
      if (view.byteLength === 0) continue;
      const slot = slotOf(view, 0, view.byteLength);
      this.#next[id] = this.#slots[slot];
      this.#slots[slot] = id;
    }
  }

  /** Index of the key at `start`..`end` of `view`, or -1. */
  find(view: DataView, start: number, end: number): number {
    if (end <= start) return -1;
    for (let id = this.#slots[slotOf(view, start, end)]; id >= 0; id = this.#next[id]) {
      const wanted = this.#views[id];
      if (wanted.byteLength === end - start && isSame(wanted, view, start)) return id;
    }
    return -1;
  }
}

/** Keys share their beginnings ("http.request.…"); length, middle and end tell them apart. */
function slotOf(view: DataView, start: number, end: number): number {
  const middle = view.getUint8((start + end) >>> 1);
  return (((end - start) << 4) ^ (view.getUint8(end - 1) << 2) ^ middle) & (SLOTS - 1);
}

/** Whether the bytes of `wanted` stand at `start` of `view`, which is known to reach far enough. */
export function isSame(wanted: DataView, view: DataView, start: number): boolean {
  const last = wanted.byteLength - 4;
  if (last < 0) {
    for (let at = 0; at < wanted.byteLength; at++) {
      if (wanted.getUint8(at) !== view.getUint8(start + at)) return false;
    }
    return true;
  }
  for (let at = 0; at < last; at += 4) {
    if (wanted.getInt32(at) !== view.getInt32(start + at)) return false;
  }
  // The last four bytes overlap those before them where the length is no multiple of four.
  return wanted.getInt32(last) === view.getInt32(start + last);
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
