/** Texts up to this length are written character by character. */
const SHORT_TEXT = 48;

/**
 * Writes protobuf from the end to the beginning: when a message's length is written, its content already is, so
 * nothing has to be measured first. Callers write fields in reverse.
 */
export class BackwardWriter {
  #buffer: Buffer;
  /** Where the written part begins. */
  #pos: number;

  constructor(capacity = 4096) {
    this.#buffer = Buffer.allocUnsafe(capacity);
    this.#pos = capacity;
  }

  /** Bytes written so far; the difference of two readings is the length of what came between. */
  get length(): number {
    return this.#buffer.length - this.#pos;
  }

  tag(field: number, wireType: number): void {
    this.varint((field << 3) | wireType);
  }

  /** An unsigned integer below 2^53. */
  varint(value: number): void {
    this.#reserve(10);
    const buffer = this.#buffer;
    let length = 1;
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 128)) length++;
    this.#pos -= length;
    let rest = value;
    for (let index = 0; index < length - 1; index++) {
      buffer[this.#pos + index] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    buffer[this.#pos + length - 1] = rest;
  }

  /** Any 64-bit integer, signed or not. */
  varint64(value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    const bytes: number[] = [];
    while (rest >= 0x80n) {
      bytes.push(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    bytes.push(Number(rest));
    this.#reserve(bytes.length);
    this.#pos -= bytes.length;
    this.#buffer.set(bytes, this.#pos);
  }

  fixed32(value: number): void {
    this.#reserve(4);
    this.#pos -= 4;
    this.#buffer.writeUInt32LE(value >>> 0, this.#pos);
  }

  fixed64(value: bigint): void {
    this.#reserve(8);
    this.#pos -= 8;
    this.#buffer.writeBigUInt64LE(BigInt.asUintN(64, value), this.#pos);
  }

  double(value: number): void {
    this.#reserve(8);
    this.#pos -= 8;
    this.#buffer.writeDoubleLE(value, this.#pos);
  }

  /** The bytes of a string, without their length. */
  text(value: string): void {
    if (value.length <= SHORT_TEXT && this.#ascii(value)) return;
    const length = Buffer.byteLength(value);
    this.#reserve(length);
    this.#pos -= length;
    this.#buffer.write(value, this.#pos, length, "utf8");
  }

  /** Writes a text of plain characters by itself, which for short ones is cheaper than a call out of JavaScript. */
  #ascii(value: string): boolean {
    this.#reserve(SHORT_TEXT);
    const buffer = this.#buffer;
    let at = this.#pos;
    for (let index = value.length - 1; index >= 0; index--) {
      const code = value.charCodeAt(index);
      if (code >= 0x80) return false;
      buffer[--at] = code;
    }
    this.#pos = at;
    return true;
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#pos -= value.length;
    this.#buffer.set(value, this.#pos);
  }

  /** What was written, as a copy of its own. */
  finish(): Buffer {
    return Buffer.from(this.#buffer.subarray(this.#pos));
  }

  #reserve(count: number): void {
    if (this.#pos >= count) return;
    const written = this.length;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, written + count));
    this.#buffer.copy(grown, grown.length - written, this.#pos);
    this.#pos = grown.length - written;
    this.#buffer = grown;
  }
}
