import { crc32 } from "node:zlib";
import type { UnixMs } from "@tocsin/model";
import { CollectorError } from "../errors.js";
import { decodeChunk, encodeChunk, type SampleColumns, sampleColumns } from "./chunk.js";
import type { Head } from "./head.js";
import { decodeHistogram, encodeHistogram, histogramCapacity } from "./histogram-codec.js";
import type { MetricType } from "./metadata.js";
import { type HeadSeries, TAIL_SAMPLES } from "./series.js";
import { readVarint, varintEnd, writeVarint } from "./varint.js";

/*
 * A snapshot is a row of blocks, each with its length and CRC-32: first one with facts about the whole as JSON, then
 * blocks of series, then an empty one that says that nothing is missing. Taking one does not stop the world: samples
 * that arrive meanwhile may be in it or not, and are read from the spool again; appending a sample twice does nothing.
 */

const FORMAT = 1;
const BLOCK_BYTES = 1 << 20;

interface SnapshotFacts {
  readonly format: number;
  readonly takenMs: UnixMs;
  readonly completeFromMs: UnixMs;
  /** Handed back by `readSnapshot`: where in the spool to go on. */
  readonly mark: unknown;
  readonly metadata: readonly (readonly [string, MetricType, string, string])[];
}

/** Writes the head in blocks; `write` is awaited, so that other work goes on in between. */
export async function writeSnapshot(
  head: Head,
  mark: unknown,
  nowMs: UnixMs,
  write: (block: Uint8Array) => Promise<void>,
): Promise<void> {
  const metadata = [...head.metadata.entries()].flatMap(([name, list]) =>
    list.map(({ type, help, unit }) => [name, type, help, unit] as const),
  );
  const facts: SnapshotFacts = {
    format: FORMAT,
    takenMs: nowMs,
    completeFromMs: head.completeFromMs,
    mark,
    metadata,
  };
  await write(block(Buffer.from(JSON.stringify(facts))));
  const out = new ByteWriter();
  for (const series of [...head.index.all()]) {
    if (series.isGone) continue;
    writeSeries(out, head, series);
    if (out.length >= BLOCK_BYTES) await write(block(out.take()));
  }
  if (out.length > 0) await write(block(out.take()));
  await write(block(new Uint8Array(0)));
}

/**
 * Reads a snapshot into an empty head.
 *
 * @returns the mark that was given when it was taken
 * @throws {CollectorError} HEAD_SNAPSHOT_DAMAGED when bytes are missing or changed; the head may be filled in part
 */
export function readSnapshot(head: Head, bytes: Uint8Array): unknown {
  const blocks = readBlocks(bytes);
  const [first, ...rest] = blocks;
  const facts = JSON.parse(Buffer.from(first).toString("utf8")) as SnapshotFacts;
  if (facts.format !== FORMAT) throw damaged(`it has format ${facts.format}, this version reads ${FORMAT}`);
  for (const [name, type, help, unit] of facts.metadata) head.metadata.set(name, type, help, unit);
  for (const part of rest) {
    const reader = new ByteReader(part);
    while (reader.at < part.length) readSeries(reader, head);
  }
  head.setCompleteFrom(facts.completeFromMs);
  return facts.mark;
}

const tail = sampleColumns(TAIL_SAMPLES);
let scratch = new Uint8Array(16_384);

function writeSeries(out: ByteWriter, head: Head, series: HeadSeries): void {
  const names = Object.keys(series.labels);
  out.varint(names.length);
  for (const name of names) {
    out.text(name);
    out.text(series.labels[name]);
  }
  out.varint(series.chunks.length);
  for (const chunk of head.samples.chunksOf(series)) out.bytes(chunk);
  const count = head.samples.tailOf(series, tail);
  out.bytes(scratch.subarray(0, count === 0 ? 0 : encodeChunk(tail, 0, count, scratch)));
  const starts = series.starts ?? { fromMs: [], startMs: [] };
  out.varint(starts.fromMs.length);
  starts.fromMs.forEach((fromMs, index) => {
    out.varint(fromMs);
    out.varint(Math.max(0, starts.startMs[index]));
  });
  writeHistograms(out, head, series);
}

