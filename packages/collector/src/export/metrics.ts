import { Counter, Gauge, type Registry } from "prom-client";

/** What an exporter counts: read records = sent + dropped (by reason); what is retried is counted apart. */
export class ExportMetrics {
  readonly readRecords: Counter<"exporter">;
  readonly sentRecords: Counter<"exporter">;
  readonly droppedRecords: Counter<"exporter" | "reason">;
  readonly rejectedItems: Counter<"exporter">;
  readonly retries: Counter<"exporter">;
  readonly sentBytes: Counter<"exporter">;
  readonly up: Gauge<"exporter">;

  constructor(registry: Registry) {
    this.readRecords = counter(registry, "tocsin_export_read_records_total", "Requests read from the spool.");
    this.sentRecords = counter(
      registry,
      "tocsin_export_sent_records_total",
      "Requests that an endpoint took.",
    );
    this.droppedRecords =
      existing(registry, "tocsin_export_dropped_records_total") ??
      new Counter({
        name: "tocsin_export_dropped_records_total",
        help: "Requests that were not sent, by reason: refused (by the endpoint, for good), sampled, not_otlp, unreadable.",
        labelNames: ["exporter", "reason"],
        registers: [registry],
      });
    this.rejectedItems = counter(
      registry,
      "tocsin_export_rejected_items_total",
      "Items that an endpoint left out of a request that it took.",
    );
    this.retries = counter(registry, "tocsin_export_retries_total", "Tries that failed and are repeated.");
    this.sentBytes = counter(registry, "tocsin_export_sent_bytes_total", "Bytes sent, before compression.");
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

function counter(registry: Registry, name: string, help: string): Counter<"exporter"> {
  return (
    existing(registry, name) ?? new Counter({ name, help, labelNames: ["exporter"], registers: [registry] })
  );
}

/** Several exporters share their metrics. */
function existing<M>(registry: Registry, name: string): M | undefined {
  return registry.getSingleMetric(name) as M | undefined;
}
