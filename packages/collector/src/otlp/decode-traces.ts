// One piece, though long: spans, events and links are read in one pass over the same bytes, and grow their columns together.
import { AttributeBuilder } from "./attribute-builder.js";
import type { DecodeOptions, EventTable, LinkTable, SpanColumns } from "./columns.js";
import { readEnvelope, readId } from "./envelope.js";
import { grownFloat64, grownUint8, grownUint32 } from "./growth.js";
import { INVALID_SPAN_ID, INVALID_TRACE_ID } from "./validate.js";
import { asBuffer, uint32At, WireReader } from "./wire.js";

/** 2^32, the weight of a uint64's upper half. */
const HIGH = 0x1_0000_0000;

/**
 * Reads an ExportTraceServiceRequest in one pass.
 *
 * @throws {CollectorError} OTLP_MALFORMED when the bytes are not protobuf; a span without valid ids does not throw
 * but is left out and counted in `rejectedCount`.
 */
export function decodeTraces(body: Uint8Array, options: DecodeOptions = {}): SpanColumns {
  const spans = new SpanBuilder(new WireReader(asBuffer(body)), options);
  return spans.read();
}

class SpanBuilder {
  #reader: WireReader;
  #attributes: AttributeBuilder;
  #events: EventBuilder | undefined;
  #links: LinkBuilder | undefined;
  #rows = 0;
  #rejected = 0;
  #rejectedReason = "";
  #scope: Uint32Array;
  #traceId: Uint32Array;
  #spanId: Uint32Array;
  #parentSpanId: Uint32Array;
  #traceStateStart: Uint32Array;
  #traceStateEnd: Uint32Array;
  #nameStart: Uint32Array;
  #nameEnd: Uint32Array;
  #kind: Uint8Array;
  #flags: Uint32Array;
  #startTime: Uint32Array;
  #endTime: Uint32Array;
  #startTimeMs: Float64Array;
  #endTimeMs: Float64Array;
  #durationNanos: Float64Array;
  #statusCode: Uint8Array;
  #statusMessageStart: Uint32Array;
  #statusMessageEnd: Uint32Array;
  #droppedAttributesCount: Uint32Array;
  // What the Status of the span being read said.
  #status = 0;
  #messageStart = 0;
  #messageEnd = 0;

  constructor(reader: WireReader, options: DecodeOptions) {
    this.#reader = reader;
    // A span of an SDK takes 200 to 1,000 bytes; the columns double where these are smaller.
    const capacity = 8 + (reader.bytes.length >>> 8);
    this.#attributes = new AttributeBuilder(reader, options.attributes, capacity, capacity * 4);
    this.#events = options.events === false ? undefined : new EventBuilder(reader, options);
    this.#links = options.links === false ? undefined : new LinkBuilder(reader, options);
    this.#scope = new Uint32Array(capacity);
    this.#traceId = new Uint32Array(capacity);
    this.#spanId = new Uint32Array(capacity);
    this.#parentSpanId = new Uint32Array(capacity);
    this.#traceStateStart = new Uint32Array(capacity);
    this.#traceStateEnd = new Uint32Array(capacity);
    this.#nameStart = new Uint32Array(capacity);
    this.#nameEnd = new Uint32Array(capacity);
    this.#kind = new Uint8Array(capacity);
    this.#flags = new Uint32Array(capacity);
    this.#startTime = new Uint32Array(capacity);
    this.#endTime = new Uint32Array(capacity);
    this.#startTimeMs = new Float64Array(capacity);
    this.#endTimeMs = new Float64Array(capacity);
    this.#durationNanos = new Float64Array(capacity);
    this.#statusCode = new Uint8Array(capacity);
    this.#statusMessageStart = new Uint32Array(capacity);
    this.#statusMessageEnd = new Uint32Array(capacity);
    this.#droppedAttributesCount = new Uint32Array(capacity);
  }

