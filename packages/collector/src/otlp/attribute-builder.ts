import type { AttributeTable, DecodeOptions } from "./columns.js";
import { ValueKind } from "./columns.js";
import { grownInt16, grownUint8, grownUint32 } from "./growth.js";
import { finderOf, type KeyFinder } from "./wanted-keys.js";
import type { WireReader } from "./wire.js";

/** Fills an `AttributeTable` while its owner walks the rows. */
export class AttributeBuilder {
  /** What `value` found last. */
  valueKind = 0;
  valueStart = 0;
  valueEnd = 0;

  #reader: WireReader;
  #finder: KeyFinder | undefined;
  readonly #keepNone: boolean;
  #count = 0;
  #rows = 0;
  #first: Uint32Array;
  #keyStart: Uint32Array;
  #keyEnd: Uint32Array;
  #keyId: Int16Array;
  #kind: Uint8Array;
  #start: Uint32Array;
  #end: Uint32Array;

  constructor(reader: WireReader, attributes: DecodeOptions["attributes"], rows: number, capacity: number) {
    this.#reader = reader;
    this.#finder = finderOf(attributes);
    this.#keepNone = attributes === "none";
    const room = this.#keepNone ? 0 : Math.max(4, capacity);
    this.#first = new Uint32Array(rows + 1);
    this.#keyStart = new Uint32Array(room);
    this.#keyEnd = new Uint32Array(room);
    this.#keyId = new Int16Array(room);
    this.#kind = new Uint8Array(room);
    this.#start = new Uint32Array(room);
    this.#end = new Uint32Array(room);
  }

  /** Reads one KeyValue, at the reader's position, that ends at `end`. */
  add(end: number): void {
    const reader = this.#reader;
    if (this.#keepNone) {
      reader.pos = end;
      return;
    }
    if (this.#finder !== undefined && this.#addUsual(this.#finder, end)) return;
    let keyStart = reader.pos;
    let keyEnd = keyStart;
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
        if (this.#finder !== undefined) keyId = this.#finder.find(reader.bytes, keyStart, keyEnd);
      } else if (tag === 18) this.value(reader.stop(end));
      else reader.skip(tag, end);
    }
    reader.finish(end);
    if (this.#finder !== undefined && keyId < 0) return;
    this.#push(keyStart, keyEnd, keyId);
  }

  /**
   * Senders write the key once and first, then the value and nothing else, so that most attributes nobody wants are
   * passed after one look. Returns false, having moved nothing, for those that are written otherwise.
   */
  #addUsual(finder: KeyFinder, end: number): boolean {
    const reader = this.#reader;
    const { bytes, pos } = reader;
    const length = bytes[pos + 1];
    const keyEnd = pos + 2 + length;
    if (bytes[pos] !== 10 || length >= 0x80 || keyEnd > end) return false;
    const keyId = finder.find(bytes, pos + 2, keyEnd);
    if (keyId < 0) {
      reader.pos = end;
      return true;
    }
    const valueLength = bytes[keyEnd + 1];
    if (bytes[keyEnd] !== 18 || valueLength >= 0x80 || keyEnd + 2 + valueLength !== end) return false;
    reader.pos = keyEnd + 2;
    this.value(end);
    this.#push(pos + 2, keyEnd, keyId);
    return true;
  }

  #push(keyStart: number, keyEnd: number, keyId: number): void {
    const index = this.#count++;
    if (index === this.#kind.length) this.#grow();
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

  #grow(): void {
    const capacity = this.#kind.length * 2;
    this.#keyStart = grownUint32(this.#keyStart, capacity);
    this.#keyEnd = grownUint32(this.#keyEnd, capacity);
    this.#keyId = grownInt16(this.#keyId, capacity);
    this.#kind = grownUint8(this.#kind, capacity);
    this.#start = grownUint32(this.#start, capacity);
    this.#end = grownUint32(this.#end, capacity);
  }
}
