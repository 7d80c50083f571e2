import type { NumberWriter } from "./number-codec.js";

/** The value that holds what did not fit. */
export const OTHER_SPENDER = "{other}";

/** Slots of each level. */
export const SLOTS = 7;
/** Lengths of slots in use. */
export const LEVELS = 4;

/** Parts of an event that a snapshot tells apart, where events have weights that are no whole numbers. */
const WEIGHT_PARTS = 1_024;

const NARROW_LIMIT = 2 ** 32;

/**
 * Counts by value, such as by route, in slots of time: the few values with the most bad events, and all others
 * together. One array holds everything, and grows with the values that come. Its cells have four bytes until a count
 * needs more: one beyond 2^32, or one that is no whole number.
 */
export class SpenderTable {
  readonly #limit: number;
  /** 2 where good events count too, 1 where all are bad. */
  readonly #columns: 1 | 2;
  #values: string[] = [];
  #cells: Uint32Array | Float64Array = new Uint32Array(0);

  constructor(limit: number, columns: 1 | 2) {
    this.#limit = limit;
    this.#columns = columns;
  }

  get values(): readonly string[] {
    return this.#values;
  }

  get sizeBytes(): number {
    return this.#cells.byteLength;
  }

  /** The row in which a value counts. A newcomer that failed takes the place of the one with the fewest bad events. */
  rowOf(value: string, isBad: boolean): number {
    const known = this.#values.indexOf(value);
    if (known >= 0) return known;
    const isFull = this.#values.length >= this.#limit;
    if (!isFull || value === OTHER_SPENDER) return this.#newRow(value);
    return isBad ? this.#replaceLeast(value) : this.rowOf(OTHER_SPENDER, false);
  }

  add(row: number, level: number, slot: number, bad: number, total: number): void {
    const at = this.#place(row, level, slot);
    this.#increase(at, bad);
    if (this.#columns === 2) this.#increase(at + 1, total);
  }

  /** Events of a row in the slots from `fromSlot` to `toSlot`; where all are bad the total is the bad ones. */
  sum(row: number, level: number, fromSlot: number, toSlot: number): { bad: number; total: number } {
    let bad = 0;
    let total = 0;
    for (let slot = fromSlot; slot <= toSlot; slot++) {
      const at = this.#place(row, level, slot);
      bad += this.#cells[at] ?? 0;
      total += this.#cells[at + this.#columns - 1] ?? 0;
    }
    return { bad, total };
  }

  /** Empties one slot of every row. */
  clear(level: number, slot: number): void {
    for (let row = 0; row < this.#values.length; row++) {
      const at = this.#place(row, level, slot);
      this.#cells.fill(0, at, at + this.#columns);
    }
  }

  /** The counts, without the values that they belong to. */
  writeNumbers(out: NumberWriter): void {
    const cells = this.#cells.subarray(0, this.#values.length * this.#width);
    const parts = cells instanceof Uint32Array || cells.every(Number.isInteger) ? 1 : WEIGHT_PARTS;
    out.put(parts);
    for (const count of cells) out.put(Math.round(count * parts));
  }

  /** Replaces the state with what `writeNumbers` gave, for these values. */
  load(values: readonly string[], next: () => number): void {
    this.#values = [...values];
    this.#cells = new Uint32Array(this.#capacityFor(values.length) * this.#width);
    const parts = next() || 1;
    for (let at = 0; at < values.length * this.#width; at++) this.#increase(at, next() / parts);
  }

  #increase(at: number, by: number): void {
    const count = (this.#cells[at] ?? 0) + by;
    const needsMore = count >= NARROW_LIMIT || !Number.isInteger(count);
    if (needsMore && this.#cells instanceof Uint32Array) this.#cells = Float64Array.from(this.#cells);
    this.#cells[at] = count;
  }

  get #width(): number {
    return LEVELS * SLOTS * this.#columns;
  }

  #place(row: number, level: number, slot: number): number {
    return ((row * LEVELS + level) * SLOTS + (((slot % SLOTS) + SLOTS) % SLOTS)) * this.#columns;
  }

  #newRow(value: string): number {
    const needed = this.#capacityFor(this.#values.length + 1) * this.#width;
    if (this.#cells.length < needed) {
      const larger = this.#cells instanceof Uint32Array ? new Uint32Array(needed) : new Float64Array(needed);
      larger.set(this.#cells);
      this.#cells = larger;
    }
    return this.#values.push(value) - 1;
  }

  /** Rows to make room for: most services have few routes and versions, and some have many. */
  #capacityFor(rows: number): number {
    return Math.min(this.#limit + 1, rows <= 2 ? rows : 2 ** Math.ceil(Math.log2(rows)));
  }

  #replaceLeast(value: string): number {
    const other = this.rowOf(OTHER_SPENDER, false);
    let least = -1;
    let fewest = Number.POSITIVE_INFINITY;
    for (let row = 0; row < this.#values.length; row++) {
      const { bad } = this.sum(row, LEVELS - 1, 0, SLOTS - 1);
      if (row !== other && bad < fewest) {
        least = row;
        fewest = bad;
      }
    }
    const from = least * this.#width;
    for (let at = 0; at < this.#width; at++) {
      this.#increase(other * this.#width + at, this.#cells[from + at] ?? 0);
    }
    this.#cells.fill(0, from, from + this.#width);
    this.#values[least] = value;
    return least;
  }
}
