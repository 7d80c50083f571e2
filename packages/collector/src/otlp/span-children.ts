import { AttributeBuilder, noAttributes } from "./attribute-builder.js";
import type { DecodeOptions, EventTable, LinkTable } from "./columns.js";
import { readId } from "./envelope.js";
import { grownFloat64, grownUint32 } from "./growth.js";
import { RowStarts } from "./row-starts.js";
import { uint64At, type WireReader } from "./wire.js";

const NONE = new Uint32Array(0);

/** Fills the events of spans while their owner walks the spans. */
export class EventBuilder {
  readonly #reader: WireReader;
  readonly #attributes: AttributeBuilder;
  readonly #starts = new RowStarts();
  #time: Uint32Array = new Uint32Array(16);
  #timeMs: Float64Array = new Float64Array(16);
  #nameStart: Uint32Array = new Uint32Array(16);
  #nameEnd: Uint32Array = new Uint32Array(16);

  constructor(reader: WireReader, options: DecodeOptions) {
    this.#reader = reader;
    this.#attributes = new AttributeBuilder(reader, options.attributes, 16, 32);
  }

  /** Reads the Span.Event at `start`..`end`. */
  add(start: number, end: number): void {
    const reader = this.#reader;
    reader.pos = start;
    let time = 0;
    let nameStart = 0;
    let nameEnd = 0;
    while (reader.pos < end) {
      const tag = reader.tag(end);
      if (tag === 9) time = reader.fixed64(end);
      else if (tag === 18) {
        nameEnd = reader.stop(end);
        nameStart = reader.pos;
        reader.pos = nameEnd;
      } else if (tag === 26) this.#attributes.add(reader.stop(end));
      else reader.skip(tag, end);
    }
    reader.finish(end);
    const event = this.#attributes.rows;
    if (event === this.#time.length) this.#grow();
    this.#time[event] = time;
    this.#timeMs[event] = time === 0 ? 0 : uint64At(reader.bytes, time) / 1e6;
    this.#nameStart[event] = nameStart;
    this.#nameEnd[event] = nameEnd;
    this.#attributes.endRow();
  }

  endRow(): void {
    this.#starts.endRow(this.#attributes.rows);
  }

  cut(rows: number): void {
    this.#attributes.cut(this.#starts.cut(rows));
  }

  table(): EventTable {
    return {
      first: this.#starts.first,
      count: this.#attributes.rows,
      time: this.#time,
      timeMs: this.#timeMs,
      nameStart: this.#nameStart,
      nameEnd: this.#nameEnd,
      attributes: this.#attributes.table(),
    };
  }

  #grow(): void {
    const capacity = this.#time.length * 2;
    this.#time = grownUint32(this.#time, capacity);
    this.#timeMs = grownFloat64(this.#timeMs, capacity);
    this.#nameStart = grownUint32(this.#nameStart, capacity);
    this.#nameEnd = grownUint32(this.#nameEnd, capacity);
  }
}

/** Fills the links of spans while their owner walks the spans. */
export class LinkBuilder {
  readonly #reader: WireReader;
  readonly #attributes: AttributeBuilder;
  readonly #starts = new RowStarts();
  #traceId: Uint32Array = new Uint32Array(16);
  #spanId: Uint32Array = new Uint32Array(16);
  #traceStateStart: Uint32Array = new Uint32Array(16);
  #traceStateEnd: Uint32Array = new Uint32Array(16);

  constructor(reader: WireReader, options: DecodeOptions) {
    this.#reader = reader;
    this.#attributes = new AttributeBuilder(reader, options.attributes, 16, 16);
  }

  /** Reads the Span.Link at `start`..`end`. */
  add(start: number, end: number): void {
    const reader = this.#reader;
    reader.pos = start;
    let traceId = 0;
    let spanId = 0;
    let stateStart = 0;
    let stateEnd = 0;
    while (reader.pos < end) {
      const tag = reader.tag(end);
      if (tag === 10) traceId = readId(reader, end, 16);
      else if (tag === 18) spanId = readId(reader, end, 8);
      else if (tag === 26) {
        stateEnd = reader.stop(end);
        stateStart = reader.pos;
        reader.pos = stateEnd;
      } else if (tag === 34) this.#attributes.add(reader.stop(end));
      else reader.skip(tag, end);
    }
    reader.finish(end);
    const link = this.#attributes.rows;
    if (link === this.#traceId.length) this.#grow();
    this.#traceId[link] = traceId;
    this.#spanId[link] = spanId;
    this.#traceStateStart[link] = stateStart;
    this.#traceStateEnd[link] = stateEnd;
    this.#attributes.endRow();
  }

  endRow(): void {
    this.#starts.endRow(this.#attributes.rows);
  }

  cut(rows: number): void {
    this.#attributes.cut(this.#starts.cut(rows));
  }

  table(): LinkTable {
    return {
      first: this.#starts.first,
      count: this.#attributes.rows,
      traceId: this.#traceId,
      spanId: this.#spanId,
      traceStateStart: this.#traceStateStart,
      traceStateEnd: this.#traceStateEnd,
      attributes: this.#attributes.table(),
    };
  }

  #grow(): void {
    const capacity = this.#traceId.length * 2;
    this.#traceId = grownUint32(this.#traceId, capacity);
    this.#spanId = grownUint32(this.#spanId, capacity);
    this.#traceStateStart = grownUint32(this.#traceStateStart, capacity);
    this.#traceStateEnd = grownUint32(this.#traceStateEnd, capacity);
  }
}

/** The table of a request whose events nobody asked for. */
export function noEvents(bytes: Buffer, rows: number): EventTable {
  return {
    first: new Uint32Array(rows + 1),
    count: 0,
    time: NONE,
    timeMs: new Float64Array(0),
    nameStart: NONE,
    nameEnd: NONE,
    attributes: noAttributes(bytes),
  };
}

/** The table of a request whose links nobody asked for. */
export function noLinks(bytes: Buffer, rows: number): LinkTable {
  return {
    first: new Uint32Array(rows + 1),
    count: 0,
    traceId: NONE,
    spanId: NONE,
    traceStateStart: NONE,
    traceStateEnd: NONE,
    attributes: noAttributes(bytes),
  };
}
