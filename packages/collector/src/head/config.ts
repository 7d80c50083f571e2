import { duration } from "@tocsin/model/config";
import { z } from "zod";

/** `metrics:` in tocsin.yaml: how much of the recent past is kept in memory. */
export const HeadConfig = z.strictObject({
  retention: duration()
    .default(3 * 3_600_000)
    .describe("How long samples stay in memory, where rules and dashboards read them without a store."),
  out_of_order: duration()
    .default(600_000)
    .describe("How old a sample may be, against now, when its series has newer ones already."),
  max_series: z
    .number()
    .int()
    .positive()
    .default(500_000)
    .describe("Most series in memory. Samples of further series are refused and counted."),
  max_series_per_metric: z
    .number()
    .int()
    .positive()
    .default(250_000)
    .describe("The same for one metric, so that it cannot take the room of all others."),
  max_series_per_metric_of_service: z
    .number()
    .int()
    .positive()
    .default(100_000)
    .describe(
      "The same for one metric of one service (its job). A label with a value per user or request is what reaches it.",
    ),
  max_labels: z.number().int().positive().default(64).describe("Most labels of one series."),
  snapshot_interval: duration()
    .default(120_000)
    .describe("How often the memory is written to disk; after a restart the spool is read from there on."),
  promote_resource_attributes: z
    .array(z.string())
    .default([])
    .describe(
      "Resource attributes that every series of the resource gets as labels, such as service.version; others are in target_info.",
    ),
  classic_histograms: z
    .boolean()
    .default(true)
    .describe(
      "Explicit-bucket OTLP histograms become classic series (_bucket, _sum, _count); false makes them native histograms with custom buckets.",
    ),
});
export type HeadConfig = z.infer<typeof HeadConfig>;
