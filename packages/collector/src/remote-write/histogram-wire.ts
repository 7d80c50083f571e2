import type { UnixMs } from "@tocsin/model";
import type { BucketRun, CounterResetHint, Histogram } from "@tocsin/promql";
import type { BackwardWriter } from "../otlp/backward-writer.js";
import { doubleAt, type WireReader } from "../otlp/wire.js";
import { isStaleBits, signed } from "./wire-values.js";

const HINTS: readonly CounterResetHint[] = ["unknown", "reset", "not_reset", "gauge"];

/** Buckets a histogram may span, filled or not, before it counts as hostile. */
const MAX_SPAN = 16_384;

/** A native histogram as prompb's message holds it. */
export interface TimedHistogram {
  readonly timeMs: UnixMs;
  readonly histogram: Histogram;
  /** A sum with the bits of the staleness marker ends the series. */
  readonly isStale: boolean;
}

interface Side {
  spans: { offset: number; length: number }[];
  deltas: number[];
  counts: number[];
}

/** Reads prompb's `Histogram` that ends at `end`; remote write 1.0 and 2.0 have the same. */
export function readHistogram(reader: WireReader, end: number): TimedHistogram {
  const { bytes } = reader;
  const positive: Side = { spans: [], deltas: [], counts: [] };
  const negative: Side = { spans: [], deltas: [], counts: [] };
  const customValues: number[] = [];
  const read = { count: 0, sum: 0, schema: 0, zeroThreshold: 0, zeroCount: 0, hint: 0, timeMs: 0 };
  let isStale = false;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    switch (tag >>> 3) {
      case 1:
        read.count = reader.varint64();
        break;
      case 2:
        read.count = doubleAt(bytes, reader.fixed64(end));
        break;
      case 3: {
        const at = reader.fixed64(end);
        isStale = isStaleBits(bytes, at);
        read.sum = isStale ? Number.NaN : doubleAt(bytes, at);
        break;
      }
      case 4:
        read.schema = unzigzag(reader.varint64());
        break;
      case 5:
        read.zeroThreshold = doubleAt(bytes, reader.fixed64(end));
        break;
      case 6:
        read.zeroCount = reader.varint64();
        break;
      case 7:
        read.zeroCount = doubleAt(bytes, reader.fixed64(end));
        break;
      case 8:
        negative.spans.push(readSpan(reader, reader.stop(end)));
        break;
      case 9:
        readSigned(reader, tag, end, negative.deltas);
        break;
      case 10:
        readDoubles(reader, tag, end, negative.counts);
        break;
      case 11:
        positive.spans.push(readSpan(reader, reader.stop(end)));
        break;
      case 12:
        readSigned(reader, tag, end, positive.deltas);
        break;
      case 13:
        readDoubles(reader, tag, end, positive.counts);
        break;
      case 14:
        read.hint = reader.varint32();
        break;
      case 15:
        read.timeMs = signed(reader.varint64());
        break;
      case 16:
        readDoubles(reader, tag, end, customValues);
        break;
      default:
        reader.skip(tag, end);
    }
  }
  reader.finish(end);
  const { timeMs, hint, ...numbers } = read;
  return {
    timeMs,
    isStale,
    histogram: {
      ...numbers,
      positive: runOf(positive),
      negative: runOf(negative),
      ...(read.schema === -53 ? { customValues } : {}),
      counterResetHint: HINTS[hint] ?? "unknown",
    },
  };
}

/** Writes a native histogram as prompb's `Histogram` with its tag (`field`), all counts as floats. */
export function writeHistogram(
  writer: BackwardWriter,
  field: number,
  timeMs: UnixMs,
  histogram: Histogram,
): void {
  const begin = writer.length;
  if (histogram.customValues !== undefined) writeDoubles(writer, 16, histogram.customValues);
  writer.varint(timeMs);
  writer.tag(15, 0);
  writer.varint(HINTS.indexOf(histogram.counterResetHint));
  writer.tag(14, 0);
  writeRun(writer, histogram.positive, 11, 13);
  writeRun(writer, histogram.negative, 8, 10);
  writer.double(histogram.zeroCount);
  writer.tag(7, 1);
  writer.double(histogram.zeroThreshold);
  writer.tag(5, 1);
  writer.varint(zigzag(histogram.schema));
  writer.tag(4, 0);
  writer.double(histogram.sum);
  writer.tag(3, 1);
  writer.double(histogram.count);
  writer.tag(2, 1);
  writer.varint(writer.length - begin);
  writer.tag(field, 2);
}

function writeRun(
  writer: BackwardWriter,
  { offset, buckets }: BucketRun,
  spans: number,
  counts: number,
): void {
  if (buckets.length === 0) return;
  writeDoubles(writer, counts, buckets);
  const begin = writer.length;
  writer.varint(buckets.length);
  writer.tag(2, 0);
  writer.varint(zigzag(offset));
  writer.tag(1, 0);
  writer.varint(writer.length - begin);
  writer.tag(spans, 2);
}

function writeDoubles(writer: BackwardWriter, field: number, values: readonly number[]): void {
  for (let index = values.length - 1; index >= 0; index--) writer.double(values[index]);
  writer.varint(values.length * 8);
  writer.tag(field, 2);
}

function runOf({ spans, deltas, counts }: Side): BucketRun {
  if (spans.length === 0) return { offset: 0, buckets: [] };
  const buckets: number[] = [];
  let next = 0;
  let count = 0;
  for (const [index, span] of spans.entries()) {
    // The offset of a later span is the gap to the one before.
    if (index > 0) for (let gap = 0; gap < span.offset && buckets.length < MAX_SPAN; gap++) buckets.push(0);
    for (let i = 0; i < span.length && buckets.length < MAX_SPAN; i++, next++) {
      count = counts.length > 0 ? (counts[next] ?? 0) : count + (deltas[next] ?? 0);
      buckets.push(count);
    }
  }
  return { offset: spans[0].offset, buckets };
}

function readSpan(reader: WireReader, end: number): { offset: number; length: number } {
  let offset = 0;
  let length = 0;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === 8) offset = unzigzag(reader.varint64());
    else if (tag === 16) length = reader.varint32();
    else reader.skip(tag, end);
  }
  reader.finish(end);
  return { offset, length };
}

function readSigned(reader: WireReader, tag: number, end: number, into: number[]): void {
  if ((tag & 7) === 0) {
    into.push(unzigzag(reader.varint64()));
    return;
  }
  const stop = reader.stop(end);
  while (reader.pos < stop) into.push(unzigzag(reader.varint64()));
  reader.finish(stop);
}

function readDoubles(reader: WireReader, tag: number, end: number, into: number[]): void {
  if ((tag & 7) === 1) {
    into.push(doubleAt(reader.bytes, reader.fixed64(end)));
    return;
  }
  const stop = reader.stop(end);
  while (reader.pos < stop) into.push(doubleAt(reader.bytes, reader.fixed64(stop)));
  reader.finish(stop);
}

function unzigzag(value: number): number {
  // An int32 may have been written with ten bytes; only its low half counts.
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

function zigzag(value: number): number {
  return value < 0 ? -value * 2 - 1 : value * 2;
}
