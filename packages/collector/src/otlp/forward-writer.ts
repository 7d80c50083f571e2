import { viewOf, WireType } from "./wire.js";

/**
 * Writes protobuf from the beginning to the end, for content whose length is not known before it is written: a message
 * gets one byte for its length, and moves up where that is not enough. Room is asked for with `reserve`.
 */
export class ForwardWriter {
  bytes: Buffer;
  view: DataView;
  /** Where the next byte goes. */
  pos = 0;

  constructor(capacity: number) {
    this.bytes = Buffer.allocUnsafe(capacity);
    this.view = viewOf(this.bytes);
  }

  /** Makes sure that `count` more bytes can be written. */
  reserve(count: number): void {
    if (this.bytes.length - this.pos >= count) return;
    const grown = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.pos + count));
    this.bytes.copy(grown, 0, 0, this.pos);
    this.bytes = grown;
    this.view = viewOf(grown);
  }

  tag(field: number, wireType: number): void {
    this.varint((field << 3) | wireType);
  }

  /** An unsigned integer below 2^53. */
  varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.bytes[this.pos++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.bytes[this.pos++] = rest;
  }

  /** Any 64-bit integer, signed or not. */
  varint64(value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    while (rest >= 0x80n) {
      this.bytes[this.pos++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.bytes[this.pos++] = Number(rest);
  }

  fixed32(value: number): void {
    this.view.setUint32(this.pos, value, true);
    this.pos += 4;
  }

  fixed64(high: number, low: number): void {
    this.view.setUint32(this.pos, low, true);
    this.view.setUint32(this.pos + 4, high, true);
    this.pos += 8;
  }

  double(value: number): void {
    this.view.setFloat64(this.pos, value, true);
    this.pos += 8;
  }

  copy(content: Uint8Array): void {
    this.bytes.set(content, this.pos);
    this.pos += content.length;
  }

  /** Begins a message or a text; what it gives is for `close`. */
  begin(field: number): number {
    this.tag(field, WireType.bytes);
    return ++this.pos;
  }

  /** Ends what began at `start` with its length. */
  close(start: number): void {
    const length = this.pos - start;
    if (length < 0x80) {
      this.bytes[start - 1] = length;
      return;
    }
    this.reserve(4);
    const more = length < 1 << 14 ? 1 : length < 1 << 21 ? 2 : length < 1 << 28 ? 3 : 4;
    this.bytes.copyWithin(start + more, start, this.pos);
    this.pos = start - 1;
    this.varint(length);
    this.pos += length;
  }

  /** What was written, as a copy of its own. */
  finish(): Buffer {
    return Buffer.from(this.bytes.subarray(0, this.pos));
  }
}