  read(): SpanColumns {
    const envelope = readEnvelope(this.#reader, (end, scope) => this.#readSpan(end, scope));
    return {
      signal: "traces",
      bytes: this.#reader.bytes,
      resources: envelope.resources,
      scopes: envelope.scopes,
      rejectedCount: this.#rejected,
      rejectedReason: this.#rejectedReason,
      rowCount: this.#rows,
      scope: this.#scope,
      traceId: this.#traceId,
      spanId: this.#spanId,
      parentSpanId: this.#parentSpanId,
      traceStateStart: this.#traceStateStart,
      traceStateEnd: this.#traceStateEnd,
      nameStart: this.#nameStart,
      nameEnd: this.#nameEnd,
      kind: this.#kind,
      flags: this.#flags,
      startTime: this.#startTime,
      endTime: this.#endTime,
      startTimeMs: this.#startTimeMs,
      endTimeMs: this.#endTimeMs,
      durationNanos: this.#durationNanos,
      statusCode: this.#statusCode,
      statusMessageStart: this.#statusMessageStart,
      statusMessageEnd: this.#statusMessageEnd,
      attributes: this.#attributes.table(),
      droppedAttributesCount: this.#droppedAttributesCount,
      events: this.#events?.table() ?? emptyEvents(this.#reader, this.#rows),
      links: this.#links?.table() ?? emptyLinks(this.#reader, this.#rows),
    };
  }

  #readSpan(end: number, scope: number): void {
    const reader = this.#reader;
    // Gathered in variables and stored at the end, so that a rejected span leaves no trace in the columns.
    let traceId = 0;
    let spanId = 0;
    let parentSpanId = 0;
    let traceStateStart = 0;
    let traceStateEnd = 0;
    let nameStart = 0;
    let nameEnd = 0;
    let kind = 0;
    let flags = 0;
    let startTime = 0;
    let endTime = 0;
    let dropped = 0;
    this.#status = 0;
    this.#messageStart = 0;
    this.#messageEnd = 0;
    while (reader.pos < end) {
      const tag = reader.tag(end);
      switch (tag) {
        case 10:
          traceId = readId(reader, end, 16);
          break;
        case 18:
          spanId = readId(reader, end, 8);
          break;
        case 26:
          traceStateEnd = reader.stop(end);
          traceStateStart = reader.pos;
          reader.pos = traceStateEnd;
          break;
        case 34:
          parentSpanId = readId(reader, end, 8);
          break;
        case 42:
          nameEnd = reader.stop(end);
          nameStart = reader.pos;
          reader.pos = nameEnd;
          break;
        case 48:
          kind = reader.varint32();
          break;
        case 57:
          startTime = reader.fixed64(end);
          break;
        case 65:
          endTime = reader.fixed64(end);
          break;
        case 74:
          this.#attributes.add(reader.stop(end));
          break;
        case 80:
          dropped = reader.varint32();
          break;
        case 90:
          if (this.#events) this.#events.add(reader.stop(end));
          else reader.pos = reader.stop(end);
          break;
        case 106:
          if (this.#links) this.#links.add(reader.stop(end));
          else reader.pos = reader.stop(end);
          break;
        case 122:
          this.#readStatus(reader.stop(end));
          break;
        case 133:
          flags = reader.fixed32(end);
          break;
        default:
          reader.skip(tag, end);
      }
    }
    reader.finish(end);
    if (traceId === 0 || spanId === 0) {
      this.#reject(traceId === 0 ? INVALID_TRACE_ID : INVALID_SPAN_ID);
      return;
    }
    const row = this.#rows;
    if (row === this.#kind.length) this.#grow();
    this.#scope[row] = scope;
    this.#traceId[row] = traceId;
    this.#spanId[row] = spanId;
    this.#parentSpanId[row] = parentSpanId;
    this.#traceStateStart[row] = traceStateStart;
    this.#traceStateEnd[row] = traceStateEnd;
    this.#nameStart[row] = nameStart;
    this.#nameEnd[row] = nameEnd;
    this.#kind[row] = kind > 5 ? 0 : kind;
    this.#flags[row] = flags;
    this.#droppedAttributesCount[row] = dropped;
    this.#statusCode[row] = this.#status > 2 ? 0 : this.#status;
    this.#statusMessageStart[row] = this.#messageStart;
    this.#statusMessageEnd[row] = this.#messageEnd;
    this.#storeTimes(row, startTime, endTime);
    this.#attributes.endRow();
    this.#events?.endRow();
    this.#links?.endRow();
    this.#rows++;
  }

  #storeTimes(row: number, startTime: number, endTime: number): void {
    const bytes = this.#reader.bytes;
    this.#startTime[row] = startTime;
    this.#endTime[row] = endTime;
    const startHigh = startTime === 0 ? 0 : uint32At(bytes, startTime + 4);
    const startLow = startTime === 0 ? 0 : uint32At(bytes, startTime);
    const endHigh = endTime === 0 ? 0 : uint32At(bytes, endTime + 4);
    const endLow = endTime === 0 ? 0 : uint32At(bytes, endTime);
    this.#startTimeMs[row] = (startHigh * HIGH + startLow) / 1e6;
    this.#endTimeMs[row] = (endHigh * HIGH + endLow) / 1e6;
    // The halves are subtracted apart: nanoseconds since 1970 do not fit a double, their difference does.
    const nanos = (endHigh - startHigh) * HIGH + (endLow - startLow);
    this.#durationNanos[row] = Math.max(nanos, 0);
  }

  #readStatus(end: number): void {
    const reader = this.#reader;
    while (reader.pos < end) {
      const tag = reader.tag(end);
      if (tag === 24) this.#status = reader.varint32();
      else if (tag === 18) {
        this.#messageEnd = reader.stop(end);
        this.#messageStart = reader.pos;
        reader.pos = this.#messageEnd;
      } else reader.skip(tag, end);
    }
    reader.finish(end);
  }

  #reject(reason: string): void {
    if (this.#rejected++ === 0) this.#rejectedReason = reason;
    this.#attributes.cut(this.#rows);
    this.#events?.cut(this.#rows);
    this.#links?.cut(this.#rows);
  }

  #grow(): void {
    const capacity = this.#kind.length * 2;
    this.#scope = grownUint32(this.#scope, capacity);
    this.#traceId = grownUint32(this.#traceId, capacity);
    this.#spanId = grownUint32(this.#spanId, capacity);
    this.#parentSpanId = grownUint32(this.#parentSpanId, capacity);
    this.#traceStateStart = grownUint32(this.#traceStateStart, capacity);
    this.#traceStateEnd = grownUint32(this.#traceStateEnd, capacity);
    this.#nameStart = grownUint32(this.#nameStart, capacity);
    this.#nameEnd = grownUint32(this.#nameEnd, capacity);
    this.#kind = grownUint8(this.#kind, capacity);
    this.#flags = grownUint32(this.#flags, capacity);
    this.#startTime = grownUint32(this.#startTime, capacity);
    this.#endTime = grownUint32(this.#endTime, capacity);
    this.#startTimeMs = grownFloat64(this.#startTimeMs, capacity);
    this.#endTimeMs = grownFloat64(this.#endTimeMs, capacity);
    this.#durationNanos = grownFloat64(this.#durationNanos, capacity);
    this.#statusCode = grownUint8(this.#statusCode, capacity);
    this.#statusMessageStart = grownUint32(this.#statusMessageStart, capacity);
    this.#statusMessageEnd = grownUint32(this.#statusMessageEnd, capacity);
    this.#droppedAttributesCount = grownUint32(this.#droppedAttributesCount, capacity);
  }
}

