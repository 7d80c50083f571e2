import { otlpJsonToProtobuf } from "../../src/otlp/index.js";
import type { SpoolBatch, SpoolRecord } from "../../src/spool/record.js";

/** A span in few words; times in milliseconds. */
export interface TestSpan {
  service: string;
  name: string;
  trace: string;
  id: string;
  parent?: string;
  startMs: number;
  durationMs: number;
  kind?: number;
  error?: string;
  attributes?: Record<string, unknown>;
  version?: string;
  events?: object[];
  links?: object[];
}

export interface TestLog {
  service: string;
  body: string;
  timeMs: number;
  severity?: number;
  trace?: string;
  span?: string;
  attributes?: Record<string, unknown>;
}

const nanos = (ms: number) => String(BigInt(Math.round(ms * 1000)) * 1000n);

/** An attribute value in OTLP's JSON form. */
export function anyValue(value: unknown): object {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value === "number")
    return Number.isInteger(value) ? { intValue: value } : { doubleValue: value };
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } };
  return { kvlistValue: { values: keyValues(value as Record<string, unknown>) } };
}

export function keyValues(attributes: Record<string, unknown> = {}): object[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }));
}

export function tracesRequest(spans: readonly TestSpan[]): Buffer {
  const resourceSpans = spans.map((span) => ({
    resource: {
      attributes: keyValues({ "service.name": span.service, "service.version": span.version ?? "1.0.0" }),
    },
    scopeSpans: [
      {
        scope: { name: "test", version: "0.1" },
        spans: [
          {
            traceId: span.trace,
            spanId: span.id,
            parentSpanId: span.parent ?? "",
            name: span.name,
            kind: span.kind ?? 2,
            startTimeUnixNano: nanos(span.startMs),
            endTimeUnixNano: nanos(span.startMs + span.durationMs),
            attributes: keyValues(span.attributes),
            events: span.events ?? [],
            links: span.links ?? [],
            status: span.error === undefined ? {} : { code: 2, message: span.error },
          },
        ],
      },
    ],
  }));
  return otlpJsonToProtobuf("traces", JSON.stringify({ resourceSpans }));
}

export function logsRequest(logs: readonly TestLog[]): Buffer {
  const resourceLogs = logs.map((log) => ({
    resource: { attributes: keyValues({ "service.name": log.service, "host.name": "h1" }) },
    scopeLogs: [
      {
        scope: { name: "pino" },
        logRecords: [
          {
            timeUnixNano: nanos(log.timeMs),
            severityNumber: log.severity ?? 9,
            severityText: (log.severity ?? 9) >= 17 ? "ERROR" : "INFO",
            body: { stringValue: log.body },
            attributes: keyValues(log.attributes),
            traceId: log.trace ?? "",
            spanId: log.span ?? "",
          },
        ],
      },
    ],
  }));
  return otlpJsonToProtobuf("logs", JSON.stringify({ resourceLogs }));
}

export function record(signal: SpoolRecord["signal"], body: Buffer, receivedAtMs: number): SpoolRecord {
  return { signal, body, receivedAtMs };
}

/** A batch as the spool hands it out. */
export function batch(token: string, records: readonly SpoolRecord[]): SpoolBatch {
  const ends = records.map((_, index) => ({ segment: 0, offset: (index + 1) / records.length }));
  return { records, ends, token, start: { segment: 0, offset: 0 }, position: { segment: 0, offset: 1 } };
}

/** A trace or span id from a small number. */
export const traceId = (n: number) => `a${n.toString(16).padStart(31, "0")}`;
export const spanId = (n: number) => `b${n.toString(16).padStart(15, "0")}`;
