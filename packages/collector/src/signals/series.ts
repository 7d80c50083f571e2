import type { Labels, UnixMs } from "@tocsin/model";
import type { SloStatus } from "../slo/status.js";
import type { GroupLatency, GroupTotals } from "./group-book.js";
import { groupLabel } from "./group-keys.js";
import { histogramSeries, tracedSeries } from "./histogram-series.js";
import type { JobSuccess } from "./job-book.js";
import type { PublishedSample } from "./published-sample.js";
import type { VersionBook } from "./service-book.js";
import type { EdgeTotals } from "./service-graph.js";
import type { ServiceSignals } from "./service-signals.js";

/** What is published; `Signals` fits. */
export interface SignalSeriesSource {
  services(nowMs: UnixMs): readonly ServiceSignals[];
  versions(): Iterable<VersionBook>;
  groupTotals(): Iterable<GroupTotals>;
  groupLatencies(nowMs: UnixMs): Iterable<GroupLatency>;
  jobSuccesses(): Iterable<JobSuccess>;
  graphTotals(): Iterable<EdgeTotals>;
}

export interface SeriesOptions {
  /** Histograms as classic series (`_bucket`, `_sum`, `_count`), or as native ones with the same bounds. Default true. */
  readonly classicHistograms?: boolean;
}

/**
 * The golden signals as series, so that PromQL, KEDA and Grafana read them:
 *
 * - `tocsin_service_requests_total`, `tocsin_service_errors_total` by service, version and environment (counters)
 * - `tocsin_service_latency_seconds` by service, environment and quantile, over the last minute
 * - `tocsin_service_saturation_ratio` by service, environment and part
 * - `tocsin_service_message_lag` (messages that wait), `tocsin_service_message_oldest_age_seconds` (of those) and
 *   `tocsin_service_message_age_seconds` by quantile (of those handled in the last minute), by service, environment,
 *   `messaging_system`, `destination` and `consumer_group`
 * - `tocsin_service_group_requests_total`, `tocsin_service_group_errors_total` by service, environment and one attribute
 *   that is grouped by (counters), and `tocsin_service_group_latency_seconds` by quantile, over the last minute
 * - `tocsin_service_last_success_timestamp_seconds` by service, environment and operation, of jobs
 * - OpenTelemetry's histograms of requests, of services that only send spans: see `tracedSeries`
 * - the histograms and counters of OpenTelemetry's service graph connector, `traces_service_graph_request_*`
 */
export function* signalSeries(
  signals: SignalSeriesSource,
  nowMs: UnixMs,
  { classicHistograms = true }: SeriesOptions = {},
): Generator<PublishedSample> {
  const sample = (name: string, labels: Labels, value: number, startMs?: UnixMs): PublishedSample => ({
    labels: { __name__: name, ...labels },
    timeMs: nowMs,
    value,
    ...(startMs === undefined ? {} : { startMs: Math.round(startMs) }),
  });
  for (const version of signals.versions()) {
    const { service, environment, requestsTotal, errorsTotal, firstSeenMs } = version;
    const labels = { service, version: version.version, environment };
    yield sample("tocsin_service_requests_total", labels, requestsTotal, firstSeenMs);
    yield sample("tocsin_service_errors_total", labels, errorsTotal, firstSeenMs);
    yield* tracedSeries(version, nowMs, classicHistograms);
  }
  for (const { service, environment, latencySeconds, saturation, messaging } of signals.services(nowMs)) {
    const labels = { service, environment };
    for (const [quantile, value] of quantiles(latencySeconds)) {
      yield sample("tocsin_service_latency_seconds", { ...labels, quantile }, value);
    }
    for (const [part, value] of Object.entries(saturation.parts)) {
      yield sample("tocsin_service_saturation_ratio", { ...labels, part }, value);
    }
    for (const { system, destination, consumerGroup, lagMessages, oldestSeconds, ageSeconds } of messaging) {
      const of = { ...labels, messaging_system: system, destination, consumer_group: consumerGroup };
      if (lagMessages !== null) yield sample("tocsin_service_message_lag", of, lagMessages);
      if (oldestSeconds !== null)
        yield sample("tocsin_service_message_oldest_age_seconds", of, oldestSeconds);
      for (const [quantile, value] of quantiles(ageSeconds)) {
        yield sample("tocsin_service_message_age_seconds", { ...of, quantile }, value);
      }
    }
  }
  for (const each of signals.groupTotals()) {
    const { service, environment, attribute, value, firstSeenMs } = each;
    const labels = { service, environment, [groupLabel(attribute)]: value };
    yield sample("tocsin_service_group_requests_total", labels, each.requestsTotal, firstSeenMs);
    yield sample("tocsin_service_group_errors_total", labels, each.errorsTotal, firstSeenMs);
  }
  for (const { service, environment, attribute, value, latencySeconds } of signals.groupLatencies(nowMs)) {
    const labels = { service, environment, [groupLabel(attribute)]: value };
    for (const [quantile, seconds] of quantiles(latencySeconds)) {
      yield sample("tocsin_service_group_latency_seconds", { ...labels, quantile }, seconds);
    }
  }
  for (const { service, environment, job, lastSuccessMs } of signals.jobSuccesses()) {
    const labels = { service, environment, operation: job };
    yield sample("tocsin_service_last_success_timestamp_seconds", labels, lastSuccessMs / 1_000);
  }
  for (const edge of signals.graphTotals()) {
    const { clientDurations, serverDurations, firstSeenMs } = edge;
    const labels = { client: edge.client, server: edge.server, connection_type: edge.connectionType };
    const name = "traces_service_graph_request";
    yield sample(`${name}_total`, labels, edge.requestsTotal, firstSeenMs);
    yield sample(`${name}_failed_total`, labels, edge.errorsTotal, firstSeenMs);
    const at = { nowMs, startMs: firstSeenMs, classicHistograms };
    yield* histogramSeries(`${name}_client_seconds`, labels, clientDurations, at);
    if (serverDurations.count > 0)
      yield* histogramSeries(`${name}_server_seconds`, labels, serverDurations, at);
  }
}

/**
 * SLOs as series: `tocsin_slo_burn_rate` by window, `tocsin_slo_error_budget_remaining_ratio`, `tocsin_slo_objective_ratio`
 * and `tocsin_slo_events` by outcome over the period (a gauge, since old events leave it).
 */
export function* sloSeries(statuses: Iterable<SloStatus>, nowMs: UnixMs): Generator<PublishedSample> {
  for (const status of statuses) {
    const labels = { slo: status.name, service: status.service, ...status.group };
    const sample = (__name__: string, value: number, more: Labels = {}): PublishedSample => ({
      labels: { __name__, ...labels, ...more },
      timeMs: nowMs,
      value,
    });
    yield sample("tocsin_slo_objective_ratio", status.objective);
    yield sample("tocsin_slo_error_budget_remaining_ratio", status.budgetRemainingRatio);
    yield sample("tocsin_slo_events", status.good, { outcome: "good" });
    yield sample("tocsin_slo_events", status.bad, { outcome: "bad" });
    for (const [window, rate] of Object.entries(status.burnRates)) {
      if (rate !== null) yield sample("tocsin_slo_burn_rate", rate, { window });
    }
  }
}

function quantiles(latency: {
  p50: number | null;
  p95: number | null;
  p99: number | null;
}): [string, number][] {
  const all = [
    ["0.5", latency.p50],
    ["0.95", latency.p95],
    ["0.99", latency.p99],
  ] as const;
  return all.flatMap(([quantile, value]) => (value === null ? [] : [[quantile, value] as [string, number]]));
}
