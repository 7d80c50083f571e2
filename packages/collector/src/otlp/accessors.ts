import type { AttributeTable, OtlpAttribute, OtlpValue } from "./columns.js";
import { ValueKind } from "./columns.js";
import { doubleAt, malformed, WireReader } from "./wire.js";

/** Arrays and kvlists inside each other that are read before the input is called hostile. */
export const MAX_VALUE_DEPTH = 32;

/** The text of a slice; bytes that are not UTF-8 read as U+FFFD. */
export function textAt(bytes: Buffer, start: number, end: number): string {
  return start === end ? "" : bytes.toString("utf8", start, end);
}

/** Lower-case hex of an id of `length` bytes (16 or 8); "" where `offset` is 0. */
export function hexAt(bytes: Buffer, offset: number, length: 8 | 16): string {
  return offset === 0 ? "" : bytes.toString("hex", offset, offset + length);
}

/** Exact nanoseconds of the fixed64 at `offset`; 0n where `offset` is 0. */
export function nanosAt(bytes: Buffer, offset: number): bigint {
  return offset === 0 ? 0n : bytes.readBigUInt64LE(offset);
}

/**
 * The entry of a row's attribute with a wanted key, or -1. `keyId` is an index in the keys given to `wantedKeys`.
 * The last entry wins where a sender repeats a key.
 */
export function attributeOf(table: AttributeTable, row: number, keyId: number): number {
  for (let index = table.first[row + 1] - 1; index >= table.first[row]; index--) {
    if (table.keyId[index] === keyId) return index;
  }
  return -1;
}

/** The entry of a row's attribute by its name, or -1. Slower than `attributeOf`; for tables with all attributes. */
export function attributeNamed(table: AttributeTable, row: number, key: string): number {
  for (let index = table.first[row + 1] - 1; index >= table.first[row]; index--) {
    if (textAt(table.bytes, table.keyStart[index], table.keyEnd[index]) === key) return index;
  }
  return -1;
}

/** The key of an entry. */
export function attributeKey(table: AttributeTable, index: number): string {
  return textAt(table.bytes, table.keyStart[index], table.keyEnd[index]);
}

/** An entry's value as text, as `valueText` gives it. */
export function attributeText(table: AttributeTable, index: number): string {
  return valueText(table.bytes, table.valueKind[index], table.valueStart[index], table.valueEnd[index]);
}

/** An entry's value as a number: ints, doubles, bools (0 or 1) and texts that are numbers; else NaN. */
export function attributeNumber(table: AttributeTable, index: number): number {
  const start = table.valueStart[index];
  switch (table.valueKind[index]) {
    case ValueKind.int:
      return Number(int64At(table.bytes, start));
    case ValueKind.bool:
      return table.bytes[start] === 0 ? 0 : 1;
    case ValueKind.double:
      return doubleAt(table.bytes, start);
    case ValueKind.string: {
      const text = textAt(table.bytes, start, table.valueEnd[index]);
      return text.trim() === "" ? Number.NaN : Number(text);
    }
    default:
      return Number.NaN;
  }
}

/** An entry's value as a JavaScript value. */
export function attributeValue(table: AttributeTable, index: number): OtlpValue {
  return valueAt(table.bytes, table.valueKind[index], table.valueStart[index], table.valueEnd[index]);
}

/**
 * A value as text: strings as they are, numbers and bools as JSON writes them, bytes in base64, arrays and kvlists as
 * JSON, the empty value as "". This is how the OpenTelemetry Collector's ClickHouse exporter writes attributes.
 */
export function valueText(bytes: Buffer, kind: number, start: number, end: number): string {
  switch (kind) {
    case ValueKind.string:
      return textAt(bytes, start, end);
    case ValueKind.bool:
      return bytes[start] === 0 ? "false" : "true";
    case ValueKind.int:
      return String(int64At(bytes, start));
    case ValueKind.double:
      return String(doubleAt(bytes, start));
    case ValueKind.bytes:
      return bytes.toString("base64", start, end);
    case ValueKind.array:
    case ValueKind.kvlist:
      return JSON.stringify(valueAt(bytes, kind, start, end), jsonOfValue);
    default:
      return "";
  }
}

