import type { SpanContext } from "@opentelemetry/api";
import type { ByteWriter } from "../otlp/byte-writer.js";

/** Log lines as their loggers wrote them, with what the lines do not say, one after the other as bytes. */
export interface LogLines {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly count: number;
  /** Message keys and severities, which are few; lines refer to them by index. */
  readonly words: readonly string[];
}

/** What a line does not say itself. */
export interface LineNotes {
  readonly messageKey: string;
  /** What `severityWord` makes of the line's level; left out where the line tells. */
  readonly severity?: string;
  /** Of the span during which the line was written. */
  readonly context: SpanContext | undefined;
}

/** A line of a JSON logger and what it does not say itself. */
export interface LogLine {
  readonly line: string;
  readonly timeMs: number;
  /** Trace id (16 bytes), span id (8) and flags (1), where a span was active. */
  readonly place: Uint8Array | undefined;
  readonly messageKey: string;
  /** What `severityWord` makes of the line's level; empty where the line tells. */
  readonly severity: string;
}

/**
 * Appends one line: time (8 bytes), message key and severity (varints), whether a place follows (1), the place (25), and the
 * text. New words are added to `words`.
 */
export function writeLogLine(
  writer: ByteWriter,
  words: string[],
  { line, timeMs, notes }: { readonly line: string; readonly timeMs: number; readonly notes: LineNotes },
): void {
  const { messageKey, severity = "", context } = notes;
  writer.double(timeMs);
  writer.reserve(PLACE_BYTES + 12);
  writer.varint(indexOf(words, messageKey));
  writer.varint(indexOf(words, severity));
  writer.byte(context === undefined ? 0 : 1);
  if (context !== undefined) {
    writer.hex(context.traceId);
    writer.hex(context.spanId);
    writer.byte(context.traceFlags & 1);
  }
  writer.text(line);
}

function indexOf(words: string[], word: string): number {
  const index = words.indexOf(word);
  return index < 0 ? words.push(word) - 1 : index;
}

/** The lines of a batch, in order. Their places are views into its bytes. */
export function* readLogLines({ bytes, count, words }: LogLines): Generator<LogLine> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  const take = (length: number): Uint8Array => {
    at += length;
    return bytes.subarray(at - length, at);
  };
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  for (let n = 0; n < count; n++) {
    const timeMs = buffer.readDoubleLE(at);
    at += 8;
    const messageKey = words[varint()] ?? "msg";
    const severity = words[varint()] ?? "";
    const place = bytes[at++] === 1 ? take(PLACE_BYTES) : undefined;
    const length = varint();
    const line = buffer.toString("utf8", at, at + length);
    at += length;
    yield { line, timeMs, place, messageKey, severity };
  }
}

const PLACE_BYTES = 25;
