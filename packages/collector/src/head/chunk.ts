/**
 * One chunk: up to 255 samples of a series as bytes. Times are whole milliseconds, values any IEEE double.
 *
 * Layout: flags (1), count (1), first time (6, big endian), span = last − first (varint), then
 * - times, unless they are evenly spaced: the first step, then the change of each later step (zigzag varints);
 * - values in the smallest of three forms: all equal (8 bytes), decimals scaled to whole numbers (the power of
 *   ten, the first number, then differences), or each value XORed with the one before, its non-zero bytes kept.
 *
 * Staleness markers are NaNs told apart by their bits, which JavaScript may lose when a NaN passes through a
 * plain number. Values therefore travel as 32-bit halves wherever a NaN could be among them.
 *
 * One piece, because writing and reading are the same layout seen from both sides.
 */

import { bitsOf } from "@tocsin/promql";
import { readUint48, readVarint, unzigzag, varintEnd, writeUint48, writeVarint, zigzag } from "./varint.js";

/** Most samples that one chunk can hold. */
export const MAX_CHUNK_SAMPLES = 255;

/** Bytes that are always enough for a chunk of `count` samples. */
export function chunkCapacity(count: number): number {
  return 24 + count * 20;
}

const EVEN_TIMES = 1;
const VALUES_EQUAL = 0 << 1;
const VALUES_SCALED = 1 << 1;
const VALUES_XOR = 2 << 1;

const POWERS = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000] as const;

/** Times and values in columns; `bits` is `bitsOf(values)`. promql's `SampleBuffer` is one. */
export interface SampleColumns {
  readonly timestamps: Float64Array;
  readonly values: Float64Array;
  readonly bits: Uint32Array;
}

/** Columns for `count` samples. */
export function sampleColumns(count: number): SampleColumns {
  const values = new Float64Array(count);
  return { timestamps: new Float64Array(count), values, bits: bitsOf(values) };
}

/**
 * Writes samples `from … from + count − 1` of `columns` at the start of `out`.
 *
 * @param columns timestamps must rise strictly
 * @param out at least `chunkCapacity(count)` bytes
 * @returns the number of bytes written
 */
export function encodeChunk(columns: SampleColumns, from: number, count: number, out: Uint8Array): number {
  const { timestamps } = columns;
  const first = timestamps[from];
  const span = timestamps[from + count - 1] - first;
  out[1] = count;
  writeUint48(out, 2, first);
  let end = writeVarint(out, 8, span);
  const even = isEven(timestamps, from, count, span);
  if (!even) {
    let step = 0;
    for (let index = from + 1; index < from + count; index++) {
      const next = timestamps[index] - timestamps[index - 1];
      end = writeVarint(out, end, zigzag(next - step));
      step = next;
    }
  }
  const form = encodeValues(columns, from, count, out, end);
  out[0] = (even ? EVEN_TIMES : 0) | form;
  return valuesEnd;
}

/** Where the last `encodeValues` stopped; a module variable spares an object per chunk. */
let valuesEnd = 0;

function encodeValues(
  columns: SampleColumns,
  from: number,
  count: number,
  out: Uint8Array,
  at: number,
): number {
  const { values, bits } = columns;
  if (allEqual(bits, from, count)) {
    valuesEnd = writeHalves(out, at, bits, from);
    return VALUES_EQUAL;
  }
  const exponent = commonExponent(values, from, count);
  if (exponent >= 0) {
    const power = POWERS[exponent];
    out[at] = exponent;
    let before = 0;
    let end = at + 1;
    for (let index = from; index < from + count; index++) {
      const scaled = Math.round(values[index] * power);
      end = writeVarint(out, end, zigzag(scaled - before));
      before = scaled;
    }
    valuesEnd = end;
    return VALUES_SCALED;
  }
  valuesEnd = encodeXor(bits, from, count, out, at);
  return VALUES_XOR;
}

/** First time in the chunk that starts at `at`. */
export function chunkMinTime(bytes: Uint8Array, at: number): number {
  return readUint48(bytes, at + 2);
}

/** Last time in the chunk that starts at `at`. */
export function chunkMaxTime(bytes: Uint8Array, at: number): number {
  return readUint48(bytes, at + 2) + readVarint(bytes, at + 8);
}

/** Number of bytes of the chunk that starts at `at`. */
export function chunkLength(bytes: Uint8Array, at: number): number {
  const flags = bytes[at];
  const count = bytes[at + 1];
  readVarint(bytes, at + 8);
  let end = varintEnd();
  if ((flags & EVEN_TIMES) === 0) end = skipVarints(bytes, end, count - 1);
  if ((flags & 6) === VALUES_EQUAL) return end + 8 - at;
  if ((flags & 6) === VALUES_SCALED) return skipVarints(bytes, end + 1, count) - at;
  for (let index = 0; index < count; index++) end += 1 + (bytes[end] & 15);
  return end - at;
}

function skipVarints(bytes: Uint8Array, from: number, count: number): number {
  let end = from;
  for (let left = count; left > 0; end++) if (bytes[end] < 128) left--;
  return end;
}

/** Number of samples in the chunk that starts at `at`. */
export function chunkCount(bytes: Uint8Array, at: number): number {
  return bytes[at + 1];
}

/**
 * Reads the whole chunk into `into`, from row `row` on.
 *
 * @returns the number of samples, which is `chunkCount`
 */
