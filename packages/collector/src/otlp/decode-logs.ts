import { AttributeBuilder } from "./attribute-builder.js";
import type { DecodeOptions, LogColumns } from "./columns.js";
import { readEnvelope, readId } from "./envelope.js";
import { grownFloat64, grownUint8, grownUint32 } from "./growth.js";
import { asBuffer, uint64At, WireReader } from "./wire.js";

/**
 * Reads an ExportLogsServiceRequest in one pass.
 *
 * @throws {CollectorError} OTLP_MALFORMED when the bytes are not protobuf
 */
export function decodeLogs(body: Uint8Array, options: DecodeOptions = {}): LogColumns {
  return new LogBuilder(new WireReader(asBuffer(body)), options).read();
}

class LogBuilder {
  #reader: WireReader;
  #attributes: AttributeBuilder;
  /** Reads bodies only; its table is not used. */
  #body: AttributeBuilder;
  #rows = 0;
  #scope: Uint32Array;
  #time: Uint32Array;
  #observedTime: Uint32Array;
  #timeMs: Float64Array;
  #severityNumber: Uint8Array;
  #severityTextStart: Uint32Array;
  #severityTextEnd: Uint32Array;
  #bodyKind: Uint8Array;
  #bodyStart: Uint32Array;
  #bodyEnd: Uint32Array;
  #eventNameStart: Uint32Array;
  #eventNameEnd: Uint32Array;
  #traceId: Uint32Array;
  #spanId: Uint32Array;
  #flags: Uint32Array;
  #droppedAttributesCount: Uint32Array;

  constructor(reader: WireReader, options: DecodeOptions) {
    this.#reader = reader;
    const capacity = 8 + (reader.bytes.length >>> 8);
    this.#attributes = new AttributeBuilder(reader, options.attributes, capacity, capacity * 4);
    this.#body = new AttributeBuilder(reader, "none", 0, 0);
    this.#scope = new Uint32Array(capacity);
    this.#time = new Uint32Array(capacity);
    this.#observedTime = new Uint32Array(capacity);
    this.#timeMs = new Float64Array(capacity);
    this.#severityNumber = new Uint8Array(capacity);
    this.#severityTextStart = new Uint32Array(capacity);
    this.#severityTextEnd = new Uint32Array(capacity);
    this.#bodyKind = new Uint8Array(capacity);
    this.#bodyStart = new Uint32Array(capacity);
    this.#bodyEnd = new Uint32Array(capacity);
    this.#eventNameStart = new Uint32Array(capacity);
    this.#eventNameEnd = new Uint32Array(capacity);
    this.#traceId = new Uint32Array(capacity);
    this.#spanId = new Uint32Array(capacity);
    this.#flags = new Uint32Array(capacity);
    this.#droppedAttributesCount = new Uint32Array(capacity);
  }

  read(): LogColumns {
    const envelope = readEnvelope(this.#reader, (end, scope) => this.#readRecord(end, scope));
    return {
      signal: "logs",
      bytes: this.#reader.bytes,
      resources: envelope.resources,
      scopes: envelope.scopes,
      // A log record has no required field, so none is ever left out.
      rejectedCount: 0,
      rejectedReason: "",
      rowCount: this.#rows,
      scope: this.#scope,
      time: this.#time,
      observedTime: this.#observedTime,
      timeMs: this.#timeMs,
      severityNumber: this.#severityNumber,
      severityTextStart: this.#severityTextStart,
      severityTextEnd: this.#severityTextEnd,
      bodyKind: this.#bodyKind,
      bodyStart: this.#bodyStart,
      bodyEnd: this.#bodyEnd,
      eventNameStart: this.#eventNameStart,
      eventNameEnd: this.#eventNameEnd,
      traceId: this.#traceId,
      spanId: this.#spanId,
      flags: this.#flags,
      attributes: this.#attributes.table(),
      droppedAttributesCount: this.#droppedAttributesCount,
    };
  }

  #readRecord(end: number, scope: number): void {
    const reader = this.#reader;
    const row = this.#rows;
    if (row === this.#scope.length) this.#grow();
    this.#scope[row] = scope;
    while (reader.pos < end) {
      const tag = reader.tag(end);
      switch (tag) {
        case 9:
          this.#time[row] = reader.fixed64(end);
          break;
        case 16: {
          const severity = reader.varint32();
          this.#severityNumber[row] = severity > 24 ? 0 : severity;
          break;
        }
        case 26:
          this.#severityTextEnd[row] = reader.stop(end);
          this.#severityTextStart[row] = reader.pos;
          reader.pos = this.#severityTextEnd[row];
          break;
        case 42:
          this.#body.value(reader.stop(end));
          this.#bodyKind[row] = this.#body.valueKind;
          this.#bodyStart[row] = this.#body.valueStart;
          this.#bodyEnd[row] = this.#body.valueEnd;
          break;
        case 50:
          this.#attributes.add(reader.stop(end));
          break;
        case 56:
          this.#droppedAttributesCount[row] = reader.varint32();
          break;
        case 69:
          this.#flags[row] = reader.fixed32(end);
          break;
        case 74:
          this.#traceId[row] = readId(reader, end, 16);
          break;
        case 82:
          this.#spanId[row] = readId(reader, end, 8);
          break;
        case 89:
          this.#observedTime[row] = reader.fixed64(end);
          break;
        case 98:
          this.#eventNameEnd[row] = reader.stop(end);
          this.#eventNameStart[row] = reader.pos;
          reader.pos = this.#eventNameEnd[row];
          break;
        default:
          reader.skip(tag, end);
      }
    }
    reader.finish(end);
    const time = this.#time[row];
    const nanos = time === 0 ? 0 : uint64At(reader.bytes, time);
    const observed = this.#observedTime[row];
    // A time of zero means "unknown" just as an absent one does.
    this.#timeMs[row] = (nanos !== 0 || observed === 0 ? nanos : uint64At(reader.bytes, observed)) / 1e6;
    this.#attributes.endRow();
    this.#rows++;
  }

  #grow(): void {
    const capacity = this.#scope.length * 2;
    this.#scope = grownUint32(this.#scope, capacity);
    this.#time = grownUint32(this.#time, capacity);
    this.#observedTime = grownUint32(this.#observedTime, capacity);
    this.#timeMs = grownFloat64(this.#timeMs, capacity);
    this.#severityNumber = grownUint8(this.#severityNumber, capacity);
    this.#severityTextStart = grownUint32(this.#severityTextStart, capacity);
    this.#severityTextEnd = grownUint32(this.#severityTextEnd, capacity);
    this.#bodyKind = grownUint8(this.#bodyKind, capacity);
    this.#bodyStart = grownUint32(this.#bodyStart, capacity);
    this.#bodyEnd = grownUint32(this.#bodyEnd, capacity);
    this.#eventNameStart = grownUint32(this.#eventNameStart, capacity);
    this.#eventNameEnd = grownUint32(this.#eventNameEnd, capacity);
    this.#traceId = grownUint32(this.#traceId, capacity);
    this.#spanId = grownUint32(this.#spanId, capacity);
    this.#flags = grownUint32(this.#flags, capacity);
    this.#droppedAttributesCount = grownUint32(this.#droppedAttributesCount, capacity);
  }
}
