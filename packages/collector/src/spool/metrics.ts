import { Counter, Gauge, type Registry } from "prom-client";
import type { SpoolSignal } from "./record.js";

/** How one consumer stands. */
export interface ConsumerStanding {
  readonly name: string;
  /** Not committed yet. */
  readonly lagBytes: number;
  /** Not read yet. */
  readonly unreadBytes: number;
  readonly inHandRecords: number;
}

/**
 * What the spool counts: handed in = appended (acknowledged) + refused (by reason); and of each consumer
 * read = appended + replayed - unread, and read = passed on + passed over + dropped (by reason) + in hand.
 */
export class SpoolMetrics {
  readonly appendedRecords: Counter<"signal">;
  readonly appendedBytes: Counter<"signal">;
  readonly refused: Counter<"reason">;
  readonly readRecords: Counter<"consumer">;
  readonly replayedRecords: Counter<"consumer">;
  readonly settledRecords: Counter<"consumer" | "outcome" | "reason">;
  readonly damagedRecords: Counter<"consumer">;
  readonly damagedBytes: Counter<"consumer">;
  readonly damagedSegments: Counter<never>;
  readonly tornBytes: Counter<never>;
  readonly sizeBytes: Gauge<never>;
  readonly maxBytes: Gauge<never>;
  readonly writable: Gauge<never>;

  constructor(registry: Registry, consumers: () => readonly ConsumerStanding[]) {
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
    this.readRecords = new Counter({
      name: "tocsin_spool_read_records_total",
      help: "Requests handed to a consumer.",
      labelNames: ["consumer"],
      registers,
    });
    this.replayedRecords = new Counter({
      name: "tocsin_spool_replayed_records_total",
      help: "Requests handed to a consumer that an earlier process had appended; part of those read.",
      labelNames: ["consumer"],
      registers,
    });
    this.settledRecords = new Counter({
      name: "tocsin_spool_settled_records_total",
      help: "What consumers did with what they read: passed_on, passed_over (for other consumers), dropped (with the reason).",
      labelNames: ["consumer", "outcome", "reason"],
      registers,
    });
    this.damagedRecords = new Counter({
      name: "tocsin_spool_damaged_records_total",
      help: "Stretches of the spool that did not match their checksum and were passed over by a consumer.",
      labelNames: ["consumer"],
      registers,
    });
    this.damagedBytes = new Counter({
      name: "tocsin_spool_damaged_bytes_total",
      help: "Bytes of the spool that did not match their checksum and were passed over by a consumer.",
      labelNames: ["consumer"],
      registers,
    });
    this.damagedSegments = new Counter({
      name: "tocsin_spool_damaged_segments_total",
      help: "Files of the spool left out at start because neither copy of their head could be read.",
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
    const standing = (name: string, help: string, value: (consumer: ConsumerStanding) => number) =>
      new Gauge({
        name,
        help,
        labelNames: ["consumer"],
        registers,
        collect() {
          for (const consumer of consumers()) this.set({ consumer: consumer.name }, value(consumer));
        },
      });
    standing(
      "tocsin_spool_consumer_lag_bytes",
      "Bytes that a consumer has not committed yet.",
      (consumer) => consumer.lagBytes,
    );
    standing(
      "tocsin_spool_consumer_unread_bytes",
      "Bytes that a consumer has not read yet.",
      (consumer) => consumer.unreadBytes,
    );
    standing(
      "tocsin_spool_consumer_in_hand_records",
      "Requests that a consumer has read and not accounted for: it is at work on them, or tries them again.",
      (consumer) => consumer.inHandRecords,
    );
  }

  appended(signal: SpoolSignal, bytes: number): void {
    this.appendedRecords.inc({ signal });
    this.appendedBytes.inc({ signal }, bytes);
  }
}
