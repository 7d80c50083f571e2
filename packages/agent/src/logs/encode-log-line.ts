import { truncated, writeAnyValue, writeAttribute } from "../otlp/attributes.js";
import type { ByteWriter } from "../otlp/byte-writer.js";
import type { AttributeLimits } from "../send/protocol.js";
import { type Severity, severityIn, severityNamed, severityOf } from "./levels.js";
import type { LogLine } from "./log-lines.js";
import type { HideSecrets } from "./secret-fields.js";

/**
 * Appends the `LogRecord` of one JSON line, with tag and length, in the form of `ScopeLogs.log_records`.
 *
 * Level and message become severity and body; time, process id and host name are in the record or the resource
 * already; the first field that is an error (`err` as a rule) becomes the exception attributes of semantic conventions;
 * everything else stays an attribute, without the secrets that `hide` knows. A line that is no JSON object becomes the body
 * as it stands. Attributes past the limits are cut, and counted in the record.
 */
export function encodeLogLine(
  writer: ByteWriter,
  { line, timeMs, place, messageKey, severity: word = "" }: LogLine,
  { attributeCount, attributeValueLength }: AttributeLimits,
  hide: HideSecrets = (_key, value) => value,
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
  writeSeverity(writer, severityIn(word) ?? severityOfField(fields?.level));
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
  let isErrorTold = false;
  for (const key in fields) {
    if (key === messageKey || TOLD_ELSEWHERE.has(key)) continue;
    const value = hide(key, fields[key]);
    if (!isErrorTold && isError(value)) {
      isErrorTold = true;
      writeError(key, value, write);
    } else write(key, value);
  }
  if (count > attributeCount) {
    writer.reserve(6);
    writer.byte(0x38);
    writer.varint(count - attributeCount);
  }
  if (place !== undefined) writePlace(writer, place);
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

/** An error in the form that pino's serializer gives it. */
interface WrittenError {
  readonly type?: unknown;
  readonly message?: unknown;
  readonly stack: string;
}

function isError(value: unknown): value is WrittenError {
  return typeof value === "object" && value !== null && typeof (value as WrittenError).stack === "string";
}

function writeError(
  key: string,
  { type, message, stack, ...rest }: WrittenError,
  write: (key: string, value: unknown) => void,
): void {
  if (type !== undefined) write("exception.type", type);
  if (message !== undefined) write("exception.message", message);
  write("exception.stacktrace", stack);
  if (Object.keys(rest).length > 0) write(key, rest);
}

function writeSeverity(writer: ByteWriter, severity: Severity | undefined): void {
  if (severity === undefined) return;
  if (severity.number > 0) {
    writer.reserve(2);
    writer.byte(0x10);
    writer.byte(severity.number);
  }
  writer.string(0x1a, severity.text);
}

function severityOfField(level: unknown): Severity | undefined {
  if (typeof level === "number") return severityOf(level);
  return typeof level === "string" ? severityNamed(level) : undefined;
}

function writePlace(writer: ByteWriter, place: Uint8Array): void {
  writer.reserve(40);
  writer.byte(0x45);
  writer.byte(place[24] ?? 0);
  writer.byte(0);
  writer.byte(0);
  writer.byte(0);
  writer.byte(0x4a);
  writer.byte(16);
  writer.raw(place.subarray(0, 16));
  writer.byte(0x52);
  writer.byte(8);
  writer.raw(place.subarray(16, 24));
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
