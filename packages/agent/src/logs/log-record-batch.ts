import type { HrTime } from "@opentelemetry/api";
import type { LogRecordProcessor, SdkLogRecord } from "@opentelemetry/sdk-logs";
import { writeAnyValue, writeAttribute } from "../otlp/attributes.js";
import { ByteWriter } from "../otlp/byte-writer.js";

/** Encoded log records of one instrumentation scope. */
export interface LogRecordsPart {
  readonly scope: { readonly name: string; readonly version?: string };
  readonly records: Uint8Array;
  readonly count: number;
}

/** Log records made by OpenTelemetry's Logs API, encoded as they come, by scope. */
export class LogRecordBatch implements LogRecordProcessor {
  private scopes = new Map<
    string,
    { part: Omit<LogRecordsPart, "records" | "count">; writer: ByteWriter; count: number }
  >();
  private readonly flush: () => Promise<void>;
  private readonly limitBytes: number;

  constructor(deps: { flush: () => Promise<void>; limitBytes: number }) {
    this.flush = deps.flush;
    this.limitBytes = deps.limitBytes;
  }

  onEmit(record: SdkLogRecord): void {
    const scope = record.instrumentationScope;
    const key = `${scope.name} ${scope.version}`;
    let entry = this.scopes.get(key);
    if (entry === undefined) {
      entry = { part: { scope }, writer: new ByteWriter(), count: 0 };
      this.scopes.set(key, entry);
    }
    encode(entry.writer, record);
    entry.count++;
    if (entry.writer.at >= this.limitBytes) void this.flush();
  }

  take(): LogRecordsPart[] {
    const parts = Array.from(this.scopes.values(), ({ part, writer, count }) => ({
      ...part,
      records: writer.bytes.subarray(0, writer.at),
      count,
    }));
    this.scopes = new Map();
    return parts;
  }

  forceFlush(): Promise<void> {
    return this.flush();
  }

  shutdown(): Promise<void> {
    return this.flush();
  }
}

function encode(writer: ByteWriter, record: SdkLogRecord): void {
  const start = writer.open(0x12);
  writer.reserve(24);
  writeTime(writer, 0x09, record.hrTime);
  writeTime(writer, 0x59, record.hrTimeObserved);
  if (record.severityNumber !== undefined) {
    writer.byte(0x10);
    writer.varint(record.severityNumber);
  }
  if (record.severityText !== undefined) writer.string(0x1a, record.severityText);
  if (record.body !== undefined) {
    const body = writer.open(0x2a);
    writeAnyValue(writer, record.body);
    writer.close(body);
  }
  for (const key in record.attributes) writeAttribute(writer, 0x32, key, record.attributes[key]);
  writer.reserve(45);
  if (record.droppedAttributesCount > 0) {
    writer.byte(0x38);
    writer.varint(record.droppedAttributesCount);
  }
  const { spanContext } = record;
  if (spanContext !== undefined) {
    writer.byte(0x45);
    writer.byte(spanContext.traceFlags & 0xff);
    writer.byte(0);
    writer.byte(0);
    writer.byte(0);
    writer.byte(0x4a);
    writer.byte(16);
    writer.hex(spanContext.traceId);
    writer.byte(0x52);
    writer.byte(8);
    writer.hex(spanContext.spanId);
  }
  if (record.eventName !== undefined) writer.string(0x62, record.eventName);
  writer.close(start);
}

function writeTime(writer: ByteWriter, tag: number, time: HrTime): void {
  writer.byte(tag);
  writer.unixNano(time[0], time[1]);
}
