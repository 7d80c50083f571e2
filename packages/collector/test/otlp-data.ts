import { otlpJsonToProtobuf } from "../src/otlp/index.js";

/** Attributes as tests write them. */
export type TestAttributes = Readonly<Record<string, string | number>>;

/** A span of a test; instants in milliseconds since the epoch. */
export interface TestSpan {
  readonly name?: string;
  /** 2 server, 3 client, 5 consumer. */
  readonly kind?: number;
  readonly spanId?: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly endMs: number;
  readonly durationMs: number;
  readonly attributes?: TestAttributes;
  readonly isError?: boolean;
}

/** The bytes of an ExportTraceServiceRequest with one resource. */
export function tracesBody(resource: TestAttributes, spans: readonly TestSpan[]): Buffer {
  const request = {
    resourceSpans: [
      {
        resource: { attributes: keyValues(resource) },
        scopeSpans: [
          {
            scope: { name: "test" },
            spans: spans.map((span, index) => ({
              traceId: "0af7651916cd43dd8448eb211c80319c",
              spanId: span.spanId ?? (index + 1).toString(16).padStart(16, "0"),
              parentSpanId: span.parentSpanId ?? "",
              traceState: span.traceState ?? "",
              name: span.name ?? "request",
              kind: span.kind ?? 2,
              startTimeUnixNano: nanos(span.endMs - span.durationMs),
              endTimeUnixNano: nanos(span.endMs),
              attributes: keyValues(span.attributes ?? {}),
              status: span.isError ? { code: 2 } : {},
            })),
          },
        ],
      },
    ],
  };
  return otlpJsonToProtobuf("traces", JSON.stringify(request));
}

/** One point of a histogram, sum or gauge. */
export interface TestPoint {
  readonly attributes?: TestAttributes;
  readonly startMs?: number;
  readonly timeMs: number;
  /** Sum and gauge. */
  readonly value?: number;
  /** Histogram: counts per bucket, one more than bounds. */
  readonly bucketCounts?: readonly number[];
  readonly bounds?: readonly number[];
  /** Histogram: sum of all values. */
  readonly sum?: number;
  /** Exponential histogram: its positive buckets are `bucketCounts`, the first of them number `offset`. */
  readonly scale?: number;
  readonly offset?: number;
}

export interface TestMetric {
  readonly name: string;
  readonly unit?: string;
  readonly kind: "gauge" | "sum" | "histogram" | "exponentialHistogram";
  readonly temporality?: "delta" | "cumulative";
  readonly isMonotonic?: boolean;
  readonly points: readonly TestPoint[];
}

/** The bytes of an ExportMetricsServiceRequest with one resource. */
export function metricsBody(resource: TestAttributes, metrics: readonly TestMetric[]): Buffer {
  const request = {
    resourceMetrics: [
      {
        resource: { attributes: keyValues(resource) },
        scopeMetrics: [{ scope: { name: "test" }, metrics: metrics.map(metricJson) }],
      },
    ],
  };
  return otlpJsonToProtobuf("metrics", JSON.stringify(request));
}

function metricJson({
  name,
  unit = "",
  kind,
  temporality = "cumulative",
  isMonotonic = true,
  points,
}: TestMetric) {
  const aggregationTemporality = temporality === "delta" ? 1 : 2;
  const dataPoints = points.map((point) => ({
    attributes: keyValues(point.attributes ?? {}),
    startTimeUnixNano: nanos(point.startMs ?? 0),
    timeUnixNano: nanos(point.timeMs),
    ...(kind === "gauge" || kind === "sum" ? { asDouble: point.value } : histogramJson(kind, point)),
  }));
  if (kind === "gauge") return { name, unit, gauge: { dataPoints } };
  if (kind === "sum") return { name, unit, sum: { aggregationTemporality, isMonotonic, dataPoints } };
  return { name, unit, [kind]: { aggregationTemporality, dataPoints } };
}

function histogramJson(kind: "histogram" | "exponentialHistogram", point: TestPoint) {
  const { bucketCounts = [], bounds = [], scale = 0, offset = 0, sum } = point;
  const counts = bucketCounts.map(String);
  return {
    count: String(bucketCounts.reduce((all, each) => all + each, 0)),
    ...(sum !== undefined && { sum }),
    ...(kind === "histogram"
      ? { bucketCounts: counts, explicitBounds: bounds }
      : { scale, positive: { offset, bucketCounts: counts } }),
  };
}

function keyValues(attributes: TestAttributes): unknown[] {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    value: typeof value === "number" ? { intValue: String(value) } : { stringValue: value },
  }));
}

function nanos(ms: number): string {
  return String(BigInt(Math.round(ms * 1_000)) * 1_000n);
}
