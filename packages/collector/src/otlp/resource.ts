import { readAttributes, textAt } from "./accessors.js";
import type { OtlpAttribute, OtlpResource, OtlpScope } from "./columns.js";
import { KeyFinder } from "./wanted-keys.js";
import { viewOf, type WireReader } from "./wire.js";

const FINDER = new KeyFinder([
  "service.name",
  "service.version",
  "deployment.environment.name",
  "deployment.environment",
  "service.namespace",
  "service.instance.id",
]);

/** A resource whose well-known texts are read at once and whose attributes on first use. */
export class ResourceEntry implements OtlpResource {
  schemaUrl = "";
  #texts: string[] = ["", "", "", "", "", ""];
  #bytes: Buffer;
  #start = 0;
  #end = 0;
  #attributes: readonly OtlpAttribute[] | undefined;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get serviceName(): string {
    return this.#texts[0] || "unknown_service";
  }

  get serviceVersion(): string {
    return this.#texts[1];
  }

  get environment(): string {
    return this.#texts[2] || this.#texts[3];
  }

  get serviceNamespace(): string {
    return this.#texts[4];
  }

  get serviceInstanceId(): string {
    return this.#texts[5];
  }

  get attributes(): readonly OtlpAttribute[] {
    this.#attributes ??= readAttributes(this.#bytes, this.#start, this.#end, 1);
    return this.#attributes;
  }

  /** Reads the Resource message at the reader's position. */
  read(reader: WireReader, end: number): void {
    this.#start = reader.pos;
    this.#end = end;
    const view = viewOf(reader.bytes);
    while (reader.pos < end) {
      const tag = reader.tag(end);
      if (tag === 10) this.#readAttribute(reader, view, reader.stop(end));
      else reader.skip(tag, end);
    }
    reader.finish(end);
  }

  #readAttribute(reader: WireReader, view: DataView, end: number): void {
    let id = -1;
    let text = "";
    while (reader.pos < end) {
      const tag = reader.tag(end);
      const stop = (tag & 7) === 2 ? reader.stop(end) : 0;
      if (tag === 10) id = FINDER.find(view, reader.pos, stop);
      else if (tag === 18) text = textOfValue(reader, stop);
      if (stop === 0) reader.skip(tag, end);
      else reader.pos = stop;
    }
    reader.finish(end);
    if (id >= 0) this.#texts[id] = text;
  }
}

/** One scope of a resource. */
export class ScopeEntry implements OtlpScope {
  readonly resource: number;
  name = "";
  version = "";
  schemaUrl = "";
  #bytes: Buffer;
  #start = 0;
  #end = 0;
  #attributes: readonly OtlpAttribute[] | undefined;

  constructor(bytes: Buffer, resource: number) {
    this.#bytes = bytes;
    this.resource = resource;
  }

  get attributes(): readonly OtlpAttribute[] {
    this.#attributes ??= readAttributes(this.#bytes, this.#start, this.#end, 3);
    return this.#attributes;
  }

  /** Reads the InstrumentationScope message at the reader's position. */
  read(reader: WireReader, end: number): void {
    this.#start = reader.pos;
    this.#end = end;
    while (reader.pos < end) {
      const tag = reader.tag(end);
      if (tag === 10) this.name = readText(reader, end);
      else if (tag === 18) this.version = readText(reader, end);
      else reader.skip(tag, end);
    }
    reader.finish(end);
  }
}

/** The text of a length-delimited field. */
export function readText(reader: WireReader, end: number): string {
  const stop = reader.stop(end);
  const text = textAt(reader.bytes, reader.pos, stop);
  reader.pos = stop;
  return text;
}

/** The text of an AnyValue that holds a string; "" for any other. */
function textOfValue(reader: WireReader, end: number): string {
  let text = "";
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === 10) text = readText(reader, end);
    else reader.skip(tag, end);
  }
  return text;
}
