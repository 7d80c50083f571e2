import { Counter, Gauge, type Registry } from "prom-client";

/**
 * What tail sampling counts: every span that is read for passing on is either kept or dropped, and the policy that did it
 * is named.
 */
export class TailMetrics {
  readonly traces: Counter<"exporter" | "policy" | "decision">;
  readonly spans: Counter<"exporter" | "policy" | "decision">;
  readonly early: Counter<"exporter">;
  readonly late: Counter<"exporter">;
  readonly unreadable: Counter<"exporter">;
  readonly waiting: Gauge<"exporter">;
  readonly remembered: Gauge<"exporter">;

  constructor(registry: Registry) {
    this.traces = metric(registry, Counter, {
      name: "tocsin_tail_sampling_traces_total",
      help: "Traces decided on, by decision (kept, dropped) and the policy that decided; none: no policy wanted it.",
      labelNames: ["exporter", "policy", "decision"],
    });
    this.spans = metric(registry, Counter, {
      name: "tocsin_tail_sampling_spans_total",
      help: "Spans read to be passed on, by decision and policy; restart: decided before the collector's last start.",
      labelNames: ["exporter", "policy", "decision"],
    });
    this.early = metric(registry, Counter, {
      name: "tocsin_tail_sampling_early_decisions_total",
      help: "Traces decided on before their time because more than num_traces were waiting.",
      labelNames: ["exporter"],
    });
    this.late = metric(registry, Counter, {
      name: "tocsin_tail_sampling_late_spans_total",
      help: "Spans that came after their trace had been decided on; they follow the decision.",
      labelNames: ["exporter"],
    });
    this.unreadable = metric(registry, Counter, {
      name: "tocsin_tail_sampling_unreadable_requests_total",
      help: "Requests that could not be looked at ahead; their spans are kept.",
      labelNames: ["exporter"],
    });
    this.waiting = metric(registry, Gauge, {
      name: "tocsin_tail_sampling_waiting_traces",
      help: "Traces that wait for their decision.",
      labelNames: ["exporter"],
    });
    this.remembered = metric(registry, Gauge, {
      name: "tocsin_tail_sampling_remembered_traces",
      help: "Traces whose decision is remembered.",
      labelNames: ["exporter"],
    });
  }
}

/** Several exporters share their metrics. */
function metric<M, O extends { name: string }>(
  registry: Registry,
  Metric: new (options: O & { registers: Registry[] }) => M,
  options: O,
): M {
  return (
    (registry.getSingleMetric(options.name) as M | undefined) ??
    new Metric({ ...options, registers: [registry] })
  );
}
