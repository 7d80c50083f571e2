/** Bytes of one column of a block, growing as rows are added. */
export class ByteColumn {
  #bytes: Buffer;
  #length = 0;

  constructor(capacity = 4_096) {
    this.#bytes = Buffer.allocUnsafeSlow(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** What was written. Valid until the next write. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  u8(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** A whole number from 0 to 2^53. */
  u64(value: number): void {
    this.#reserve(8);
    this.#length = this.#bytes.writeUInt32LE(value % 0x1_0000_0000, this.#length);
    this.#length = this.#bytes.writeUInt32LE(Math.floor(value / 0x1_0000_0000), this.#length);
  }

  /** The same from a bigint, up to 2^64. */
  u64Of(value: bigint): void {
    this.#reserve(8);
    this.#length = this.#bytes.writeBigUInt64LE(value, this.#length);
  }

  u32(value: number): void {
    this.#reserve(4);
    this.#length = this.#bytes.writeUInt32LE(value, this.#length);
  }

  i64(value: bigint): void {
    this.#reserve(8);
    this.#length = this.#bytes.writeBigInt64LE(value, this.#length);
  }

  f64(value: number): void {
    this.#reserve(8);
    this.#length = this.#bytes.writeDoubleLE(value, this.#length);
  }

  varint(value: number): void {
    this.#reserve(5);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#length++] = rest;
  }

  /** Bytes as they are. */
  raw(source: Buffer, start = 0, end = source.length): void {
    const size = end - start;
    this.#reserve(size);
    // A call into the runtime costs more than a short loop.
    if (size <= 24) for (let at = start; at < end; at++) this.#bytes[this.#length++] = source[at] ?? 0;
    else {
      source.copy(this.#bytes, this.#length, start, end);
      this.#length += size;
    }
  }

  /** A String: its length, then the bytes of a slice. */
  slice(source: Buffer, start: number, end: number): void {
    this.varint(end - start);
    this.raw(source, start, end);
  }

  /** A String from text. */
  text(value: string): void {
    // Most texts are short and plain: their length in bytes is known without looking twice.
    this.#reserve(5 + value.length * 3);
    if (value.length < 43) {
      const written = this.#bytes.write(value, this.#length + 1);
      this.#bytes[this.#length] = written;
      this.#length += 1 + written;
      return;
    }
    this.varint(Buffer.byteLength(value));
    this.#length += this.#bytes.write(value, this.#length);
  }

  /** A String of lower-case hex digits for `size` bytes at `start`; an empty one where `start` is 0. */
  hex(source: Buffer, start: number, size: number): void {
    if (start === 0) {
      this.u8(0);
      return;
    }
    this.#reserve(1 + size * 2);
    this.#bytes[this.#length++] = size * 2;
    for (let at = start; at < start + size; at++) {
      const byte = source[at] ?? 0;
      this.#bytes[this.#length++] = HEX[byte >>> 4] ?? 0;
      this.#bytes[this.#length++] = HEX[byte & 15] ?? 0;
    }
  }

  /** 64 bits as they stand in the source; 0 where `start` is 0. */
  fixed64(source: Buffer, start: number): void {
    if (start === 0) this.u64(0);
    else this.raw(source, start, start + 8);
  }

  #reserve(size: number): void {
    if (this.#length + size <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#length + size));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}

const HEX = Buffer.from("0123456789abcdef", "latin1");

/** A short String ready to be copied with `raw`. */
export function encodedText(text: string): Buffer {
  const column = new ByteColumn(text.length * 3 + 5);
  column.text(text);
  return column.view();
}
