import { Counter, Gauge, type Registry } from "prom-client";

/**
 * What an exporter counts, in requests and in the spans, log records and points in them:
 * read = sent + dropped (by reason) + those at hand. What is tried again is counted apart.
 */
export class ExportMetrics {
  readonly readRecords: Counter<"exporter">;
  readonly sentRecords: Counter<"exporter">;
  readonly droppedRecords: Counter<"exporter" | "reason">;
  readonly readItems: Counter<"exporter" | "signal">;
  readonly sentItems: Counter<"exporter" | "signal">;
  readonly droppedItems: Counter<"exporter" | "signal" | "reason">;
  readonly retries: Counter<"exporter">;
  readonly sentBytes: Counter<"exporter">;
  readonly up: Gauge<"exporter">;

  constructor(registry: Registry) {
    const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> =>
      existing(registry, name) ?? new Counter({ name, help, labelNames, registers: [registry] });
    this.readRecords = counter(
      "tocsin_export_read_records_total",
      "Requests read from the spool to be passed on.",
      ["exporter"],
    );
    this.sentRecords = counter(
      "tocsin_export_sent_records_total",
      "Requests of which an endpoint took what sampling left.",
      ["exporter"],
    );
    this.droppedRecords = counter(
      "tocsin_export_dropped_records_total",
      "Requests of which nothing was sent, by reason: refused (by the endpoint, for good), sampled, not_otlp, unreadable.",
      ["exporter", "reason"],
    );
    this.readItems = counter(
      "tocsin_export_read_items_total",
      "Spans, log records and points in the requests read.",
      ["exporter", "signal"],
    );
    this.sentItems = counter("tocsin_export_sent_items_total", "Items that an endpoint took.", [
      "exporter",
      "signal",
    ]);
    this.droppedItems = counter(
      "tocsin_export_dropped_items_total",
      "Items that were not sent, by reason: sampled, refused (with their request), rejected (by the endpoint, out of a request that it took), unreadable.",
      ["exporter", "signal", "reason"],
    );
    this.retries = counter("tocsin_export_retries_total", "Tries that failed and are repeated.", [
      "exporter",
    ]);
    this.sentBytes = counter("tocsin_export_sent_bytes_total", "Bytes sent, before compression.", [
      "exporter",
    ]);
    this.up =
      existing(registry, "tocsin_export_up") ??
      new Gauge({
        name: "tocsin_export_up",
        help: "1 while the exporter's last request was taken, 0 while it is being repeated.",
        labelNames: ["exporter"],
        registers: [registry],
      });
  }
}

/** Several exporters share their metrics. */
function existing<M>(registry: Registry, name: string): M | undefined {
  return registry.getSingleMetric(name) as M | undefined;
}
