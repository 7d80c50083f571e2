/** Whole numbers as bytes, for chunks and snapshots. Reading keeps its end in a module variable: no object per number. */

const TWO_32 = 4_294_967_296;

/** Where the last varint read ended. */
let readEnd = 0;

/** Maps a whole number of either sign to one ≥ 0, small to small. Exact while the result is below 2^53. */
export function zigzag(value: number): number {
  return value < 0 ? -value * 2 - 1 : value * 2;
}

/** The inverse of `zigzag`. */
export function unzigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

/** Writes a whole number from 0 to 2^53 − 1 in groups of 7 bits; returns the end. */
export function writeVarint(out: Uint8Array, at: number, value: number): number {
  let rest = value;
  let end = at;
  while (rest >= 0x8000_0000) {
    out[end++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  while (rest > 127) {
    out[end++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  out[end++] = rest;
  return end;
}

/** Reads what `writeVarint` wrote; `varintEnd()` tells where it ended. */
export function readVarint(bytes: Uint8Array, at: number): number {
  let end = at;
  let byte = bytes[end++];
  let value = byte & 127;
  if (byte > 127) {
    byte = bytes[end++];
    value |= (byte & 127) << 7;
    if (byte > 127) {
      byte = bytes[end++];
      value |= (byte & 127) << 14;
      let factor = 2_097_152;
      while (byte > 127) {
        byte = bytes[end++];
        value += (byte & 127) * factor;
        factor *= 128;
      }
    }
  }
  readEnd = end;
  return value;
}

/** Where the last `readVarint` ended. */
export function varintEnd(): number {
  return readEnd;
}

/** Writes a whole number below 2^48, big endian. */
export function writeUint48(out: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / TWO_32);
  const low = value % TWO_32;
  out[at] = high >>> 8;
  out[at + 1] = high;
  out[at + 2] = low >>> 24;
  out[at + 3] = low >>> 16;
  out[at + 4] = low >>> 8;
  out[at + 5] = low;
}

/** Reads what `writeUint48` wrote. */
export function readUint48(bytes: Uint8Array, at: number): number {
  const high = (bytes[at] << 8) | bytes[at + 1];
  return high * TWO_32 + readUint32BigEndian(bytes, at + 2);
}

function readUint32BigEndian(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}
