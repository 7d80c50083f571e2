import type { SpanKindName, SpanStatusName, StoredSpan } from "./trace.js";

type Attributes = Readonly<Record<string, string>>;

/** A row of `SPAN_SELECT`. */
export interface SpanRow {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly name: string;
  readonly kind: string;
  readonly service: string;
  readonly start: string;
  readonly duration: number;
  readonly statusCode: string;
  readonly statusMessage: string;
  readonly attributes: Attributes;
  readonly resourceAttributes: Attributes;
  readonly scopeName: string;
  readonly scopeVersion: string;
  readonly eventTimes: readonly string[];
  readonly eventNames: readonly string[];
  readonly eventAttributes: readonly Attributes[];
  readonly linkTraceIds: readonly string[];
  readonly linkSpanIds: readonly string[];
  readonly linkTraceStates: readonly string[];
  readonly linkAttributes: readonly Attributes[];
}

/** Every column of a span, up to WHERE. */
export const SPAN_SELECT = `SELECT TraceId AS traceId, SpanId AS spanId, ParentSpanId AS parentSpanId, TraceState AS traceState,
  SpanName AS name, SpanKind AS kind, ServiceName AS service,
  toString(toUnixTimestamp64Nano(Timestamp)) AS start, Duration AS duration,
  StatusCode AS statusCode, StatusMessage AS statusMessage,
  SpanAttributes AS attributes, ResourceAttributes AS resourceAttributes, ScopeName AS scopeName, ScopeVersion AS scopeVersion,
  arrayMap(t -> toString(toUnixTimestamp64Nano(t)), Events.Timestamp) AS eventTimes,
  Events.Name AS eventNames, Events.Attributes AS eventAttributes,
  Links.TraceId AS linkTraceIds, Links.SpanId AS linkSpanIds, Links.TraceState AS linkTraceStates, Links.Attributes AS linkAttributes
FROM otel_traces`;

export function spanOfRow(row: SpanRow): StoredSpan {
  return {
    traceId: row.traceId,
    spanId: row.spanId,
    parentSpanId: row.parentSpanId,
    traceState: row.traceState,
    name: row.name,
    kind: row.kind.toLowerCase() as SpanKindName,
    service: row.service,
    startTimeUnixNano: row.start,
    durationNanos: row.duration,
    status: { code: row.statusCode.toLowerCase() as SpanStatusName, message: row.statusMessage },
    attributes: row.attributes,
    resourceAttributes: row.resourceAttributes,
    scope: { name: row.scopeName, version: row.scopeVersion },
    events: row.eventTimes.map((timeUnixNano, at) => ({
      timeUnixNano,
      name: row.eventNames[at] ?? "",
      attributes: row.eventAttributes[at] ?? {},
    })),
    links: row.linkTraceIds.map((traceId, at) => ({
      traceId,
      spanId: row.linkSpanIds[at] ?? "",
      traceState: row.linkTraceStates[at] ?? "",
      attributes: row.linkAttributes[at] ?? {},
    })),
  };
}
