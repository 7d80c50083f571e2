import type { Attributes, AttributeValue } from "@opentelemetry/api";
import type { ByteWriter } from "./byte-writer.js";

/**
 * Writes one `KeyValue` under `tag` (the repeated attributes field of the message around it).
 * `undefined` and `null` are left out, as OpenTelemetry has it.
 */
export function writeAttribute(writer: ByteWriter, tag: number, key: string, value: unknown): void {
  if (value === undefined || value === null) return;
  const pair = writer.open(tag);
  writer.string(0x0a, key);
  const any = writer.open(0x12);
  writeAnyValue(writer, value);
  writer.close(any);
  writer.close(pair);
}

/** Every attribute of a set, in its own order. */
export function writeAttributes(writer: ByteWriter, tag: number, attributes: Attributes): void {
  for (const key in attributes) writeAttribute(writer, tag, key, attributes[key]);
}

/** Text, and text in lists, cut to `length`; anything else as it is. */
export function truncated(value: unknown, length: number): unknown {
  if (typeof value === "string") return value.length > length ? value.slice(0, length) : value;
  if (!Array.isArray(value) || length === Number.POSITIVE_INFINITY) return value;
  return value.map((item) => (typeof item === "string" ? item.slice(0, length) : item));
}

/** The content of an `AnyValue`: strings, booleans, numbers, arrays, bytes, and plain objects as key-value lists. */
export function writeAnyValue(writer: ByteWriter, value: unknown): void {
  switch (typeof value) {
    case "string":
      writer.string(0x0a, value);
      return;
    case "boolean":
      writer.reserve(2);
      writer.byte(0x10);
      writer.byte(value ? 1 : 0);
      return;
    case "number":
      writer.reserve(11);
      if (Number.isSafeInteger(value)) {
        writer.byte(0x18);
        writer.int64(value);
      } else {
        writer.byte(0x21);
        writer.double(value);
      }
      return;
    case "bigint":
      writer.string(0x0a, value.toString());
      return;
    case "object":
      writeComposite(writer, value);
  }
}

function writeComposite(writer: ByteWriter, value: object | null): void {
  if (value === null) return;
  if (value instanceof Uint8Array) {
    writer.reserve(value.length + 6);
    writer.byte(0x3a);
    writer.varint(value.length);
    writer.raw(value);
    return;
  }
  const isList = Array.isArray(value);
  const list = writer.open(isList ? 0x2a : 0x32);
  if (isList) {
    for (const item of value as readonly AttributeValue[]) {
      const any = writer.open(0x0a);
      writeAnyValue(writer, item);
      writer.close(any);
    }
  } else for (const [key, item] of Object.entries(value)) writeAttribute(writer, 0x0a, key, item);
  writer.close(list);
}
