import type { AttributeTable, DecodeOptions } from "./columns.js";
import { ValueKind } from "./columns.js";
import { ColumnBlock, grownUint32 } from "./growth.js";
import { finderOf, type KeyFinder } from "./wanted-keys.js";
import { viewOf, type WireReader } from "./wire.js";

/** Bytes of one entry in all columns. */
const ENTRY_BYTES = 4 * 4 + 2 + 1;
const NO_ROWS = new Uint32Array(1);
const NONE = new Uint32Array(0);
const NO_IDS = new Int16Array(0);
const NO_KINDS = new Uint8Array(0);

/** Fills an `AttributeTable` while its owner walks the rows. */
export class AttributeBuilder {
  /** What `value` found last. */
  valueKind = 0;
  valueStart = 0;
  valueEnd = 0;

  readonly #reader: WireReader;
  readonly #view: DataView;
  readonly #finder: KeyFinder | undefined;
  readonly #keepNone: boolean;
  #count = 0;
  #rows = 0;
  #first: Uint32Array;
  #keyStart: Uint32Array = NONE;
  #keyEnd: Uint32Array = NONE;
  #keyId: Int16Array = NO_IDS;
  #kind: Uint8Array = NO_KINDS;
  #start: Uint32Array = NONE;
  #end: Uint32Array = NONE;

  constructor(reader: WireReader, attributes: DecodeOptions["attributes"], rows: number, capacity: number) {
    this.#reader = reader;
    this.#view = viewOf(reader.bytes);
    this.#finder = finderOf(attributes);
    this.#keepNone = attributes === "none";
    this.#first = new Uint32Array(rows + 1);
    if (!this.#keepNone) this.#allocate(Math.max(4, capacity));
  }

  /** Reads one KeyValue, at the reader's position, that ends at `end`. */
  add(end: number): void {
    const start = this.#reader.pos;
    this.addAt(start, end);
    this.#reader.pos = end;
  }

  /**
   * Reads the KeyValue at `start`..`end`; where the reader stands does not matter, and is not kept.
   *
   * Senders write the key once and first, then the value and nothing else: those are read here, and most attributes
   * nobody wants are passed after one look. What is written otherwise goes the long way.
   */
  addAt(start: number, end: number): void {
    if (this.#keepNone) return;
    const { bytes } = this.#reader;
    const keyStart = start + 2;
    const keyLength = bytes[start + 1];
    const keyEnd = keyStart + keyLength;
    if (bytes[start] !== 10 || keyLength >= 0x80 || keyEnd > end) {
      this.#addUnusual(start, end);
      return;
    }
    let keyId = -1;
    if (this.#finder !== undefined) {
      keyId = this.#finder.find(this.#view, keyStart, keyEnd);
      if (keyId < 0) return;
    }
    const valueStart = keyEnd + 2;
    const valueLength = bytes[keyEnd + 1];
    if (bytes[keyEnd] !== 18 || valueLength >= 0x80 || valueStart + valueLength !== end) {
      this.#addUnusual(start, end);
      return;
    }
    const textLength = bytes[valueStart + 1];
    if (bytes[valueStart] === 10 && textLength < 0x80 && valueStart + 2 + textLength === end) {
      this.valueKind = ValueKind.string;
      this.valueStart = valueStart + 2;
      this.valueEnd = end;
    } else {
      this.#reader.pos = valueStart;
      this.value(end);
    }
    this.#push(keyStart, keyEnd, keyId);
  }

  /** Reads a KeyValue with its fields in any order and number. */
  #addUnusual(start: number, end: number): void {
    const reader = this.#reader;
    reader.pos = start;
    let keyStart = start;
    let keyEnd = start;
    let keyId = -1;
    this.valueKind = ValueKind.empty;
    this.valueStart = 0;
    this.valueEnd = 0;
    while (reader.pos < end) {
      const tag = reader.tag(end);
      if (tag === 10) {
        keyEnd = reader.stop(end);
        keyStart = reader.pos;
        reader.pos = keyEnd;
        if (this.#finder !== undefined) keyId = this.#finder.find(this.#view, keyStart, keyEnd);
      } else if (tag === 18) this.value(reader.stop(end));
      else reader.skip(tag, end);
    }
    reader.finish(end);
    if (this.#finder !== undefined && keyId < 0) return;
    this.#push(keyStart, keyEnd, keyId);
  }

  #push(keyStart: number, keyEnd: number, keyId: number): void {
    const index = this.#count++;
    if (index === this.#kind.length) this.#allocate(index * 2);
    this.#keyStart[index] = keyStart;
    this.#keyEnd[index] = keyEnd;
    this.#keyId[index] = keyId;
    this.#kind[index] = this.valueKind;
    this.#start[index] = this.valueStart;
    this.#end[index] = this.valueEnd;
  }

  /** Reads one AnyValue, at the reader's position, that ends at `end`, into `valueKind`, `valueStart`, `valueEnd`. */
  value(end: number): void {
    const reader = this.#reader;
    this.valueKind = ValueKind.empty;
    this.valueStart = 0;
    this.valueEnd = 0;
    while (reader.pos < end) {
      const tag = reader.tag(end);
      switch (tag) {
        case 10: // string
        case 42: // array
        case 50: // kvlist
        case 58: // bytes
          this.valueEnd = reader.stop(end);
          this.valueStart = reader.pos;
          reader.pos = this.valueEnd;
          this.valueKind = tag >>> 3;
          break;
        case 16: // bool
        case 24: // int
          this.valueStart = reader.pos;
          reader.skipVarint();
          this.valueEnd = reader.pos;
          this.valueKind = tag >>> 3;
          break;
        case 33: // double
          this.valueStart = reader.fixed64(end);
          this.valueEnd = reader.pos;
          this.valueKind = ValueKind.double;
          break;
        default:
          reader.skip(tag, end);
      }
    }
    reader.finish(end);
  }

  /** Closes the current row: what was added since the last call belongs to it. */
  endRow(): void {
    this.#rows++;
    if (this.#rows >= this.#first.length) this.#first = grownUint32(this.#first, this.#rows * 2 + 1);
    this.#first[this.#rows] = this.#count;
  }

  /** Number of closed rows, to go back to with `cut`. */
  get rows(): number {
    return this.#rows;
  }

  /** Forgets what was added after row `rows` was closed. */
  cut(rows: number): void {
    this.#rows = rows;
    this.#count = this.#first[rows];
  }

  table(): AttributeTable {
    return {
      bytes: this.#reader.bytes,
      first: this.#first,
      keyStart: this.#keyStart,
      keyEnd: this.#keyEnd,
      keyId: this.#keyId,
      valueKind: this.#kind,
      valueStart: this.#start,
      valueEnd: this.#end,
    };
  }

  /** Makes room for `capacity` entries and keeps those that are there. */
  #allocate(capacity: number): void {
    const block = new ColumnBlock(capacity, ENTRY_BYTES);
    this.#keyStart = block.uint32(this.#keyStart);
    this.#keyEnd = block.uint32(this.#keyEnd);
    this.#start = block.uint32(this.#start);
    this.#end = block.uint32(this.#end);
    this.#keyId = block.int16(this.#keyId);
    this.#kind = block.uint8(this.#kind);
  }
}

/** The table of rows whose attributes nobody reads: it has no row at all. */
export function noAttributes(bytes: Buffer): AttributeTable {
  return {
    bytes,
    first: NO_ROWS,
    keyStart: NONE,
    keyEnd: NONE,
    keyId: NO_IDS,
    valueKind: NO_KINDS,
    valueStart: NONE,
    valueEnd: NONE,
  };
}
