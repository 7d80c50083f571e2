import type { StoredSpan, StoredTrace } from "../store/traces/trace.js";

/** Jaeger's JSON of a trace, as its query service gives it and as Grafana's Jaeger source reads it. Times in µs. */
export interface JaegerTrace {
  readonly traceID: string;
  readonly spans: readonly JaegerSpan[];
  readonly processes: Readonly<Record<string, JaegerProcess>>;
  readonly warnings: readonly string[] | null;
}

interface JaegerTag {
  readonly key: string;
  readonly type: "string" | "bool" | "int64" | "float64";
  readonly value: string | boolean | number;
}

interface JaegerProcess {
  readonly serviceName: string;
  readonly tags: readonly JaegerTag[];
}

interface JaegerSpan {
  readonly traceID: string;
  readonly spanID: string;
  readonly operationName: string;
  readonly references: readonly { refType: "CHILD_OF" | "FOLLOWS_FROM"; traceID: string; spanID: string }[];
  readonly startTime: number;
  readonly duration: number;
  readonly tags: readonly JaegerTag[];
  readonly logs: readonly { readonly timestamp: number; readonly fields: readonly JaegerTag[] }[];
  readonly processID: string;
  readonly warnings: null;
}

/** A stored trace in Jaeger's form. */
export function jaegerTrace(trace: StoredTrace): JaegerTrace {
  const processes = new Map<string, { id: string; process: JaegerProcess }>();
  const spans = trace.spans.map((span) => {
    const key = JSON.stringify(span.resourceAttributes);
    const known = processes.get(key) ?? { id: `p${processes.size + 1}`, process: processOf(span) };
    processes.set(key, known);
    return jaegerSpan(span, known.id);
  });
  return {
    traceID: trace.traceId,
    spans,
    processes: Object.fromEntries([...processes.values()].map(({ id, process }) => [id, process])),
    warnings: trace.isTruncated ? ["The trace has more spans than are shown."] : null,
  };
}

function jaegerSpan(span: StoredSpan, processID: string): JaegerSpan {
  return {
    traceID: span.traceId,
    spanID: span.spanId,
    operationName: span.name,
    references: [
      ...(span.parentSpanId === ""
        ? []
        : [{ refType: "CHILD_OF" as const, traceID: span.traceId, spanID: span.parentSpanId }]),
      ...span.links.map((link) => ({
        refType: "FOLLOWS_FROM" as const,
        traceID: link.traceId,
        spanID: link.spanId,
      })),
    ],
    startTime: micros(span.startTimeUnixNano),
    duration: Math.round(span.durationNanos / 1000),
    tags: [...tagsOf(span.attributes), ...ownTags(span)],
    logs: span.events.map((event) => ({
      timestamp: micros(event.timeUnixNano),
      fields: [{ key: "event", type: "string", value: event.name }, ...tagsOf(event.attributes)],
    })),
    processID,
    warnings: null,
  };
}

/** What Jaeger says in tags that OTLP says in fields. */
function ownTags(span: StoredSpan): JaegerTag[] {
  const text = (key: string, value: string): JaegerTag[] =>
    value === "" ? [] : [{ key, type: "string", value }];
  return [
    ...text("span.kind", span.kind === "unspecified" ? "" : span.kind),
    ...text("otel.scope.name", span.scope.name),
    ...text("otel.scope.version", span.scope.version),
    ...text("otel.status_code", span.status.code === "unset" ? "" : span.status.code.toUpperCase()),
    ...text("otel.status_description", span.status.message),
    ...(span.status.code === "error" ? [{ key: "error", type: "bool" as const, value: true }] : []),
    ...text("w3c.tracestate", span.traceState),
  ];
}

function processOf(span: StoredSpan): JaegerProcess {
  const { "service.name": _, ...rest } = span.resourceAttributes;
  return { serviceName: span.service, tags: tagsOf(rest) };
}

/** The store keeps attributes as text; what their type was is not known any more. */
function tagsOf(attributes: Readonly<Record<string, string>>): JaegerTag[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, type: "string", value }));
}

/** Microseconds since the epoch fit into a number, nanoseconds do not. */
function micros(nanos: string): number {
  return Number(BigInt(nanos) / 1000n);
}