function writeHistograms(out: ByteWriter, head: Head, { histograms }: HeadSeries): void {
  out.varint(histograms?.timesMs.length ?? 0);
  if (histograms === undefined || histograms.timesMs.length === 0) return;
  out.text(JSON.stringify(histograms.bounds));
  const { arena } = head.samples;
  histograms.pieces.forEach((piece, index) => {
    // Decoding tells the length; histograms are few beside floats.
    const histogram = decodeHistogram(arena.bytesOf(piece), arena.offsetOf(piece), histograms.bounds);
    const capacity = histogramCapacity(histogram);
    if (capacity > scratch.length) scratch = new Uint8Array(capacity * 2);
    const bounds = histogram.customValues;
    const boundsIndex = bounds === undefined ? 0 : histograms.bounds.indexOf(bounds);
    out.varint(histograms.timesMs[index]);
    out.bytes(scratch.subarray(0, encodeHistogram(histogram, boundsIndex, scratch)));
  });
}

function readSeries(reader: ByteReader, head: Head): void {
  const labels: Record<string, string> = {};
  for (let left = reader.varint(); left > 0; left--) {
    const name = reader.text();
    labels[name] = reader.text();
  }
  const found = head.series(labels);
  const chunks = Array.from({ length: reader.varint() }, () => reader.bytes());
  const open = reader.bytes();
  const starts = { fromMs: [] as number[], startMs: [] as number[] };
  for (let left = reader.varint(); left > 0; left--) {
    starts.fromMs.push(reader.varint());
    starts.startMs.push(reader.varint());
  }
  const count = reader.varint();
  const bounds = count === 0 ? [] : (JSON.parse(reader.text()) as number[][]);
  const histograms = Array.from({ length: count }, () => ({
    timeMs: reader.varint(),
    bytes: reader.bytes(),
  }));
  // The limit may be lower than when the snapshot was taken.
  if (typeof found === "string") return;
  const into: SampleColumns = tail;
  head.samples.restore(found, chunks, into, open.length === 0 ? 0 : decodeChunk(open, 0, into, 0));
  if (starts.fromMs.length > 0) found.starts = starts;
  if (count === 0) return;
  const { arena } = head.samples;
  const last = histograms[count - 1];
  found.histograms = {
    timesMs: histograms.map(({ timeMs }) => timeMs),
    pieces: histograms.map(({ bytes }) => arena.place(bytes, bytes.length)),
    bounds,
    last: decodeHistogram(last.bytes, 0, bounds),
  };
  if (last.timeMs > found.lastMs) {
    found.lastMs = last.timeMs;
    found.isStale = false;
  }
}

function block(content: Uint8Array): Uint8Array {
  const framed = Buffer.allocUnsafe(8 + content.length);
  framed.writeUInt32LE(content.length, 0);
  framed.writeUInt32LE(crc32(content), 4);
  framed.set(content, 8);
  return framed;
}

function readBlocks(bytes: Uint8Array): Uint8Array[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const blocks: Uint8Array[] = [];
  let at = 0;
  while (at + 8 <= buffer.length) {
    const length = buffer.readUInt32LE(at);
    const content = buffer.subarray(at + 8, at + 8 + length);
    if (content.length !== length || crc32(content) !== buffer.readUInt32LE(at + 4)) {
      throw damaged(`block ${blocks.length} is cut or changed`);
    }
    if (length === 0 && blocks.length > 0) return blocks;
    blocks.push(content);
    at += 8 + length;
  }
  throw damaged("its end is missing");
}

function damaged(detail: string): CollectorError {
  return new CollectorError(
    "HEAD_SNAPSHOT_DAMAGED",
    `The snapshot of recent metrics cannot be used: ${detail}. It is rebuilt from the spool and the store.`,
  );
}

/** Bytes that grow. */
class ByteWriter {
  length = 0;
  #buffer = Buffer.allocUnsafe(BLOCK_BYTES + (BLOCK_BYTES >> 2));

  varint(value: number): void {
    this.#reserve(10);
    this.length = writeVarint(this.#buffer, this.length, value);
  }

  bytes(value: Uint8Array): void {
    this.varint(value.length);
    this.#reserve(value.length);
    this.#buffer.set(value, this.length);
    this.length += value.length;
  }

  text(value: string): void {
    this.bytes(Buffer.from(value));
  }

  take(): Uint8Array {
    const taken = Buffer.from(this.#buffer.subarray(0, this.length));
    this.length = 0;
    return taken;
  }

  #reserve(count: number): void {
    if (this.length + count <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.length + count));
    grown.set(this.#buffer.subarray(0, this.length));
    this.#buffer = grown;
  }
}

class ByteReader {
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  varint(): number {
    const value = readVarint(this.#bytes, this.at);
    this.at = varintEnd();
    return value;
  }

  bytes(): Uint8Array {
    const length = this.varint();
    const value = this.#bytes.subarray(this.at, this.at + length);
    this.at += length;
    return value;
  }

  text(): string {
    const value = this.bytes();
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("utf8");
  }
}
