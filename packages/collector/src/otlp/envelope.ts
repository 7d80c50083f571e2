import type { OtlpResource, OtlpScope } from "./columns.js";
import { ResourceEntry, readText, ScopeEntry } from "./resource.js";
import type { WireReader } from "./wire.js";

/** The resources and scopes of a request, filled while its items are read. */
export interface Envelope {
  readonly resources: OtlpResource[];
  readonly scopes: OtlpScope[];
}

/**
 * Walks what the three signals have in common: request → resources (1) → scopes (2) → items (2).
 * `onItem` is called with the reader at an item's first byte and must leave it at `end`.
 */
export function readEnvelope(reader: WireReader, onItem: (end: number, scope: number) => void): Envelope {
  const resources: ResourceEntry[] = [];
  const scopes: ScopeEntry[] = [];
  const end = reader.bytes.length;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === 10) readResourceItems(reader.stop(end));
    else reader.skip(tag, end);
  }
  reader.finish(end);
  return { resources, scopes };

  function readResourceItems(stop: number): void {
    const resource = new ResourceEntry(reader.bytes);
    const index = resources.push(resource) - 1;
    while (reader.pos < stop) {
      const tag = reader.tag(stop);
      if (tag === 10) resource.read(reader, reader.stop(stop));
      else if (tag === 18) readScopeItems(reader.stop(stop), index);
      else if (tag === 26) resource.schemaUrl = readText(reader, stop);
      else reader.skip(tag, stop);
    }
    reader.finish(stop);
  }

  function readScopeItems(stop: number, resource: number): void {
    const scope = new ScopeEntry(reader.bytes, resource);
    const index = scopes.push(scope) - 1;
    while (reader.pos < stop) {
      const tag = reader.tag(stop);
      if (tag === 18) onItem(reader.stop(stop), index);
      else if (tag === 10) scope.read(reader, reader.stop(stop));
      else if (tag === 26) scope.schemaUrl = readText(reader, stop);
      else reader.skip(tag, stop);
    }
    reader.finish(stop);
  }
}

/** Offset of an id of exactly `length` bytes that are not all zero at the reader's position; else 0. Moves past it. */
export function readId(reader: WireReader, end: number, length: number): number {
  const stop = reader.stop(end);
  const start = reader.pos;
  reader.pos = stop;
  return idAt(reader.bytes, start, stop, length);
}

/** `start` where an id of exactly `length` bytes that are not all zero ends at `stop`; else 0. */
export function idAt(bytes: Buffer, start: number, stop: number, length: number): number {
  if (stop - start !== length) return 0;
  for (let index = start; index < stop; index++) if (bytes[index] !== 0) return start;
  return 0;
}
