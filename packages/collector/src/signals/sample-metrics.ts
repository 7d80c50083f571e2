import type { Labels, UnixMs } from "@tocsin/model";
import type { Histogram } from "@tocsin/promql";
import { otlpJsonToProtobuf } from "../otlp/index.js";
import {
  type LabelBytes,
  readLabels,
  readWriteRequest,
  type WriteRequestSink,
} from "../remote-write/write-request.js";
import { CUSTOM_BUCKETS_SCHEMA, TRACED_SCOPE } from "./histogram-series.js";
import { LAG_METRICS } from "./lag-book.js";

/** Native histograms of requests, by their names in Prometheus. */
const HISTOGRAMS: Readonly<Record<string, { name: string; unit: string }>> = {
  http_server_request_duration_seconds: { name: "http.server.request.duration", unit: "s" },
  rpc_server_call_duration_seconds: { name: "rpc.server.call.duration", unit: "s" },
  messaging_process_duration_seconds: { name: "messaging.process.duration", unit: "s" },
};

/**
 * Of which one series is the whole reading: a server that sends on splits the series of a metric over its requests, so
 * that a sum over several would now and then lack one.
 */
const READINGS = new Map<string, "gauge" | "counter">([
  ["nodejs_eventloop_lag_p99_seconds", "gauge"],
  ["nodejs_eventloop_lag_min_seconds", "gauge"],
  ["process_cpu_seconds_total", "counter"],
  ["process_resident_memory_bytes", "gauge"],
  ["nodejs_heap_size_used_bytes", "gauge"],
  ...Object.keys(LAG_METRICS).map((name) => [name, "gauge"] as const),
]);

/** Labels that tell who a series is of, as attributes of its resource. */
const RESOURCE_LABELS: Readonly<Record<string, string>> = {
  instance: "service.instance.id",
  service_version: "service.version",
  deployment_environment_name: "deployment.environment.name",
  deployment_environment: "deployment.environment",
};

/** Labels that signals read, as the attributes they were; others stay as they are, to tell series apart. */
const ATTRIBUTES = new Map(
  [
    "http.request.method",
    "http.route",
    "http.response.status_code",
    "error.type",
    "rpc.service",
    "rpc.method",
    "rpc.grpc.status_code",
    "rpc.response.status_code",
    "messaging.system",
    "messaging.destination.name",
    "messaging.consumer.group.name",
  ].map((key) => [key.replaceAll(".", "_"), key]),
);

/**
 * What signals read from samples (remote write, scrapes): native histograms of requests, what tells how full a process is,
 * and how far consumers are behind, as an OTLP metrics request. Everything else is for PromQL alone.
 *
 * @returns undefined where there is none of it
 * @throws {CollectorError} OTLP_MALFORMED
 */
export function metricsOfSamples(body: Uint8Array): Buffer | undefined {
  const sink = new MetricsSink();
  readWriteRequest(body, sink);
  return sink.metrics.length === 0
    ? undefined
    : otlpJsonToProtobuf("metrics", JSON.stringify({ resourceMetrics: sink.metrics }));
}

class MetricsSink implements WriteRequestSink {
  readonly metrics: object[] = [];
  #name = "";
  #labels: Labels = {};

  series(bytes: LabelBytes): void {
    this.#name = "";
    if (!isWanted(bytes)) return;
    this.#labels = readLabels(bytes);
    const { __name__: name = "", job, otel_scope_name: scope } = this.#labels;
    // What we made of spans ourselves was counted as spans.
    if (job !== undefined && scope !== TRACED_SCOPE) this.#name = name;
  }

