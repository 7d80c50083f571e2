import { Counter, Gauge, type Registry } from "prom-client";

/** Why a sample did not become part of the head. */
export type DropReason =
  | "conflict"
  | "too_old"
  | "too_far_ahead"
  | "series_limit"
  | "series_per_metric"
  | "invalid_labels"
  | "invalid_time"
  | "no_value"
  | "unsupported";

/** The head's own numbers. */
export interface HeadMetrics {
  readonly appended: Counter;
  readonly repeated: Counter;
  readonly dropped: Counter<"reason">;
  readonly seriesMade: Counter;
  readonly seriesGone: Counter;
}

/** Registers `tocsin_head_*`. */
export function headMetrics(
  registry: Registry,
  now: { series(): number; sizeBytes(): number; oldestMs(): number },
): HeadMetrics {
  const registers = [registry];
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  gauge("tocsin_head_series", "Series in memory.", now.series);
  gauge("tocsin_head_samples_bytes", "Memory held for samples.", now.sizeBytes);
  gauge("tocsin_head_oldest_timestamp_seconds", "From this time on the head is complete.", () => {
    const oldestMs = now.oldestMs();
    return Number.isFinite(oldestMs) ? oldestMs / 1000 : 0;
  });
  const counter = (name: string, help: string) => new Counter({ name, help, registers });
  return {
    appended: counter("tocsin_head_samples_appended_total", "Samples taken into memory."),
    repeated: counter(
      "tocsin_head_samples_repeated_total",
      "Samples that were there already, with the same value.",
    ),
    dropped: new Counter({
      name: "tocsin_head_samples_dropped_total",
      help: "Samples refused, by reason; series_limit and series_per_metric mean that max_series or max_series_per_metric(_of_service) is reached.",
      labelNames: ["reason"],
      registers,
    }),
    seriesMade: counter("tocsin_head_series_created_total", "Series that appeared."),
    seriesGone: counter("tocsin_head_series_removed_total", "Series that left after their retention."),
  };
}
