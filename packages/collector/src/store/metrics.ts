import { Counter, Gauge, Histogram, type Registry } from "prom-client";

/** Why rows or batches did not reach a table. */
export type StoreDropReason =
  /** The bytes could not be decoded. */
  | "malformed"
  /** Older than the retention, or more than a day ahead of the clock. */
  | "time"
  /** The engine called the rows invalid. */
  | "refused";

/** The store's own numbers: accepted rows = written + dropped, by table. */
export interface StoreMetrics {
  readonly accepted: Counter<"table">;
  readonly written: Counter<"table">;
  readonly dropped: Counter<"table" | "reason">;
  readonly insertSeconds: Histogram;
  readonly insertFailures: Counter<"code">;
  readonly encoderCrashes: Counter;
  readonly partsRemoved: Counter<"table">;
}

/** Registers `tocsin_store_*`. */
export function storeMetrics(
  registry: Registry,
  engine: () => { running: boolean; restarts: number } | undefined,
): StoreMetrics {
  // An attempt to open the store that failed has left its own behind.
  const named = (name: string) => {
    registry.removeSingleMetric(name);
    return { name, registers: [registry] };
  };
  new Gauge({
    ...named("tocsin_store_engine_up"),
    help: "Whether the store's engine answers (embedded engine only).",
    collect() {
      const state = engine();
      if (state) this.set(state.running ? 1 : 0);
    },
  });
  new Gauge({
    ...named("tocsin_store_engine_restarts"),
    help: "Times that the embedded engine was started again.",
    collect() {
      const state = engine();
      if (state) this.set(state.restarts);
    },
  });
  return {
    accepted: new Counter({
      ...named("tocsin_store_rows_accepted_total"),
      help: "Rows that were read from the spool for a table.",
      labelNames: ["table"],
    }),
    written: new Counter({
      ...named("tocsin_store_rows_written_total"),
      help: "Rows that the engine confirmed.",
      labelNames: ["table"],
    }),
    dropped: new Counter({
      ...named("tocsin_store_rows_dropped_total"),
      help: "Rows that were left out, by reason: malformed, time (outside of the retention), refused.",
      labelNames: ["table", "reason"],
    }),
    insertSeconds: new Histogram({
      ...named("tocsin_store_insert_seconds"),
      help: "How long the inserts of one batch took.",
      buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30],
    }),
    insertFailures: new Counter({
      ...named("tocsin_store_insert_failures_total"),
      help: "Attempts to insert that failed, by error code. They are repeated while that may help.",
      labelNames: ["code"],
    }),
    encoderCrashes: new Counter({
      ...named("tocsin_store_encoder_crashes_total"),
      help: "Times that the thread which encodes rows ended or gave no answer; it was started again.",
    }),
    partsRemoved: new Counter({
      ...named("tocsin_store_parts_removed_total"),
      help: "Parts of a table that were removed, the oldest first, to stay under the disk limit.",
      labelNames: ["table"],
    }),
  };
}
