import { ByteWriter } from "../otlp/byte-writer.js";
import type { ScopeSpansPart } from "./protocol.js";

/** An `ExportTraceServiceRequest` around spans that are bytes already. */
export function tracesRequest(
  resource: Uint8Array,
  scopes: readonly ScopeSpansPart[],
): Uint8Array<ArrayBuffer> {
  const size = scopes.reduce((sum, part) => sum + part.spans.length + part.scope.length + 64, 0);
  const writer = new ByteWriter(size + resource.length + 64);
  const bodies = scopes.map((part) => {
    const head = new ByteWriter(part.scope.length + 16);
    head.reserve(part.scope.length + 12);
    head.byte(0x0a);
    head.varint(part.scope.length);
    head.raw(part.scope);
    const tail = new ByteWriter(64);
    if (part.schemaUrl !== undefined) tail.string(0x1a, part.schemaUrl);
    return { head: head.finished(), spans: part.spans, tail: tail.finished() };
  });
  const inner = bodies.map(({ head, spans, tail }) => head.length + spans.length + tail.length);
  const content =
    lengthDelimitedSize(resource.length) +
    inner.reduce((sum, length) => sum + lengthDelimitedSize(length), 0);
  writer.reserve(10);
  writer.byte(0x0a);
  writer.varint(content);
  writer.reserve(10);
  writer.byte(0x0a);
  writer.varint(resource.length);
  writer.raw(resource);
  bodies.forEach(({ head, spans, tail }, index) => {
    writer.reserve(10);
    writer.byte(0x12);
    writer.varint(inner[index] ?? 0);
    writer.raw(head);
    writer.raw(spans);
    writer.raw(tail);
  });
  return writer.bytes.subarray(0, writer.at);
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
): Uint8Array<ArrayBuffer> {
  return tracesRequest(resource, [{ scope, spans: records, schemaUrl: undefined }]);
}
