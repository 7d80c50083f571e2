import type { Labels, UnixMs } from "@tocsin/model";
import type { Histogram } from "@tocsin/promql";
import { BackwardWriter } from "../otlp/backward-writer.js";
import { writeHistogram } from "./histogram-wire.js";

/** One value of a series: a float, a native histogram, or the end of the series. */
export interface WireSample {
  readonly timeMs: UnixMs;
  readonly value: number | Histogram | "stale";
}

/** An exemplar to be written. */
export interface WireExemplar {
  readonly labels: Labels;
  readonly value: number;
  readonly timeMs: UnixMs;
}

/** One series of a request. */
export interface WireSeries {
  /** Labels, or the bytes that `encodeLabels` made of them. */
  readonly labels: Labels | Uint8Array;
  readonly samples: readonly WireSample[];
  readonly exemplars?: readonly WireExemplar[];
  /** When the counter began; 0 or absent where unknown. */
  readonly startMs?: UnixMs;
}

/** What is known of a metric family; `type` is prompb's number. */
export interface WireMetadata {
  readonly name: string;
  readonly type: number;
  readonly help: string;
  readonly unit: string;
}

/** Low and high half of the staleness marker; written as whole numbers, because a NaN's bits do not travel well. */
const STALE_BITS = 0x7ff0000000000002n;

/** A remote-write 1.0 `WriteRequest`, uncompressed. */
export function writeWriteRequest(
  series: readonly WireSeries[],
  metadata: readonly WireMetadata[] = [],
): Buffer {
  const writer = new BackwardWriter(64 + series.length * 160);
  for (let index = metadata.length - 1; index >= 0; index--) writeMetadata(writer, metadata[index]);
  for (let index = series.length - 1; index >= 0; index--) writeSeries(writer, series[index]);
  return writer.finish();
}

/** The `Label` messages of a series, sorted by name, to be used again and again. */
export function encodeLabels(labels: Labels): Buffer {
  const writer = new BackwardWriter(256);
  writeLabels(writer, labels);
  return writer.finish();
}

function writeSeries(
  writer: BackwardWriter,
  { labels, samples, exemplars = [], startMs = 0 }: WireSeries,
): void {
  const begin = writer.length;
  if (startMs > 0) {
    writer.varint(startMs);
    writer.tag(6, 0);
  }
  for (let index = samples.length - 1; index >= 0; index--) {
    const { timeMs, value } = samples[index];
    if (typeof value === "object") writeHistogram(writer, 4, timeMs, value);
  }
  for (let index = exemplars.length - 1; index >= 0; index--) writeExemplar(writer, exemplars[index]);
  for (let index = samples.length - 1; index >= 0; index--) {
    const { timeMs, value } = samples[index];
    if (typeof value !== "object") writeSample(writer, timeMs, value);
  }
  if (labels instanceof Uint8Array) writer.bytes(labels);
  else writeLabels(writer, labels);
  writer.varint(writer.length - begin);
  writer.tag(1, 2);
}

function writeLabels(writer: BackwardWriter, labels: Labels): void {
  for (const name of Object.keys(labels).sort().reverse()) {
    const value = labels[name];
    if (value === "") continue;
    const begin = writer.length;
    writeText(writer, 2, value);
    writeText(writer, 1, name);
    writer.varint(writer.length - begin);
    writer.tag(1, 2);
  }
}

function writeSample(writer: BackwardWriter, timeMs: UnixMs, value: number | "stale"): void {
  const begin = writer.length;
  if (timeMs < 0) writer.varint64(BigInt(timeMs));
  else writer.varint(timeMs);
  writer.tag(2, 0);
  if (value === "stale") writer.fixed64(STALE_BITS);
  else writer.double(value);
  writer.tag(1, 1);
  writer.varint(writer.length - begin);
  writer.tag(2, 2);
}

function writeExemplar(writer: BackwardWriter, { labels, value, timeMs }: WireExemplar): void {
  const begin = writer.length;
  writer.varint(timeMs);
  writer.tag(3, 0);
  writer.double(value);
  writer.tag(2, 1);
  writeLabels(writer, labels);
  writer.varint(writer.length - begin);
  writer.tag(3, 2);
}

function writeMetadata(writer: BackwardWriter, { name, type, help, unit }: WireMetadata): void {
  const begin = writer.length;
  writeText(writer, 5, unit);
  writeText(writer, 4, help);
  writeText(writer, 2, name);
  writer.varint(type);
  writer.tag(1, 0);
  writer.varint(writer.length - begin);
  writer.tag(3, 2);
}

function writeText(writer: BackwardWriter, field: number, text: string): void {
  const begin = writer.length;
  writer.text(text);
  writer.varint(writer.length - begin);
  writer.tag(field, 2);
}