class EventBuilder {
  #reader: WireReader;
  #attributes: AttributeBuilder;
  #rows = 0;
  #first: Uint32Array = new Uint32Array(16);
  #time: Uint32Array = new Uint32Array(16);
  #timeMs: Float64Array = new Float64Array(16);
  #nameStart: Uint32Array = new Uint32Array(16);
  #nameEnd: Uint32Array = new Uint32Array(16);

  constructor(reader: WireReader, options: DecodeOptions) {
    this.#reader = reader;
    this.#attributes = new AttributeBuilder(reader, options.attributes, 16, 32);
  }

  /** Reads one Span.Event. */
  add(end: number): void {
    const reader = this.#reader;
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
    this.#timeMs[event] =
      time === 0 ? 0 : (uint32At(reader.bytes, time + 4) * HIGH + uint32At(reader.bytes, time)) / 1e6;
    this.#nameStart[event] = nameStart;
    this.#nameEnd[event] = nameEnd;
    this.#attributes.endRow();
  }

  endRow(): void {
    this.#rows++;
    if (this.#rows >= this.#first.length) this.#first = grownUint32(this.#first, this.#rows * 2 + 1);
    this.#first[this.#rows] = this.#attributes.rows;
  }

  cut(rows: number): void {
    this.#rows = rows;
    this.#attributes.cut(this.#first[rows]);
  }

  table(): EventTable {
    return {
      first: this.#first,
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

class LinkBuilder {
  #reader: WireReader;
  #attributes: AttributeBuilder;
  #rows = 0;
  #first: Uint32Array = new Uint32Array(16);
  #traceId: Uint32Array = new Uint32Array(16);
  #spanId: Uint32Array = new Uint32Array(16);
  #traceStateStart: Uint32Array = new Uint32Array(16);
  #traceStateEnd: Uint32Array = new Uint32Array(16);

  constructor(reader: WireReader, options: DecodeOptions) {
    this.#reader = reader;
    this.#attributes = new AttributeBuilder(reader, options.attributes, 16, 16);
  }

  /** Reads one Span.Link. */
  add(end: number): void {
    const reader = this.#reader;
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
    this.#rows++;
    if (this.#rows >= this.#first.length) this.#first = grownUint32(this.#first, this.#rows * 2 + 1);
    this.#first[this.#rows] = this.#attributes.rows;
  }

  cut(rows: number): void {
    this.#rows = rows;
    this.#attributes.cut(this.#first[rows]);
  }

  table(): LinkTable {
    return {
      first: this.#first,
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

function emptyEvents(reader: WireReader, rows: number): EventTable {
  const none = new Uint32Array(0);
  const attributes = new AttributeBuilder(reader, "none", 0, 0).table();
  return {
    first: new Uint32Array(rows + 1),
    count: 0,
    time: none,
    timeMs: new Float64Array(0),
    nameStart: none,
    nameEnd: none,
    attributes,
  };
}

function emptyLinks(reader: WireReader, rows: number): LinkTable {
  const none = new Uint32Array(0);
  const attributes = new AttributeBuilder(reader, "none", 0, 0).table();
  return {
    first: new Uint32Array(rows + 1),
    count: 0,
    traceId: none,
    spanId: none,
    traceStateStart: none,
    traceStateEnd: none,
    attributes,
  };
}