/** A value as a JavaScript value. @throws {CollectorError} OTLP_MALFORMED */
export function valueAt(bytes: Buffer, kind: number, start: number, end: number): OtlpValue {
  switch (kind) {
    case ValueKind.string:
      return textAt(bytes, start, end);
    case ValueKind.bool:
      return bytes[start] !== 0;
    case ValueKind.int: {
      const value = int64At(bytes, start);
      const number = Number(value);
      return Number.isSafeInteger(number) ? number : value;
    }
    case ValueKind.double:
      return doubleAt(bytes, start);
    case ValueKind.bytes:
      return bytes.subarray(start, end);
    case ValueKind.array:
      return readArray(new WireReader(bytes, start), end, 1);
    case ValueKind.kvlist:
      return readKvlist(new WireReader(bytes, start), end, 1);
    default:
      return null;
  }
}

/** The attributes (field `field`) of the message at `start`..`end`, such as a Resource (1) or a scope (3). */
export function readAttributes(bytes: Buffer, start: number, end: number, field: number): OtlpAttribute[] {
  const reader = new WireReader(bytes, start);
  const attributes: OtlpAttribute[] = [];
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === ((field << 3) | 2)) attributes.push(readKeyValue(reader, reader.stop(end), 0));
    else reader.skip(tag, end);
  }
  return attributes;
}

/** A varint as a signed 64-bit integer. */
export function int64At(bytes: Buffer, offset: number): bigint | number {
  let position = offset;
  let value = 0;
  let scale = 1;
  // Seven bytes are 49 bits: exact as a number, and what nearly every integer needs.
  while (position < offset + 7) {
    const byte = bytes[position++];
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
    scale *= 128;
  }
  let exact = BigInt(value);
  for (let shift = 49n; shift < 70n; shift += 7n) {
    const byte = bytes[position++];
    exact |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt.asIntN(64, exact);
  }
  throw malformed("an integer that does not end", offset);
}

function readKeyValue(reader: WireReader, end: number, depth: number): OtlpAttribute {
  let key = "";
  let value: OtlpValue = null;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === 10) {
      const stop = reader.stop(end);
      key = textAt(reader.bytes, reader.pos, stop);
      reader.pos = stop;
    } else if (tag === 18) value = readAnyValue(reader, reader.stop(end), depth);
    else reader.skip(tag, end);
  }
  reader.finish(end);
  return { key, value };
}

function readAnyValue(reader: WireReader, end: number, depth: number): OtlpValue {
  if (depth > MAX_VALUE_DEPTH) throw malformed(`values nested over ${MAX_VALUE_DEPTH} deep`, reader.pos);
  let value: OtlpValue = null;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    const start = reader.pos;
    if (tag === 42) value = readArray(reader, reader.stop(end), depth + 1);
    else if (tag === 50) value = readKvlist(reader, reader.stop(end), depth + 1);
    else if (tag === 10 || tag === 58) {
      const stop = reader.stop(end);
      value = valueAt(reader.bytes, tag >>> 3, reader.pos, stop);
      reader.pos = stop;
    } else {
      reader.skip(tag, end);
      if (tag === 16 || tag === 24 || tag === 33) value = valueAt(reader.bytes, tag >>> 3, start, reader.pos);
    }
  }
  reader.finish(end);
  return value;
}

function readArray(reader: WireReader, end: number, depth: number): OtlpValue[] {
  const values: OtlpValue[] = [];
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === 10) values.push(readAnyValue(reader, reader.stop(end), depth));
    else reader.skip(tag, end);
  }
  reader.finish(end);
  return values;
}

function readKvlist(reader: WireReader, end: number, depth: number): OtlpValue {
  // No prototype: keys come from outside and may be "__proto__".
  const values: Record<string, OtlpValue> = Object.create(null);
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === 10) {
      const { key, value } = readKeyValue(reader, reader.stop(end), depth);
      values[key] = value;
    } else reader.skip(tag, end);
  }
  reader.finish(end);
  return values;
}

function jsonOfValue(this: unknown, _key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  // Buffers have a toJSON of their own, which has run by now; the holder still has the Buffer.
  if (isBufferJson(value)) return Buffer.from(value.data).toString("base64");
  return value;
}

function isBufferJson(value: unknown): value is { type: "Buffer"; data: number[] } {
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) === null) return false;
  return "type" in value && value.type === "Buffer" && "data" in value && Array.isArray(value.data);
}
