import type { OtlpSignal } from "./columns.js";
import { readId } from "./envelope.js";
import { rewriteRequest } from "./rewrite.js";
import { WireReader } from "./wire.js";

/**
 * A request without the items that `validateRequest` rejects, so that nothing behind it meets them again.
 * Metrics without a name go with them, whether they have points or not.
 */
export function validPart(signal: OtlpSignal, body: Uint8Array): Buffer {
  return rewriteRequest(signal, body, {
    item: signal === "traces" ? spanStays : undefined,
    metric: metricStays,
  });
}

function spanStays(bytes: Buffer, start: number, end: number): "keep" | "drop" {
  const reader = new WireReader(bytes, start);
  let traceId = 0;
  let spanId = 0;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === 10) traceId = readId(reader, end, 16);
    else if (tag === 18) spanId = readId(reader, end, 8);
    else reader.skip(tag, end);
  }
  return traceId !== 0 && spanId !== 0 ? "keep" : "drop";
}

function metricStays(bytes: Buffer, start: number, end: number): "keep" | "drop" {
  const reader = new WireReader(bytes, start);
  let hasName = false;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag !== 10) {
      reader.skip(tag, end);
      continue;
    }
    const stop = reader.stop(end);
    hasName = stop > reader.pos;
    reader.pos = stop;
  }
  return hasName ? "keep" : "drop";
}
