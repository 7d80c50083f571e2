import { CollectorError } from "../errors.js";
import { textAt } from "../otlp/accessors.js";
import { BackwardWriter } from "../otlp/backward-writer.js";
import { asBuffer, WireReader } from "../otlp/wire.js";
import { signed } from "./wire-values.js";

interface SeriesParts {
  refs: number[];
  /** Slices of whole messages: samples and histograms are the same in both versions. */
  samples: [number, number][];
  histograms: [number, number][];
  exemplars: [number, number][];
  metadata: [number, number] | undefined;
  startMs: number;
}

/** Samples may say since when they count; the first of them that does speaks for the series. */
const SAMPLE_START_TAG = 24;
const HISTOGRAM_START_TAG = 136;

/**
 * A remote-write 2.0 `Request` as a 1.0 `WriteRequest`: symbols become labels again, `created_timestamp` goes along in
 * field 6, metadata of series becomes metadata of families. So everything after the receiver knows one form.
 *
 * @throws {CollectorError} OTLP_MALFORMED, REMOTE_WRITE_MALFORMED
 * @see Prometheus, "Remote Write 2.0" specification.
 */
export function fromVersion2(body: Uint8Array): Buffer {
  const bytes = asBuffer(body);
  const reader = new WireReader(bytes);
  const symbols: string[] = [];
  const series: SeriesParts[] = [];
  while (reader.pos < bytes.length) {
    const tag = reader.tag(bytes.length);
    if (tag === 34) {
      const stop = reader.stop(bytes.length);
      symbols.push(textAt(bytes, reader.pos, stop));
      reader.pos = stop;
    } else if (tag === 42) series.push(readSeries(reader, reader.stop(bytes.length)));
    else reader.skip(tag, bytes.length);
  }
  const writer = new BackwardWriter(bytes.length * 2 + 256);
  const families = new Map<string, [number, number]>();
  for (const parts of [...series].reverse()) {
    const name = writeSeries(writer, bytes, parts, symbols);
    if (parts.metadata !== undefined && name !== "") families.set(name, parts.metadata);
  }
  for (const [name, slice] of families) writeMetadata(writer, bytes, name, slice, symbols);
  return writer.finish();
}

function readSeries(reader: WireReader, end: number): SeriesParts {
  const parts: SeriesParts = {
    refs: [],
    samples: [],
    histograms: [],
    exemplars: [],
    metadata: undefined,
    startMs: 0,
  };
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === 48) {
      parts.startMs = signed(reader.varint64());
      continue;
    }
    if (tag === 8) {
      parts.refs.push(reader.varint32());
      continue;
    }
    const start = reader.pos;
    reader.skip(tag, end);
    if ((tag & 7) !== 2) continue;
    // Skipping went over the length; the content begins where a second look at it ends.
    const stop = reader.pos;
    reader.pos = start;
    reader.stop(end);
    const slice: [number, number] = [reader.pos, stop];
    if (tag === 10) while (reader.pos < stop) parts.refs.push(reader.varint32());
    else if (tag === 18) parts.samples.push(slice);
    else if (tag === 26) parts.histograms.push(slice);
    else if (tag === 34) parts.exemplars.push(slice);
    else if (tag === 42) parts.metadata = slice;
    reader.pos = stop;
  }
  reader.finish(end);
  return parts;
}

/** @returns the metric's name */
function writeSeries(
  writer: BackwardWriter,
  bytes: Buffer,
  parts: SeriesParts,
  symbols: readonly string[],
): string {
  const begin = writer.length;
  const startMs = parts.startMs || firstStart(bytes, parts);
  if (startMs > 0) {
    writer.varint(startMs);
    writer.tag(6, 0);
  }
  for (const slice of parts.histograms.reverse()) writeSlice(writer, bytes, 4, slice);
  for (const slice of parts.exemplars.reverse()) writeExemplar(writer, bytes, slice, symbols);
  for (const slice of parts.samples.reverse()) writeSlice(writer, bytes, 2, slice);
  const name = writeLabels(writer, parts.refs, symbols);
  writer.varint(writer.length - begin);
  writer.tag(1, 2);
  return name;
}

