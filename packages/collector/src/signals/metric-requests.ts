import {
  attributeKey,
  attributeText,
  type MetricColumns,
  type OtlpMetric,
  type OtlpResource,
} from "../otlp/index.js";
import {
  type ExponentialValues,
  exponentialLatencies,
  exponentialValues,
  FINEST_SCALE,
} from "./exponential-points.js";
import { resourceGroups } from "./group-keys.js";
import { ExplicitLatencies, Observation } from "./observation.js";
import { failureName, isFailure, routeName } from "./outcome.js";
import { releaseOf } from "./release.js";
import type { RequestClass } from "./requests.js";
import { instanceKey } from "./resource-key.js";
import type { PointDelta, SeriesDeltas } from "./series-deltas.js";
import { groupSubject, type MetricOrigin, type SourceChoice } from "./source-choice.js";
import type { ObservationSink } from "./span-requests.js";

/** Histograms of handled requests, and how many seconds one unit of theirs is. */
const REQUEST_METRICS: Readonly<Record<string, { kind: RequestClass; unitSeconds: number }>> = {
  "http.server.request.duration": { kind: "server", unitSeconds: 1 },
  "http.server.duration": { kind: "server", unitSeconds: 0.001 },
  "rpc.server.call.duration": { kind: "server", unitSeconds: 1 },
  "rpc.server.duration": { kind: "server", unitSeconds: 0.001 },
  "messaging.process.duration": { kind: "consumer", unitSeconds: 1 },
};

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, ms: 0.001, us: 1e-6, ns: 1e-9 };

export interface MetricContext {
  readonly choice: SourceChoice;
  readonly deltas: SeriesDeltas;
  readonly groupBy: readonly string[];
  readonly sink: ObservationSink;
  readonly origin: MetricOrigin;
}

/** Finds the requests among metrics: what each point of a request histogram added since the last one. */
export function observeMetricRequests(columns: MetricColumns, context: MetricContext): void {
  const observation = new Observation(context.groupBy);
  observation.source = "metrics";
  for (const metric of columns.metrics) {
    const known = REQUEST_METRICS[metric.name];
    if (!known || (metric.kind !== "histogram" && metric.kind !== "exponentialHistogram")) continue;
    const resource = columns.resources[metric.resource];
    if (!resource) continue;
    const unitSeconds = UNIT_SECONDS[metric.unit] ?? known.unitSeconds;
    const scope = columns.scopes[metric.scope]?.name ?? "";
    const sender = `${instanceKey(resource)}\u0001${scope}\u0001${metric.name}`;
    const ofResource = resourceGroups(resource, context.groupBy);
    for (let point = metric.firstPoint; point < metric.firstPoint + metric.pointCount; point++) {
      observePoint(
        { columns, metric, resource, sender, unitSeconds, kind: known.kind, ofResource, observation },
        point,
        context,
      );
    }
  }
}

interface PointContext {
  readonly columns: MetricColumns;
  readonly metric: OtlpMetric;
  readonly resource: OtlpResource;
  readonly sender: string;
  readonly unitSeconds: number;
  readonly kind: RequestClass;
  /** What the resource says of the attributes that are grouped by. */
  readonly ofResource: readonly string[];
  /** Filled anew for every point. */
  readonly observation: Observation;
}

const NO_VALUE_FLAG = 1;

function observePoint(
  context: PointContext,
  point: number,
  { choice, deltas, groupBy, sink, origin }: MetricContext,
): void {
  const { columns, metric, resource, kind, observation } = context;
  const timeMs = columns.timeMs[point] ?? 0;
  if (timeMs <= 0 || ((columns.flags[point] ?? 0) & NO_VALUE_FLAG) !== 0) return;
  const instance = instanceKey(resource);
  const labels = pointLabels(columns, point);
  const isExponential = metric.kind === "exponentialHistogram";
  const values = isExponential
    ? exponentialValues(columns, point)
    : { values: explicitValues(columns, point), scale: FINEST_SCALE };
  const delta = addedBy(context, point, labels, values, deltas);
  // The same requests may come by OTLP and from a page that is scraped, under two names of one process.
  if (!choice.countsOrigin(kind, resource.serviceName, origin, timeMs)) return;
  const count = delta ? sumOf(delta.values) : 0;
  // The choice is told of every point, whether it added something or not.
  const toMs = delta && count > 0 ? delta.toMs : Number.NEGATIVE_INFINITY;
  const counts = toMs > choice.countsMetricAfter(kind, resource.serviceName, instance, timeMs);
  const grouped = groupBy.filter((key, index) => {
    const value = labels.get(key) ?? context.ofResource[index] ?? "";
    observation.groupValues[index] = value;
    if (value === "") return false;
    return toMs > choice.countsMetricAfter(kind, groupSubject(resource.serviceName, key), instance, timeMs);
  });
  if (!delta || (!counts && grouped.length === 0)) return;
  fill(context, labels, delta, count);
  observation.latencies = isExponential
    ? exponentialLatencies(context.unitSeconds, delta)
    : new ExplicitLatencies(explicitBounds(columns, point), delta.values, context.unitSeconds);
  if (counts) sink.request(observation);
  for (const key of grouped) sink.grouped(observation, key);
}

