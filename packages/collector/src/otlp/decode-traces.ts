import { AttributeBuilder } from "./attribute-builder.js";
import type { DecodeOptions, SpanColumns } from "./columns.js";
import { idAt, readEnvelope } from "./envelope.js";
import { ColumnBlock } from "./growth.js";
import { EventBuilder, LinkBuilder, noEvents, noLinks } from "./span-children.js";
import { INVALID_SPAN_ID, INVALID_TRACE_ID } from "./validate.js";
import { asBuffer, uint32At, WireReader, WireType } from "./wire.js";

/** Bytes of one span in all columns. */
const ROW_BYTES = 3 * 8 + 14 * 4 + 2;
const NO_OFFSETS = new Uint32Array(0);
const NO_NUMBERS = new Float64Array(0);
const NO_CODES = new Uint8Array(0);

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
  readonly #reader: WireReader;
  readonly #attributes: AttributeBuilder;
  readonly #events: EventBuilder | undefined;
  readonly #links: LinkBuilder | undefined;
  #rows = 0;
  #rejected = 0;
  #rejectedReason = "";
  #scope: Uint32Array = NO_OFFSETS;
  #traceId: Uint32Array = NO_OFFSETS;
  #spanId: Uint32Array = NO_OFFSETS;
  #parentSpanId: Uint32Array = NO_OFFSETS;
  #traceStateStart: Uint32Array = NO_OFFSETS;
  #traceStateEnd: Uint32Array = NO_OFFSETS;
  #nameStart: Uint32Array = NO_OFFSETS;
  #nameEnd: Uint32Array = NO_OFFSETS;
  #kind: Uint8Array = NO_CODES;
  #flags: Uint32Array = NO_OFFSETS;
  #startTime: Uint32Array = NO_OFFSETS;
  #endTime: Uint32Array = NO_OFFSETS;
  #startTimeMs: Float64Array = NO_NUMBERS;
  #endTimeMs: Float64Array = NO_NUMBERS;
  #durationNanos: Float64Array = NO_NUMBERS;
  #statusCode: Uint8Array = NO_CODES;
  #statusMessageStart: Uint32Array = NO_OFFSETS;
  #statusMessageEnd: Uint32Array = NO_OFFSETS;
  #droppedAttributesCount: Uint32Array = NO_OFFSETS;
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
    this.#allocate(capacity);
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
      events: this.#events?.table() ?? noEvents(this.#reader.bytes, this.#rows),
      links: this.#links?.table() ?? noLinks(this.#reader.bytes, this.#rows),
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
    const { bytes } = reader;
    let pos = reader.pos;
    while (pos < end) {
      // The position is kept in a variable, and tags and lengths of one byte, which nearly all are, are read in place:
      // this loop sees every field of every span that comes in.
      let tag = bytes[pos++];
      if (tag < 8 || tag >= 0x80) {
        reader.pos = pos - 1;
        tag = reader.tag(end);
        pos = reader.pos;
      }
      let start = pos;
      if ((tag & 7) === WireType.bytes) {
        const length = bytes[pos++];
        start = pos;
        pos += length;
        // False for a read past the end of the bytes, too.
        if (!(length < 0x80 && pos <= end)) {
          reader.pos = start - 1;
          pos = reader.stop(end);
          start = reader.pos;
        }
      }
      switch (tag) {
        case 10:
          traceId = idAt(bytes, start, pos, 16);
          break;
        case 18:
          spanId = idAt(bytes, start, pos, 8);
          break;
        case 26:
          traceStateStart = start;
          traceStateEnd = pos;
          break;
        case 34:
          parentSpanId = idAt(bytes, start, pos, 8);
          break;
        case 42:
          nameStart = start;
          nameEnd = pos;
          break;
        case 57:
          startTime = pos;
          pos += 8;
          break;
        case 65:
          endTime = pos;
          pos += 8;
          break;
        case 74:
          this.#attributes.addAt(start, pos);
          break;
        case 90:
          this.#events?.add(start, pos);
          break;
        case 106:
          this.#links?.add(start, pos);
          break;
        case 122:
          if (start < pos) this.#readStatus(start, pos);
          break;
        case 133:
          flags = uint32At(bytes, pos);
          pos += 4;
          break;
        default:
          reader.pos = pos;
          if (tag === 48) kind = reader.varint32();
          else if (tag === 80) dropped = reader.varint32();
          else if ((tag & 7) !== WireType.bytes) reader.skip(tag, end);
          pos = reader.pos;
      }
    }
    reader.pos = pos;
    reader.finish(end);
    if (traceId === 0 || spanId === 0) {
      this.#reject(traceId === 0 ? INVALID_TRACE_ID : INVALID_SPAN_ID);
      return;
    }
    const row = this.#rows;
    if (row === this.#kind.length) this.#allocate(row * 2);
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

  #readStatus(start: number, end: number): void {
    const reader = this.#reader;
    reader.pos = start;
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

  /** Makes room for `capacity` spans and keeps those that are there. */
  #allocate(capacity: number): void {
    const block = new ColumnBlock(capacity, ROW_BYTES);
    this.#startTimeMs = block.float64(this.#startTimeMs);
    this.#endTimeMs = block.float64(this.#endTimeMs);
    this.#durationNanos = block.float64(this.#durationNanos);
    this.#scope = block.uint32(this.#scope);
    this.#traceId = block.uint32(this.#traceId);
    this.#spanId = block.uint32(this.#spanId);
    this.#parentSpanId = block.uint32(this.#parentSpanId);
    this.#traceStateStart = block.uint32(this.#traceStateStart);
    this.#traceStateEnd = block.uint32(this.#traceStateEnd);
    this.#nameStart = block.uint32(this.#nameStart);
    this.#nameEnd = block.uint32(this.#nameEnd);
    this.#flags = block.uint32(this.#flags);
    this.#startTime = block.uint32(this.#startTime);
    this.#endTime = block.uint32(this.#endTime);
    this.#statusMessageStart = block.uint32(this.#statusMessageStart);
    this.#statusMessageEnd = block.uint32(this.#statusMessageEnd);
    this.#droppedAttributesCount = block.uint32(this.#droppedAttributesCount);
    this.#kind = block.uint8(this.#kind);
    this.#statusCode = block.uint8(this.#statusCode);
  }
}