export function decodeChunk(bytes: Uint8Array, at: number, into: SampleColumns, row: number): number {
  const flags = bytes[at];
  const count = bytes[at + 1];
  const { timestamps } = into;
  let time = readUint48(bytes, at + 2);
  const span = readVarint(bytes, at + 8);
  let end = varintEnd();
  timestamps[row] = time;
  if ((flags & EVEN_TIMES) !== 0) {
    const step = count > 1 ? span / (count - 1) : 0;
    for (let index = 1; index < count; index++) timestamps[row + index] = time + index * step;
  } else {
    let step = 0;
    for (let index = 1; index < count; index++) {
      step += unzigzag(readVarint(bytes, end));
      end = varintEnd();
      time += step;
      timestamps[row + index] = time;
    }
  }
  decodeValues(bytes, end, flags & 6, count, into, row);
  return count;
}

function decodeValues(
  bytes: Uint8Array,
  at: number,
  form: number,
  count: number,
  into: SampleColumns,
  row: number,
): void {
  const { values, bits } = into;
  if (form === VALUES_SCALED) {
    const exponent = bytes[at];
    const power = POWERS[exponent];
    let scaled = 0;
    let end = at + 1;
    for (let index = row; index < row + count; index++) {
      scaled += unzigzag(readVarint(bytes, end));
      end = varintEnd();
      values[index] = exponent === 0 ? scaled : scaled / power;
    }
  } else if (form === VALUES_EQUAL) {
    const low = readUint32(bytes, at);
    const high = readUint32(bytes, at + 4);
    for (let index = row; index < row + count; index++) {
      bits[index * 2] = low;
      bits[index * 2 + 1] = high;
    }
  } else {
    decodeXor(bytes, at, count, bits, row);
  }
}

function isEven(timestamps: Float64Array, from: number, count: number, span: number): boolean {
  if (count < 2) return true;
  const step = timestamps[from + 1] - timestamps[from];
  if (step * (count - 1) !== span) return false;
  for (let index = from + 2; index < from + count; index++) {
    if (timestamps[index] - timestamps[index - 1] !== step) return false;
  }
  return true;
}

function allEqual(bits: Uint32Array, from: number, count: number): boolean {
  const low = bits[from * 2];
  const high = bits[from * 2 + 1];
  for (let index = from + 1; index < from + count; index++) {
    if (bits[index * 2] !== low || bits[index * 2 + 1] !== high) return false;
  }
  return true;
}

/** The smallest power of ten that makes every value whole without losing a bit; −1 when there is none. */
function commonExponent(values: Float64Array, from: number, count: number): number {
  let exponent = 0;
  let power: number = POWERS[0];
  for (let index = from; index < from + count; index++) {
    const value = values[index];
    for (;;) {
      const scaled = Math.round(value * power);
      // The bound leaves room for a difference of two such numbers, zigzagged, below 2^53.
      if (!(scaled < 1e15 && scaled > -1e15) || (value === 0 && 1 / value < 0)) return -1;
      if (scaled / power === value) break;
      exponent++;
      if (exponent === POWERS.length) return -1;
      power = POWERS[exponent];
    }
  }
  // A later value may have raised the power; the earlier ones must still come back exactly.
  if (exponent > 0) {
    for (let index = from; index < from + count; index++) {
      const value = values[index];
      const scaled = Math.round(value * power);
      if (scaled / power !== value || !(scaled < 1e15 && scaled > -1e15)) return -1;
    }
  }
  return exponent;
}

/** Per value one byte: how many high bytes equal the last value's (high nibble), how many bytes follow (low). */
function encodeXor(bits: Uint32Array, from: number, count: number, out: Uint8Array, at: number): number {
  let end = at;
  let beforeLow = 0;
  let beforeHigh = 0;
  for (let index = from; index < from + count; index++) {
    const low = bits[index * 2];
    const high = bits[index * 2 + 1];
    const xorLow = (low ^ beforeLow) >>> 0;
    const xorHigh = (high ^ beforeHigh) >>> 0;
    const leading = xorHigh !== 0 ? Math.clz32(xorHigh) >>> 3 : 4 + (Math.clz32(xorLow) >>> 3);
    const trailing =
      xorLow !== 0 ? trailingZeros(xorLow) >>> 3 : xorHigh !== 0 ? 4 + (trailingZeros(xorHigh) >>> 3) : 8;
    const length = leading >= 8 ? 0 : 8 - leading - trailing;
    out[end++] = (Math.min(leading, 15) << 4) | length;
    for (let byte = leading; byte < leading + length; byte++) {
      out[end++] = byte < 4 ? xorHigh >>> (24 - byte * 8) : xorLow >>> (56 - byte * 8);
    }
    beforeLow = low;
    beforeHigh = high;
  }
  return end;
}

function decodeXor(bytes: Uint8Array, at: number, count: number, bits: Uint32Array, row: number): void {
  let end = at;
  let low = 0;
  let high = 0;
  for (let index = row; index < row + count; index++) {
    const head = bytes[end++];
    const leading = head >>> 4;
    const length = head & 15;
    for (let byte = leading; byte < leading + length; byte++) {
      const value = bytes[end++];
      if (byte < 4) high ^= value << (24 - byte * 8);
      else low ^= value << (56 - byte * 8);
    }
    bits[index * 2] = low;
    bits[index * 2 + 1] = high;
  }
}

function trailingZeros(word: number): number {
  return 31 - Math.clz32(word & -word);
}

function writeHalves(out: Uint8Array, at: number, bits: Uint32Array, index: number): number {
  for (let half = 0; half < 2; half++) {
    const word = bits[index * 2 + half];
    const base = at + half * 4;
    out[base] = word;
    out[base + 1] = word >>> 8;
    out[base + 2] = word >>> 16;
    out[base + 3] = word >>> 24;
  }
  return at + 8;
}

function readUint32(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}
