import { ByteWriter } from "../otlp/byte-writer.js";
import type { ScopeSpansPart } from "./protocol.js";

/**
 * An `ExportTraceServiceRequest` around spans that are bytes already, as the parts that it is sent in: the spans are not
 * copied again.
 */
export function tracesRequest(
  resource: Uint8Array,
  scopes: readonly ScopeSpansPart[],
): Uint8Array<ArrayBufferLike>[] {
  const bodies = scopes.map(({ scope, spans, schemaUrl }) => {
    const head = new ByteWriter(scope.length + 16);
    head.byte(0x0a);
    head.varint(scope.length);
    head.raw(scope);
    const tail = new ByteWriter(64);
    if (schemaUrl !== undefined) tail.string(0x1a, schemaUrl);
    const length = head.at + spans.length + tail.at;
    const open = new ByteWriter(head.at + 16);
    open.byte(0x12);
    open.varint(length);
    open.raw(head.finished());
    return { length, parts: [open.finished(), spans, tail.finished()] };
  });
  const content =
    lengthDelimitedSize(resource.length) +
    bodies.reduce((sum, { length }) => sum + lengthDelimitedSize(length), 0);
  const writer = new ByteWriter(resource.length + 32);
  writer.byte(0x0a);
  writer.varint(content);
  writer.byte(0x0a);
  writer.varint(resource.length);
  writer.raw(resource);
  return [writer.finished(), ...bodies.flatMap(({ parts }) => parts)].filter(({ length }) => length > 0);
}

function lengthDelimitedSize(length: number): number {
  let size = 2;
  for (let rest = length; rest > 127; rest = Math.floor(rest / 128)) size++;
  return size + length;
}

/** An `ExportLogsServiceRequest` around log records that are bytes already, tag and length included. */
export function logsRequest(
  resource: Uint8Array,
  scope: Uint8Array,
  records: Uint8Array,
): Uint8Array<ArrayBufferLike>[] {
  return tracesRequest(resource, [{ scope, spans: records, schemaUrl: undefined }]);
}
