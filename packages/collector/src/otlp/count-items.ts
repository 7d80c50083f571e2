import type { OtlpSignal } from "./columns.js";
import { type Message, REQUEST } from "./schema.js";
import { asBuffer, WireReader, WireType } from "./wire.js";

/**
 * Spans, log records or metric points of a request that was validated. Only lengths are read: nothing inside of an item
 * is looked at.
 *
 * @throws {CollectorError} OTLP_MALFORMED
 */
export function countItems(signal: OtlpSignal, body: Uint8Array): number {
  const bytes = asBuffer(body);
  return itemsIn(new WireReader(bytes), bytes.length, REQUEST[signal]);
}

function itemsIn(reader: WireReader, end: number, message: Message): number {
  let items = 0;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    const child = (tag & 7) === WireType.bytes ? message.fields[tag >>> 3]?.message : undefined;
    if (child === undefined) {
      reader.skip(tag, end);
      continue;
    }
    const stop = reader.stop(end);
    if (child.role === "item") items++;
    // Resources and scopes hold none; what else there is on the way leads to some.
    else if (child.role === "metric" || child.role === "other") items += itemsIn(reader, stop, child);
    reader.pos = stop;
  }
  reader.finish(end);
  return items;
}
