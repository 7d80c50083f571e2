import { truncated, writeAnyValue, writeAttribute } from "../otlp/attributes.js";
import type { ByteWriter } from "../otlp/byte-writer.js";
import type { AttributeLimits } from "../send/protocol.js";
import { severityOf } from "./levels.js";

/** A line of a JSON logger and what it does not say itself. */
export interface LogLine {
  readonly line: string;
  readonly timeMs: number;
  /** Trace id (32), span id (16) and flags (2) as digits, or an empty string. */
  readonly place: string;
  readonly messageKey: string;
}

/**
 * Appends the `LogRecord` of one JSON line, with tag and length, in the form of `ScopeLogs.log_records`.
 *
 * Level and message become severity and body; time, process id and host name are in the record or the resource
 * already; `err` becomes the exception attributes of semantic conventions; everything else stays an attribute. A line
 * that is no JSON object becomes the body as it stands. Attributes past the limits are cut, and counted in the record.
 */
export function encodeLogLine(
  writer: ByteWriter,
  { line, timeMs, place, messageKey }: LogLine,
  { attributeCount, attributeValueLength }: AttributeLimits,
): void {
  const fields = parse(line);
  const start = writer.open(0x12);
  const seconds = Math.floor(timeMs / 1000);
  const nanoseconds = Math.round((timeMs - seconds * 1000) * 1e6);
  writer.reserve(18);
  writer.byte(0x09);
  writer.unixNano(seconds, nanoseconds);
  writer.byte(0x59);
  writer.unixNano(seconds, nanoseconds);
  const severity = severityIn(fields?.level);
  if (severity !== undefined) {
    writer.reserve(2);
    writer.byte(0x10);
    writer.byte(severity.number);
    writer.string(0x1a, severity.text);
  }
  const message = fields === undefined ? line.trimEnd() : fields[messageKey];
  if (message !== undefined) {
    const body = writer.open(0x2a);
    writeAnyValue(writer, message);
    writer.close(body);
  }
  let count = 0;
  const write = (key: string, value: unknown): void => {
    if (count++ < attributeCount) writeAttribute(writer, 0x32, key, truncated(value, attributeValueLength));
  };
  for (const key in fields)
    if (key !== messageKey && !TOLD_ELSEWHERE.has(key)) writeField(key, fields[key], write);
  if (count > attributeCount) {
    writer.reserve(6);
    writer.byte(0x38);
    writer.varint(count - attributeCount);
  }
  if (place !== "") writePlace(writer, place);
  writer.close(start);
}

/** Fields that the record or the resource has in a better form. */
const TOLD_ELSEWHERE: ReadonlySet<string> = new Set([
  "level",
  "time",
  "pid",
  "hostname",
  "trace_id",
  "span_id",
  "trace_flags",
]);

function writeField(key: string, value: unknown, write: (key: string, value: unknown) => void): void {
  if (key !== "err" || typeof value !== "object" || value === null) {
    write(key, value);
    return;
  }
  const { type, message, stack, ...rest } = value as Record<string, unknown>;
  if (type !== undefined) write("exception.type", type);
  if (message !== undefined) write("exception.message", message);
  if (stack !== undefined) write("exception.stacktrace", stack);
  if (Object.keys(rest).length > 0) write("err", rest);
}

function severityIn(level: unknown): { number: number; text: string } | undefined {
  if (typeof level === "number") return severityOf(level);
  if (typeof level !== "string") return undefined;
  const number = NAMED_LEVELS[level.toLowerCase()];
  return number === undefined ? undefined : { number, text: level };
}

const NAMED_LEVELS: Readonly<Record<string, number>> = {
  silly: 1,
  trace: 1,
  verbose: 5,
  debug: 5,
  http: 9,
  log: 9,
  info: 9,
  notice: 10,
  warn: 13,
  warning: 13,
  error: 17,
  crit: 18,
  critical: 18,
  alert: 19,
  emerg: 21,
  fatal: 21,
};

function writePlace(writer: ByteWriter, place: string): void {
  writer.reserve(40);
  writer.byte(0x45);
  writer.byte(place.charCodeAt(49) === 49 ? 1 : 0);
  writer.byte(0);
  writer.byte(0);
  writer.byte(0);
  writer.byte(0x4a);
  writer.byte(16);
  writer.hex(place.slice(0, 32));
  writer.byte(0x52);
  writer.byte(8);
  writer.hex(place.slice(32, 48));
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
