import { ValueKind } from "./columns.js";
import { WireReader, WireType } from "./wire.js";

/** Where the key and the AnyValue of the KeyValue at `start`..`end` lie; of fields that come twice the last one. */
export function findKeyValue(
  bytes: Buffer,
  start: number,
  end: number,
): { keyStart: number; keyEnd: number; valueStart: number; valueEnd: number } {
  const reader = new WireReader(bytes, start);
  const found = { keyStart: start, keyEnd: start, valueStart: start, valueEnd: start };
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag !== 10 && tag !== 18) {
      reader.skip(tag, end);
      continue;
    }
    const stop = reader.stop(end);
    if (tag === 10) {
      found.keyStart = reader.pos;
      found.keyEnd = stop;
    } else {
      found.valueStart = reader.pos;
      found.valueEnd = stop;
    }
    reader.pos = stop;
  }
  reader.finish(end);
  return found;
}

/** What an AnyValue holds, and where: a `ValueKind` and the slice of its content. */
export function findValue(
  bytes: Buffer,
  start: number,
  end: number,
): { kind: number; start: number; end: number } {
  const reader = new WireReader(bytes, start);
  let found: { kind: number; start: number; end: number } = { kind: ValueKind.empty, start, end: start };
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if ((tag & 7) === WireType.bytes) {
      const stop = reader.stop(end);
      if (tag >>> 3 <= ValueKind.bytes) found = { kind: tag >>> 3, start: reader.pos, end: stop };
      reader.pos = stop;
    } else {
      const valueStart = reader.pos;
      reader.skip(tag, end);
      if (tag >>> 3 <= ValueKind.bytes) found = { kind: tag >>> 3, start: valueStart, end: reader.pos };
    }
  }
  reader.finish(end);
  return found;
}