function fill(
  { resource, kind, observation }: PointContext,
  labels: ReadonlyMap<string, string>,
  delta: PointDelta,
  count: number,
): void {
  observation.kind = kind;
  observation.service = resource.serviceName;
  observation.namespace = resource.serviceNamespace;
  observation.version = releaseOf(resource).version;
  observation.environment = resource.environment;
  observation.instance = instanceKey(resource);
  observation.route = routeOf(labels, kind);
  observation.system = labels.get("messaging.system") ?? "";
  observation.consumerGroup = labels.get("messaging.consumer.group.name") ?? "";
  observation.fromSecond = Math.floor(delta.fromMs / 1_000);
  observation.toSecond = Math.max(observation.fromSecond, Math.ceil(delta.toMs / 1_000) - 1);
  observation.count = count;
  const outcome = {
    httpStatus: labels.get("http.response.status_code") ?? labels.get("http.status_code") ?? "",
    rpcStatus: labels.get("rpc.grpc.status_code") ?? labels.get("rpc.response.status_code") ?? "",
    errorType: labels.get("error.type") ?? "",
    isSpanError: false,
  };
  observation.isError = isFailure(outcome);
  observation.errorType = observation.isError ? failureName(outcome) : "";
}

function addedBy(
  { columns, metric, sender }: PointContext,
  point: number,
  labels: ReadonlyMap<string, string>,
  { values, scale }: ExponentialValues,
  deltas: SeriesDeltas,
): PointDelta | undefined {
  const startMs = columns.startTimeMs[point] ?? 0;
  const timeMs = columns.timeMs[point] ?? 0;
  if (metric.temporality === "delta")
    return { fromMs: startMs > 0 ? startMs : timeMs, toMs: timeMs, values, scale };
  return deltas.next(sender, seriesKey(labels), startMs, timeMs, values, scale);
}

/** All attributes of a point, since any of them may tell two series apart. */
function pointLabels(columns: MetricColumns, point: number): ReadonlyMap<string, string> {
  const labels = new Map<string, string>();
  const { attributes } = columns;
  const end = attributes.first[point + 1] ?? 0;
  for (let index = attributes.first[point] ?? 0; index < end; index++) {
    labels.set(attributeKey(attributes, index), attributeText(attributes, index));
  }
  return labels;
}

function seriesKey(labels: ReadonlyMap<string, string>): string {
  return [...labels]
    .map(([key, value]) => `${key}\u0002${value}`)
    .sort()
    .join("\u0003");
}

function routeOf(labels: ReadonlyMap<string, string>, kind: RequestClass): string {
  if (kind === "consumer") {
    return labels.get("messaging.destination.name") ?? labels.get("messaging.destination") ?? "";
  }
  const rpcMethod = labels.get("rpc.method");
  if (rpcMethod !== undefined) {
    const service = labels.get("rpc.service");
    return service === undefined ? rpcMethod : `${service}/${rpcMethod}`;
  }
  const method = labels.get("http.request.method") ?? labels.get("http.method") ?? "";
  return routeName(method, labels.get("http.route") ?? "");
}

function explicitValues({ bucketFirst, bucketCounts, count }: MetricColumns, point: number): Float64Array {
  const counts = bucketCounts.subarray(bucketFirst[point] ?? 0, bucketFirst[point + 1] ?? 0);
  // A histogram may come with its count alone.
  return counts.length > 0 ? counts : Float64Array.of(count[point] ?? 0);
}

function explicitBounds({ boundFirst, bounds }: MetricColumns, point: number): Float64Array {
  return bounds.subarray(boundFirst[point] ?? 0, boundFirst[point + 1] ?? 0);
}

function sumOf(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}
