import type { Labels, UnixMs } from "@tocsin/model";
import type { Histogram } from "@tocsin/promql";
import { textAt } from "../otlp/accessors.js";
import { asBuffer, doubleAt, WireReader } from "../otlp/wire.js";
import { readHistogram } from "./histogram-wire.js";
import { isStaleBits, signed } from "./wire-values.js";

/** Bytes of the labels of one series: its `Label` messages with their tags. Equal bytes are equal labels. */
export interface LabelBytes {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/** What a remote-write request holds, in the order in which it holds it. Samples belong to the last series named. */
export interface WriteRequestSink {
  series(labels: LabelBytes): void;
  /** @param value NaN for a staleness marker, with `isStale` */
  sample(timeMs: UnixMs, value: number, isStale: boolean, startMs: UnixMs): void;
  histogram(timeMs: UnixMs, histogram: Histogram, isStale: boolean, startMs: UnixMs): void;
  exemplar(labels: Labels, value: number, timeMs: UnixMs): void;
  metadata(name: string, type: number, help: string, unit: string): void;
}

/**
 * Reads an uncompressed remote-write 1.0 `WriteRequest`. A series may also carry field 6, when its counters began, as
 * remote write 2.0 does; other receivers pass over it.
 *
 * @throws {CollectorError} OTLP_MALFORMED for bytes that are not protobuf
 * @see Prometheus, prompb/types.proto and remote.proto.
 */
export function readWriteRequest(body: Uint8Array, sink: WriteRequestSink): void {
  const bytes = asBuffer(body);
  const reader = new WireReader(bytes);
  while (reader.pos < bytes.length) {
    const tag = reader.tag(bytes.length);
    if (tag === 10) readSeries(reader, reader.stop(bytes.length), sink);
    else if (tag === 26) readMetadata(reader, reader.stop(bytes.length), sink);
    else reader.skip(tag, bytes.length);
  }
}

/** The labels in a piece of a request. Later values of a repeated name win. */
export function readLabels({ bytes, start, end }: LabelBytes): Labels {
  const labels: Record<string, string> = {};
  const reader = new WireReader(bytes, start);
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === 10) readLabel(reader, reader.stop(end), labels);
    else reader.skip(tag, end);
  }
  return labels;
}

function readSeries(reader: WireReader, end: number, sink: WriteRequestSink): void {
  const start = reader.pos;
  const labels = { bytes: reader.bytes, start, end: start };
  let startMs = 0;
  let hasOthers = false;
  // Labels come first as everyone writes them; the standard lets them come anywhere.
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === 48) startMs = signed(reader.varint64());
    else reader.skip(tag, end);
    if (tag === 10) labels.end = reader.pos;
    else hasOthers = true;
  }
  reader.finish(end);
  sink.series(labels);
  if (!hasOthers) return;
  reader.pos = start;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === 18) readSample(reader, reader.stop(end), startMs, sink);
    else if (tag === 26) readExemplar(reader, reader.stop(end), sink);
    else if (tag === 34) {
      const { timeMs, histogram, isStale } = readHistogram(reader, reader.stop(end));
      sink.histogram(timeMs, histogram, isStale, startMs);
    } else reader.skip(tag, end);
  }
}

function readSample(reader: WireReader, end: number, startMs: UnixMs, sink: WriteRequestSink): void {
  let value = 0;
  let timeMs = 0;
  let isStale = false;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === 9) {
      const at = reader.fixed64(end);
      isStale = isStaleBits(reader.bytes, at);
      value = isStale ? Number.NaN : doubleAt(reader.bytes, at);
    } else if (tag === 16) timeMs = signed(reader.varint64());
    else reader.skip(tag, end);
  }
  reader.finish(end);
  sink.sample(timeMs, value, isStale, startMs);
}

function readExemplar(reader: WireReader, end: number, sink: WriteRequestSink): void {
  const labels: Record<string, string> = {};
  let value = 0;
  let timeMs = 0;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === 10) readLabel(reader, reader.stop(end), labels);
    else if (tag === 17) value = doubleAt(reader.bytes, reader.fixed64(end));
    else if (tag === 24) timeMs = signed(reader.varint64());
    else reader.skip(tag, end);
  }
  reader.finish(end);
  sink.exemplar(labels, value, timeMs);
}

function readMetadata(reader: WireReader, end: number, sink: WriteRequestSink): void {
  let type = 0;
  let name = "";
  let help = "";
  let unit = "";
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === 8) type = reader.varint32();
    else if (tag === 18) name = readText(reader, end);
    else if (tag === 34) help = readText(reader, end);
    else if (tag === 42) unit = readText(reader, end);
    else reader.skip(tag, end);
  }
  reader.finish(end);
  sink.metadata(name, type, help, unit);
}

function readLabel(reader: WireReader, end: number, labels: Record<string, string>): void {
  let name = "";
  let value = "";
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === 10) name = readText(reader, end);
    else if (tag === 18) value = readText(reader, end);
    else reader.skip(tag, end);
  }
  reader.finish(end);
  labels[name] = value;
}

function readText(reader: WireReader, end: number): string {
  const stop = reader.stop(end);
  const text = textAt(reader.bytes, reader.pos, stop);
  reader.pos = stop;
  return text;
}
