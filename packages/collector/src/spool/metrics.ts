import { Counter, Gauge, type Registry } from "prom-client";
import type { SpoolSignal } from "./record.js";

/** What the spool counts: appended = acknowledged; refused, damaged and cut off by reason. */
export class SpoolMetrics {
  readonly appendedRecords: Counter<"signal">;
  readonly appendedBytes: Counter<"signal">;
  readonly refused: Counter<"reason">;
  readonly damagedRecords: Counter<never>;
  readonly tornBytes: Counter<never>;
  readonly sizeBytes: Gauge<never>;
  readonly maxBytes: Gauge<never>;
  readonly writable: Gauge<never>;
  readonly lagBytes: Gauge<"consumer">;

  constructor(registry: Registry) {
    const registers = [registry];
    this.appendedRecords = new Counter({
      name: "tocsin_spool_appended_records_total",
      help: "Requests made durable, by signal.",
      labelNames: ["signal"],
      registers,
    });
    this.appendedBytes = new Counter({
      name: "tocsin_spool_appended_bytes_total",
      help: "Bytes of requests made durable, by signal.",
      labelNames: ["signal"],
      registers,
    });
    this.refused = new Counter({
      name: "tocsin_spool_refused_records_total",
      help: "Requests that were not made durable and so not acknowledged: full, write (disk full, read-only), too_large.",
      labelNames: ["reason"],
      registers,
    });
    this.damagedRecords = new Counter({
      name: "tocsin_spool_damaged_records_total",
      help: "Stretches of the spool that did not match their checksum and were passed over.",
      registers,
    });
    this.tornBytes = new Counter({
      name: "tocsin_spool_torn_bytes_total",
      help: "Bytes of unacknowledged records cut off at start, after the process died while writing.",
      registers,
    });
    this.sizeBytes = new Gauge({
      name: "tocsin_spool_size_bytes",
      help: "Disk that the spool takes.",
      registers,
    });
    this.maxBytes = new Gauge({
      name: "tocsin_spool_max_bytes",
      help: "Disk that the spool may take.",
      registers,
    });
    this.writable = new Gauge({
      name: "tocsin_spool_writable",
      help: "1 while appending works, 0 since it last failed.",
      registers,
    });
    this.lagBytes = new Gauge({
      name: "tocsin_spool_consumer_lag_bytes",
      help: "Bytes that a consumer has not committed yet.",
      labelNames: ["consumer"],
      registers,
    });
  }

  appended(signal: SpoolSignal, bytes: number): void {
    this.appendedRecords.inc({ signal });
    this.appendedBytes.inc({ signal }, bytes);
  }
}
