import type { Labels, UnixMs } from "@tocsin/model";
import type { Histogram } from "@tocsin/promql";
import { OTHER } from "./cardinality-guard.js";
import { DURATION_BOUNDS_SECONDS, type DurationCounts } from "./duration-counts.js";
import type { PublishedSample } from "./published-sample.js";
import type { VersionBook } from "./service-book.js";
import type { TracedOutcome, TracedRoute } from "./traced-requests.js";

/** How histograms are written down. */
export interface HistogramForm {
  readonly nowMs: UnixMs;
  /** When the histogram began. */
  readonly startMs: UnixMs;
  readonly classicHistograms: boolean;
}

/** PromQL's schema of native histograms whose bounds are listed; a sidecar writes it without loading PromQL. */
export const CUSTOM_BUCKETS_SCHEMA = -53;

/** `le` as senders of OpenTelemetry metrics have it: `0.1`, `1.0`. */
const BOUND_TEXTS = DURATION_BOUNDS_SECONDS.map((bound) =>
  Number.isInteger(bound) ? bound.toFixed(1) : String(bound),
);

/** The scope that tells these series from those of a service that measures. */
export const TRACED_SCOPE = "tocsin.spans";

/**
 * What a service that only sends spans would have published if it measured: `http_server_request_duration_seconds`,
 * `rpc_server_call_duration_seconds`, `messaging_process_duration_seconds`, with the labels of semantic conventions.
 * `job` is the service; processes are not told apart, so there is no `instance`.
 */
export function* tracedSeries(
  version: VersionBook,
  nowMs: UnixMs,
  classicHistograms: boolean,
): Generator<PublishedSample> {
  for (const [destination, { traced }] of version.routes.entries()) {
    const name = traced.isEmpty ? undefined : metricName(traced.route);
    if (name === undefined) continue;
    for (const outcome of traced.outcomes()) {
      const labels = {
        ...targetLabels(version),
        ...routeLabels(traced.route, destination),
        ...outcomeLabels(traced.route, outcome),
      };
      const form = { nowMs, startMs: outcome.firstSeenMs, classicHistograms };
      yield* histogramSeries(name, labels, outcome.durations, form);
    }
  }
}

/** One histogram as samples: classic series, or one native histogram with the same bounds. */
export function* histogramSeries(
  name: string,
  labels: Labels,
  durations: DurationCounts,
  { nowMs, startMs, classicHistograms }: HistogramForm,
): Generator<PublishedSample> {
  const sample = (suffix: string, value: number | Histogram, more: Labels = {}): PublishedSample => ({
    labels: { __name__: name + suffix, ...labels, ...more },
    timeMs: nowMs,
    value,
    startMs: Math.round(startMs),
  });
  if (!classicHistograms) {
    yield sample("", nativeHistogram(durations));
    return;
  }
  let upTo = 0;
  for (const [index, le] of BOUND_TEXTS.entries()) {
    upTo += durations.counts[index] ?? 0;
    yield sample("_bucket", upTo, { le });
  }
  yield sample("_bucket", durations.count, { le: "+Inf" });
  yield sample("_sum", durations.sumSeconds);
  yield sample("_count", durations.count);
}

function nativeHistogram({ counts, count, sumSeconds }: DurationCounts): Histogram {
  return {
    schema: CUSTOM_BUCKETS_SCHEMA,
    count,
    sum: sumSeconds,
    zeroThreshold: 0,
    zeroCount: 0,
    positive: { offset: 0, buckets: [...counts] },
    negative: { offset: 0, buckets: [] },
    customValues: DURATION_BOUNDS_SECONDS,
    counterResetHint: "unknown",
  };
}

function metricName({ kind, system }: TracedRoute): string | undefined {
  if (kind === "job") return undefined;
  if (kind === "consumer") return "messaging_process_duration_seconds";
  if (system === "") return undefined;
  return system === "http" ? "http_server_request_duration_seconds" : "rpc_server_call_duration_seconds";
}

function targetLabels({ service, namespace, version, environment }: VersionBook): Labels {
  return {
    job: namespace === "" ? service : `${namespace}/${service}`,
    service_version: version,
    deployment_environment_name: environment,
    otel_scope_name: TRACED_SCOPE,
  };
}

function routeLabels({ kind, system, method, template }: TracedRoute, destination: string): Labels {
  if (kind === "consumer") return { messaging_system: system, messaging_destination_name: destination };
  if (system !== "http") return { rpc_system: system, rpc_method: method };
  return { http_request_method: method === OTHER ? "_OTHER" : method, http_route: template };
}

function outcomeLabels({ kind, system }: TracedRoute, { status, errorType }: TracedOutcome): Labels {
  const name =
    kind === "consumer"
      ? undefined
      : system === "http"
        ? "http_response_status_code"
        : "rpc_response_status_code";
  return { ...(name === undefined ? {} : { [name]: status }), error_type: errorType };
}