function firstStart(bytes: Buffer, { samples, histograms }: SeriesParts): number {
  for (const [list, wanted] of [
    [samples, SAMPLE_START_TAG],
    [histograms, HISTOGRAM_START_TAG],
  ] as const) {
    for (const [start, end] of list) {
      const reader = new WireReader(bytes, start);
      while (reader.pos < end) {
        const tag = reader.tag(end);
        if (tag === wanted) return signed(reader.varint64());
        reader.skip(tag, end);
      }
    }
  }
  return 0;
}

function writeSlice(
  writer: BackwardWriter,
  bytes: Buffer,
  field: number,
  [start, end]: [number, number],
): void {
  writer.bytes(bytes.subarray(start, end));
  writer.varint(end - start);
  writer.tag(field, 2);
}

function writeExemplar(
  writer: BackwardWriter,
  bytes: Buffer,
  [start, end]: [number, number],
  symbols: readonly string[],
): void {
  const reader = new WireReader(bytes, start);
  const refs: number[] = [];
  let value = 0;
  let timeMs = 0;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === 8) refs.push(reader.varint32());
    else if (tag === 10) {
      const stop = reader.stop(end);
      while (reader.pos < stop) refs.push(reader.varint32());
    } else if (tag === 17) value = bytes.readDoubleLE(reader.fixed64(end));
    else if (tag === 24) timeMs = Math.max(0, signed(reader.varint64()));
    else reader.skip(tag, end);
  }
  const begin = writer.length;
  writer.varint(timeMs);
  writer.tag(3, 0);
  writer.double(value);
  writer.tag(2, 1);
  writeLabels(writer, refs, symbols);
  writer.varint(writer.length - begin);
  writer.tag(3, 2);
}

function writeMetadata(
  writer: BackwardWriter,
  bytes: Buffer,
  name: string,
  [start, end]: [number, number],
  symbols: readonly string[],
): void {
  const reader = new WireReader(bytes, start);
  const refs = { type: 0, help: 0, unit: 0 };
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === 8) refs.type = reader.varint32();
    else if (tag === 24) refs.help = reader.varint32();
    else if (tag === 32) refs.unit = reader.varint32();
    else reader.skip(tag, end);
  }
  const begin = writer.length;
  writeText(writer, 5, symbolAt(symbols, refs.unit));
  writeText(writer, 4, symbolAt(symbols, refs.help));
  writeText(writer, 2, name.replace(/_(bucket|count|sum)$/, refs.type === 3 || refs.type === 5 ? "" : "$&"));
  writer.varint(refs.type);
  writer.tag(1, 0);
  writer.varint(writer.length - begin);
  writer.tag(3, 2);
}

/** @returns the value of `__name__` */
function writeLabels(writer: BackwardWriter, refs: readonly number[], symbols: readonly string[]): string {
  if (refs.length % 2 !== 0) {
    throw new CollectorError(
      "REMOTE_WRITE_MALFORMED",
      `A series has ${refs.length} label references; names and values come in pairs. Send pairs of symbols.`,
    );
  }
  let metric = "";
  for (let index = refs.length - 2; index >= 0; index -= 2) {
    const name = symbolAt(symbols, refs[index]);
    const value = symbolAt(symbols, refs[index + 1]);
    if (name === "__name__") metric = value;
    const begin = writer.length;
    writeText(writer, 2, value);
    writeText(writer, 1, name);
    writer.varint(writer.length - begin);
    writer.tag(1, 2);
  }
  return metric;
}

function symbolAt(symbols: readonly string[], ref: number): string {
  const symbol = symbols[ref];
  if (symbol !== undefined) return symbol;
  if (ref === 0) return "";
  throw new CollectorError(
    "REMOTE_WRITE_MALFORMED",
    `A series refers to symbol ${ref}, but there are ${symbols.length}. Send every symbol that is referred to.`,
  );
}

function writeText(writer: BackwardWriter, field: number, text: string): void {
  const begin = writer.length;
  writer.text(text);
  writer.varint(writer.length - begin);
  writer.tag(field, 2);
}
