/**
 * A growing buffer with the few protobuf primitives that OTLP needs.
 *
 * Field tags are passed as the ready byte (`field << 3 | wire type`); every OTLP field number in use here is
 * below 16 but one, which its writer spells out.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 */
export class ByteWriter {
  bytes: Uint8Array<ArrayBuffer>;
  at = 0;
  private view: Buffer;

  constructor(capacityBytes = 4096) {
    this.bytes = new Uint8Array(capacityBytes);
    this.view = Buffer.from(this.bytes.buffer);
  }

  /** Makes room for `sizeBytes` more; writers below assume that their caller did. */
  reserve(sizeBytes: number): void {
    if (this.at + sizeBytes <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.at + sizeBytes));
    grown.set(this.bytes.subarray(0, this.at));
    this.bytes = grown;
    this.view = Buffer.from(grown.buffer);
  }

  /** What was written so far, copied. */
  finished(): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(0, this.at);
  }

  byte(value: number): void {
    this.bytes[this.at++] = value;
  }

  /** An unsigned varint up to 2^53. */
  varint(value: number): void {
    let rest = value;
    while (rest > 127) {
      this.bytes[this.at++] = (rest & 127) | 128;
      rest = rest < 0x7fffffff ? rest >>> 7 : Math.floor(rest / 128);
    }
    this.bytes[this.at++] = rest;
  }

  /** A signed 64-bit varint (two's complement, as protobuf's `int64`). Reserves for itself. */
  int64(value: number): void {
    this.reserve(10);
    if (value >= 0) {
      this.varint(value);
      return;
    }
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest > 127n) {
      this.bytes[this.at++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    this.bytes[this.at++] = Number(rest);
  }

  /** Low and high halves of a little-endian 64-bit number. */
  fixed64(low: number, high: number): void {
    const { bytes } = this;
    const at = this.at;
    bytes[at] = low;
    bytes[at + 1] = low >>> 8;
    bytes[at + 2] = low >>> 16;
    bytes[at + 3] = low >>> 24;
    bytes[at + 4] = high;
    bytes[at + 5] = high >>> 8;
    bytes[at + 6] = high >>> 16;
    bytes[at + 7] = high >>> 24;
    this.at = at + 8;
  }

  /** Nanoseconds since 1970 from whole seconds and the nanoseconds within; exact, without BigInt. */
  unixNano(seconds: number, nanoseconds: number): void {
    // 10^9 = 5^9 * 2^9: the first factor keeps the product below 2^53, the second is a shift.
    const scaled = seconds * 1_953_125;
    const low = (scaled % 8_388_608) * 512 + nanoseconds;
    const high = Math.floor(scaled / 8_388_608) + (low >= 4_294_967_296 ? 1 : 0);
    this.fixed64(low % 4_294_967_296, high);
  }

  double(value: number): void {
    this.reserve(8);
    scratch[0] = value;
    this.bytes.set(scratchBytes, this.at);
    this.at += 8;
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** An even number of lower-case hexadecimal digits as bytes. */
  hex(digits: string): void {
    const { bytes } = this;
    let at = this.at;
    for (let i = 0; i < digits.length; i += 2) {
      const high = NIBBLES[digits.charCodeAt(i)] as number;
      const low = NIBBLES[digits.charCodeAt(i + 1)] as number;
      bytes[at++] = (high << 4) | low;
    }
    this.at = at;
  }

  /** Tag, length and UTF-8 bytes. Reserves for itself. */
  string(tag: number, value: string): void {
    this.reserve(1);
    this.bytes[this.at++] = tag;
    this.text(value);
  }

  /** Length and UTF-8 bytes. Reserves for itself. */
  text(value: string): void {
    const length = value.length;
    if (length < SHORT_TEXT) {
      // Short ASCII text is cheaper to store here than to hand to the native encoder.
      this.reserve(SHORT_TEXT);
      const { bytes } = this;
      const start = this.at;
      bytes[start] = length;
      let at = start + 1;
      let i = 0;
      for (; i < length; i++) {
        const code = value.charCodeAt(i);
        if (code > 127) break;
        bytes[at++] = code;
      }
      if (i === length) {
        this.at = at;
        return;
      }
    }
    const size = Buffer.byteLength(value);
    this.reserve(size + 5);
    this.varint(size);
    this.at += this.view.write(value, this.at, size, "utf8");
  }

  /**
   * Opens a nested message: its tag and one byte for its length, which is what most need. Reserves for itself.
   * Returns what {@link close} needs.
   */
  open(tag: number): number {
    this.reserve(2);
    this.bytes[this.at] = tag;
    this.at += 2;
    return this.at;
  }

  /** Closes what {@link open} opened; content whose length takes more than a byte makes room for it. */
  close(start: number): void {
    const size = this.at - start;
    if (size < 128) {
      this.bytes[start - 1] = size;
      return;
    }
    let more = 0;
    for (let rest = size; rest > 127; rest >>>= 7) more++;
    this.reserve(more);
    this.bytes.copyWithin(start + more, start, this.at);
    const end = this.at + more;
    this.at = start - 1;
    this.varint(size);
    this.at = end;
  }
}

const SHORT_TEXT = 64;
/** What each hexadecimal digit stands for, by its character code. */
const NIBBLES = new Uint8Array(128);
for (let value = 0; value < 16; value++) NIBBLES[value.toString(16).charCodeAt(0)] = value;
const scratch = new Float64Array(1);
const scratchBytes = new Uint8Array(scratch.buffer);
