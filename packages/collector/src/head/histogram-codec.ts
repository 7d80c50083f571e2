import { type BucketRun, type CounterResetHint, CUSTOM_BUCKETS_SCHEMA, type Histogram } from "@tocsin/promql";
import { readVarint, unzigzag, varintEnd, writeVarint, zigzag } from "./varint.js";

const HINTS: readonly CounterResetHint[] = ["unknown", "reset", "not_reset", "gauge"];
const WHOLE_COUNTS = 4;
const HAS_ZERO_BUCKET = 8;
const LARGEST_WHOLE = 2 ** 51;

/** Bytes that are always enough for `histogram`. */
export function histogramCapacity(histogram: Histogram): number {
  return 80 + 9 * (histogram.positive.buckets.length + histogram.negative.buckets.length);
}

/**
 * Writes a native histogram at the start of `out`. Counts that are whole, which they nearly always are, take one or
 * two bytes a bucket: the difference to the bucket before. Bounds of custom buckets are not written, only the
 * number under which the series keeps them.
 *
 * @returns the number of bytes written
 */
export function encodeHistogram(histogram: Histogram, boundsIndex: number, out: Uint8Array): number {
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
  const { positive, negative } = histogram;
  const whole =
    isWhole(histogram.count) &&
    isWhole(histogram.zeroCount) &&
    positive.buckets.every(isWhole) &&
    negative.buckets.every(isWhole);
  const hasZero = histogram.zeroCount !== 0 || histogram.zeroThreshold !== 0;
  out[0] =
    HINTS.indexOf(histogram.counterResetHint) | (whole ? WHOLE_COUNTS : 0) | (hasZero ? HAS_ZERO_BUCKET : 0);
  let at = writeVarint(out, 1, zigzag(histogram.schema));
  view.setFloat64(at, histogram.sum);
  at = writeCount(out, view, at + 8, histogram.count, whole);
  if (hasZero) {
    view.setFloat64(at, histogram.zeroThreshold);
    at = writeCount(out, view, at + 8, histogram.zeroCount, whole);
  }
  if (histogram.schema === CUSTOM_BUCKETS_SCHEMA) at = writeVarint(out, at, boundsIndex);
  at = writeRun(out, view, at, positive, whole);
  return writeRun(out, view, at, negative, whole);
}

/**
 * Reads what `encodeHistogram` wrote at `at`.
 *
 * @param bounds the series' lists of custom bounds
 */
export function decodeHistogram(
  bytes: Uint8Array,
  start: number,
  bounds: readonly (readonly number[])[],
): Histogram {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flags = bytes[start];
  const whole = (flags & WHOLE_COUNTS) !== 0;
  const schema = unzigzag(readVarint(bytes, start + 1));
  const cursor = { bytes, view, whole, at: varintEnd() };
  const sum = readDouble(cursor);
  const count = readCount(cursor);
  const hasZero = (flags & HAS_ZERO_BUCKET) !== 0;
  const zeroThreshold = hasZero ? readDouble(cursor) : 0;
  const zeroCount = hasZero ? readCount(cursor) : 0;
  const custom = schema === CUSTOM_BUCKETS_SCHEMA ? { customValues: bounds[readNumber(cursor)] ?? [] } : {};
  const positive = readRun(cursor);
  const negative = readRun(cursor);
  const counterResetHint = HINTS[flags & 3];
  return { schema, count, sum, zeroThreshold, zeroCount, positive, negative, ...custom, counterResetHint };
}

interface Cursor {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly whole: boolean;
  at: number;
}

function isWhole(count: number): boolean {
  return Number.isInteger(count) && count >= 0 && count < LARGEST_WHOLE && !Object.is(count, -0);
}

function writeCount(out: Uint8Array, view: DataView, at: number, count: number, whole: boolean): number {
  if (whole) return writeVarint(out, at, count);
  view.setFloat64(at, count);
  return at + 8;
}

function writeRun(out: Uint8Array, view: DataView, start: number, run: BucketRun, whole: boolean): number {
  let at = writeVarint(out, start, run.buckets.length);
  if (run.buckets.length === 0) return at;
  at = writeVarint(out, at, zigzag(run.offset));
  let before = 0;
  for (const count of run.buckets) {
    if (whole) {
      at = writeVarint(out, at, zigzag(count - before));
      before = count;
    } else {
      view.setFloat64(at, count);
      at += 8;
    }
  }
  return at;
}

function readNumber(cursor: Cursor): number {
  const value = readVarint(cursor.bytes, cursor.at);
  cursor.at = varintEnd();
  return value;
}

function readDouble(cursor: Cursor): number {
  const value = cursor.view.getFloat64(cursor.at);
  cursor.at += 8;
  return value;
}

function readCount(cursor: Cursor): number {
  return cursor.whole ? readNumber(cursor) : readDouble(cursor);
}

function readRun(cursor: Cursor): BucketRun {
  const length = readNumber(cursor);
  if (length === 0) return { offset: 0, buckets: [] };
  const offset = unzigzag(readNumber(cursor));
  const buckets = new Array<number>(length);
  let count = 0;
  for (let index = 0; index < length; index++) {
    count = cursor.whole ? count + unzigzag(readNumber(cursor)) : readDouble(cursor);
    buckets[index] = count;
  }
  return { offset, buckets };
}
