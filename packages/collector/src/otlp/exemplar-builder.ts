import { AttributeBuilder } from "./attribute-builder.js";
import type { DecodeOptions, ExemplarTable } from "./columns.js";
import { readId } from "./envelope.js";
import { grownFloat64, grownUint32 } from "./growth.js";
import { RowStarts } from "./row-starts.js";
import { doubleAt, signed64At, uint64At, type WireReader } from "./wire.js";

/** Fills an `ExemplarTable` while its owner walks the points. */
export class ExemplarBuilder {
  #reader: WireReader;
  #skip: boolean;
  #attributes: AttributeBuilder;
  readonly #starts = new RowStarts();
  #time: Uint32Array = new Uint32Array(16);
  #timeMs: Float64Array = new Float64Array(16);
  #value: Float64Array = new Float64Array(16);
  #traceId: Uint32Array = new Uint32Array(16);
  #spanId: Uint32Array = new Uint32Array(16);

  constructor(reader: WireReader, options: DecodeOptions) {
    this.#reader = reader;
    this.#skip = options.exemplars === false;
    this.#attributes = new AttributeBuilder(reader, options.attributes, 16, 16);
  }

  /** Reads one Exemplar. */
  add(end: number): void {
    const reader = this.#reader;
    if (this.#skip) {
      reader.pos = end;
      return;
    }
    const { bytes } = reader;
    let time = 0;
    let value = Number.NaN;
    let traceId = 0;
    let spanId = 0;
    while (reader.pos < end) {
      const tag = reader.tag(end);
      if (tag === 17) time = reader.fixed64(end);
      else if (tag === 25) value = doubleAt(bytes, reader.fixed64(end));
      else if (tag === 49) value = signed64At(bytes, reader.fixed64(end));
      else if (tag === 34) spanId = readId(reader, end, 8);
      else if (tag === 42) traceId = readId(reader, end, 16);
      else if (tag === 58) this.#attributes.add(reader.stop(end));
      else reader.skip(tag, end);
    }
    reader.finish(end);
    const exemplar = this.#attributes.rows;
    if (exemplar === this.#time.length) this.#grow();
    this.#time[exemplar] = time;
    this.#timeMs[exemplar] = time === 0 ? 0 : uint64At(bytes, time) / 1e6;
    this.#value[exemplar] = value;
    this.#traceId[exemplar] = traceId;
    this.#spanId[exemplar] = spanId;
    this.#attributes.endRow();
  }

  endRow(): void {
    this.#starts.endRow(this.#attributes.rows);
  }

  cut(rows: number): void {
    this.#attributes.cut(this.#starts.cut(rows));
  }

  table(): ExemplarTable {
    return {
      first: this.#starts.first,
      count: this.#attributes.rows,
      time: this.#time,
      timeMs: this.#timeMs,
      value: this.#value,
      traceId: this.#traceId,
      spanId: this.#spanId,
      attributes: this.#attributes.table(),
    };
  }

  #grow(): void {
    const capacity = this.#time.length * 2;
    this.#time = grownUint32(this.#time, capacity);
    this.#timeMs = grownFloat64(this.#timeMs, capacity);
    this.#value = grownFloat64(this.#value, capacity);
    this.#traceId = grownUint32(this.#traceId, capacity);
    this.#spanId = grownUint32(this.#spanId, capacity);
  }
}
