import type { Labels, UnixMs } from "@tocsin/model";
import type { SloStatus } from "../slo/status.js";
import type { ServiceBook } from "./service-book.js";
import type { GraphEdge } from "./service-graph.js";
import type { ServiceSignals } from "./service-signals.js";

/** A sample as the head takes it. */
export interface PublishedSample {
  /** With `__name__`. */
  readonly labels: Labels;
  readonly timeMs: UnixMs;
  readonly value: number;
}

/** What is published; `Signals` fits. */
export interface SignalSeriesSource {
  services(nowMs: UnixMs): readonly ServiceSignals[];
  versions(): ReturnType<ServiceBook["versions"]>;
  graph(nowMs: UnixMs): readonly GraphEdge[];
}

/**
 * The golden signals as series, so that PromQL, KEDA and Grafana read them:
 *
 * - `tocsin_service_requests_total`, `tocsin_service_errors_total` by service, version and environment (counters)
 * - `tocsin_service_latency_seconds` by service, environment and quantile, over the last minute
 * - `tocsin_service_saturation_ratio` by service, environment and part
 * - `traces_service_graph_request_total`, `traces_service_graph_request_failed_total` by client and server (counters),
 *   and `traces_service_graph_request_client_seconds` by quantile over the last minute
 */
export function* signalSeries(signals: SignalSeriesSource, nowMs: UnixMs): Generator<PublishedSample> {
  const sample = (__name__: string, labels: Labels, value: number): PublishedSample => ({
    labels: { __name__, ...labels },
    timeMs: nowMs,
    value,
  });
  for (const { service, version, environment, requestsTotal, errorsTotal } of signals.versions()) {
    const labels = { service, version, environment };
    yield sample("tocsin_service_requests_total", labels, requestsTotal);
    yield sample("tocsin_service_errors_total", labels, errorsTotal);
  }
  for (const { service, environment, latencySeconds, saturation } of signals.services(nowMs)) {
    const labels = { service, environment };
    for (const [quantile, value] of quantiles(latencySeconds)) {
      yield sample("tocsin_service_latency_seconds", { ...labels, quantile }, value);
    }
    for (const [part, value] of Object.entries(saturation.parts)) {
      yield sample("tocsin_service_saturation_ratio", { ...labels, part }, value);
    }
  }
  for (const edge of signals.graph(nowMs)) {
    const labels = { client: edge.client, server: edge.server, connection_type: edge.kind };
    yield sample("traces_service_graph_request_total", labels, edge.requestsTotal);
    yield sample("traces_service_graph_request_failed_total", labels, edge.errorsTotal);
    for (const [quantile, value] of quantiles(edge.latencySeconds)) {
      yield sample("traces_service_graph_request_client_seconds", { ...labels, quantile }, value);
    }
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
