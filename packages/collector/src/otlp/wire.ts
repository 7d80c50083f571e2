import { CollectorError } from "../errors.js";

/** Wire types of protobuf; a tag is `field << 3 | wireType`. */
export const WireType = { varint: 0, fixed64: 1, bytes: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const;

/** Groups inside groups that are skipped before the input is called hostile. */
const MAX_GROUP_DEPTH = 64;

/** Weight of the last of the five bytes that a length may have. */
const MAX_LENGTH_SCALE = 2 ** 28;

/** The error for bytes that are not protobuf. */
export function malformed(detail: string, offset: number): CollectorError {
  return new CollectorError(
    "OTLP_MALFORMED",
    `The request is not valid OTLP protobuf: ${detail} at byte ${offset}. Send an Export…ServiceRequest as the specification encodes it.`,
  );
}

/**
 * A cursor over protobuf bytes. Every length is checked against the end of the message that holds it, so that a
 * truncated or lying message ends in OTLP_MALFORMED and never in a read outside of `bytes`.
 */
export class WireReader {
  readonly bytes: Buffer;
  pos: number;

  constructor(bytes: Buffer, pos = 0) {
    this.bytes = bytes;
    this.pos = pos;
  }

  /** The next tag of a message that ends at `end`. */
  tag(end: number): number {
    const byte = this.bytes[this.pos];
    if (byte < 0x80 && byte > 7) {
      this.pos++;
      return byte;
    }
    const tag = this.varint32();
    if (this.pos > end || tag >>> 3 === 0) throw malformed(`a field tag of ${tag}`, this.pos);
    return tag;
  }

  /** Reads a length and returns where the value it announces ends; `pos` is then at the value's first byte. */
  stop(end: number): number {
    const bytes = this.bytes;
    let length = bytes[this.pos++];
    if (length >= 0x80) {
      length &= 0x7f;
      let byte = bytes[this.pos++];
      length |= (byte & 0x7f) << 7;
      for (let scale = 1 << 14; !(byte < 0x80); scale *= 128) {
        byte = bytes[this.pos++];
        if (byte === undefined || scale > MAX_LENGTH_SCALE) {
          throw malformed("a length that does not end", this.pos);
        }
        length += (byte & 0x7f) * scale;
      }
    }
    const stop = this.pos + length;
    // The comparison is false for NaN too, which a read past the end gives.
    if (!(stop <= end))
      throw malformed(`a field of ${length} bytes where ${end - this.pos} are left`, this.pos);
    return stop;
  }

  /** Low 32 bits, unsigned, of a varint of up to ten bytes. */
  varint32(): number {
    const bytes = this.bytes;
    let byte = bytes[this.pos++];
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    for (let shift = 7; shift < 70; shift += 7) {
      byte = bytes[this.pos++];
      if (byte === undefined) break;
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw malformed("a number that does not end", this.pos);
  }

  /** A uint64 as a number; exact below 2^53. */
  varint64(): number {
    const bytes = this.bytes;
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 10; count++) {
      const byte = bytes[this.pos++];
      if (byte === undefined) break;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw malformed("a number that does not end", this.pos);
  }

  /** Passes over a varint. */
  skipVarint(): void {
    const bytes = this.bytes;
    for (let count = 0; count < 10; count++) if (bytes[this.pos++] < 0x80) return;
    throw malformed("a number that does not end", this.pos);
  }

  /** Passes over 8 bytes and returns where they began. */
  fixed64(end: number): number {
    const start = this.pos;
    this.pos += 8;
    if (this.pos > end) throw malformed("a cut fixed64", start);
    return start;
  }

  /** A fixed32, unsigned. */
  fixed32(end: number): number {
    const start = this.pos;
    this.pos += 4;
    if (this.pos > end) throw malformed("a cut fixed32", start);
    return uint32At(this.bytes, start);
  }

  /** Passes over the value of a field nobody asked for. */
  skip(tag: number, end: number): void {
    switch (tag & 7) {
      case WireType.varint:
        this.skipVarint();
        break;
      case WireType.fixed64:
        this.pos += 8;
        break;
      case WireType.bytes:
        this.pos = this.stop(end);
        break;
      case WireType.startGroup:
        this.#skipGroup(tag >>> 3, end, 0);
        break;
      case WireType.fixed32:
        this.pos += 4;
        break;
      default:
        throw malformed(`wire type ${tag & 7}`, this.pos);
    }
    if (this.pos > end) throw malformed("a field longer than its message", this.pos);
  }

  #skipGroup(field: number, end: number, depth: number): void {
    if (depth > MAX_GROUP_DEPTH) throw malformed("groups nested too deeply", this.pos);
    while (this.pos < end) {
      const tag = this.tag(end);
      if ((tag & 7) === WireType.endGroup) {
        if (tag >>> 3 === field) return;
        throw malformed("the end of another group", this.pos);
      }
      if ((tag & 7) === WireType.startGroup) this.#skipGroup(tag >>> 3, end, depth + 1);
      else this.skip(tag, end);
    }
    throw malformed("a group that does not end", this.pos);
  }

  /** A message must end exactly where its length said. */
  finish(end: number): void {
    if (this.pos !== end) throw malformed("a field longer than its message", this.pos);
  }
}

/** The little-endian uint32 at `offset`. */
export function uint32At(bytes: Buffer, offset: number): number {
  return (
    (bytes[offset] | (bytes[offset + 1] << 8) | (bytes[offset + 2] << 16) | (bytes[offset + 3] << 24)) >>> 0
  );
}

/** The little-endian uint64 at `offset` as a number; exact below 2^53. */
export function uint64At(bytes: Buffer, offset: number): number {
  return uint32At(bytes, offset + 4) * 0x1_0000_0000 + uint32At(bytes, offset);
}

/** The little-endian double at `offset`. */
export function doubleAt(bytes: Buffer, offset: number): number {
  return bytes.readDoubleLE(offset);
}

/** A view of the same memory with Buffer's methods. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A view of the same memory that reads several bytes at a time. */
export function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The little-endian int64 at `offset` as a number; exact between -2^53 and 2^53. */
export function signed64At(bytes: Buffer, offset: number): number {
  return (uint32At(bytes, offset + 4) | 0) * 0x1_0000_0000 + uint32At(bytes, offset);
}
