import { WireType } from "./wire.js";

/** A message as the slices it is put together from; nothing is copied before the whole is. */
export class Parts {
  readonly buffers: Buffer[] = [];
  length = 0;

  push(buffer: Buffer): void {
    this.buffers.push(buffer);
    this.length += buffer.length;
  }
}

/** A message that stays as it is, to add fields to. */
export function wholeOf(bytes: Buffer, start: number, end: number): Parts {
  const parts = new Parts();
  parts.push(bytes.subarray(start, end));
  return parts;
}

/** Adds a field that holds a message; `tag` is its tag. */
export function pushField(parts: Parts, tag: number, content: Parts): void {
  parts.push(Buffer.concat([varint(tag), varint(content.length)]));
  for (const buffer of content.buffers) parts.push(buffer);
}

/** A field of text, bytes or a message, encoded. */
export function lengthDelimited(field: number, content: Buffer): Buffer {
  return Buffer.concat([varint((field << 3) | WireType.bytes), varint(content.length), content]);
}

/** A KeyValue with a text, as `RewriteRules.resourceAttributes` wants it. */
export function encodeTextAttribute(key: string, text: string): { key: string; encoded: Buffer } {
  const keyField = lengthDelimited(1, Buffer.from(key));
  return { key, encoded: Buffer.concat([keyField, lengthDelimited(2, encodeTextValue(text))]) };
}

/** An AnyValue with a text. */
export function encodeTextValue(text: string): Buffer {
  return lengthDelimited(1, Buffer.from(text));
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}