  sample(timeMs: UnixMs, value: number, isStale: boolean, startMs: UnixMs): void {
    const kind = READINGS.get(this.#name);
    if (kind === undefined || isStale || !Number.isFinite(value)) return;
    const dataPoints = [{ ...this.#point(timeMs, startMs), asDouble: value }];
    this.#add(
      this.#name,
      "",
      kind === "gauge"
        ? { gauge: { dataPoints } }
        : { sum: { ...CUMULATIVE, isMonotonic: true, dataPoints } },
    );
  }

  histogram(timeMs: UnixMs, histogram: Histogram, isStale: boolean, startMs: UnixMs): void {
    const metric = HISTOGRAMS[this.#name];
    if (!metric || isStale || histogram.counterResetHint === "gauge") return;
    const { count, sum, schema, zeroCount, positive } = histogram;
    const common = { ...this.#point(timeMs, startMs), count: whole(count), sum };
    if (schema === CUSTOM_BUCKETS_SCHEMA) {
      const explicitBounds = histogram.customValues ?? [];
      const bucketCounts = Array.from({ length: explicitBounds.length + 1 }, (_, index) =>
        whole(positive.buckets[index - positive.offset] ?? 0),
      );
      const dataPoints = [{ ...common, explicitBounds, bucketCounts }];
      this.#add(metric.name, metric.unit, { histogram: { ...CUMULATIVE, dataPoints } });
      return;
    }
    // Prometheus numbers a bucket by its upper bound, OpenTelemetry by its lower one.
    const buckets = { offset: positive.offset - 1, bucketCounts: positive.buckets.map(whole) };
    const dataPoints = [{ ...common, scale: schema, zeroCount: whole(zeroCount), positive: buckets }];
    this.#add(metric.name, metric.unit, { exponentialHistogram: { ...CUMULATIVE, dataPoints } });
  }

  exemplar(): void {}

  metadata(): void {}

  #point(timeMs: UnixMs, startMs: UnixMs): object {
    const attributes = Object.entries(this.#labels).flatMap(([label, value]) =>
      RESOURCE_LABELS[label] !== undefined || NOT_ATTRIBUTES.has(label)
        ? []
        : [{ key: ATTRIBUTES.get(label) ?? label, value: { stringValue: value } }],
    );
    return { attributes, timeUnixNano: nanos(timeMs), startTimeUnixNano: nanos(startMs) };
  }

  #add(name: string, unit: string, data: object): void {
    const { job = "", otel_scope_name: scope = "" } = this.#labels;
    const slash = job.indexOf("/");
    const attributes = [
      { key: "service.name", value: { stringValue: job.slice(slash + 1) } },
      ...(slash > 0 ? [{ key: "service.namespace", value: { stringValue: job.slice(0, slash) } }] : []),
      ...Object.entries(RESOURCE_LABELS).flatMap(([label, key]) => {
        const value = this.#labels[label];
        return value === undefined ? [] : [{ key, value: { stringValue: value } }];
      }),
    ];
    const metrics = [{ name, unit, ...data }];
    this.metrics.push({ resource: { attributes }, scopeMetrics: [{ scope: { name: scope }, metrics }] });
  }
}

const CUMULATIVE = { aggregationTemporality: 2 };
const NOT_ATTRIBUTES = new Set(["__name__", "job", "otel_scope_name", "otel_scope_version"]);

/** Whether the bytes of the labels hold one of the names; cheaper than to read them all. */
function isWanted({ bytes, start, end }: LabelBytes): boolean {
  // Names come first as everyone writes them: label (10, length), its name (10, 8, "__name__"), its value (18, length).
  const at = start + bytes.subarray(start, end).indexOf(NAME_LABEL);
  if (at < start) return false;
  const length = bytes[at + NAME_LABEL.length + 1] ?? 0;
  // No name of ours needs a second byte for its length.
  if (length >= 128) return false;
  const from = at + NAME_LABEL.length + 2;
  const name = bytes.toString("latin1", from, Math.min(end, from + length));
  return HISTOGRAMS[name] !== undefined || READINGS.has(name);
}

const NAME_LABEL = Buffer.from("\n\u0008__name__", "latin1");

function whole(count: number): string {
  return String(Math.max(0, Math.round(count)));
}

function nanos(ms: UnixMs): string {
  return String(BigInt(Math.max(0, Math.round(ms))) * 1_000_000n);
}
