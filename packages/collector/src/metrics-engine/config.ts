import { duration, secret } from "@tocsin/model/config";
import { z } from "zod";

/** `store.metrics:` in tocsin.yaml: a Prometheus-compatible server that keeps metrics instead of our own store. */
export const MetricsEngineConfig = z.strictObject({
  prometheus: z.strictObject({
    query_url: z
      .url()
      .describe(
        "Base of its HTTP API: what comes before /api/v1/query, such as http://mimir:8080/prometheus.",
      ),
    remote_write_url: z
      .url()
      .optional()
      .describe("Where all metrics are sent to; leave out if others send them."),
    headers: z.record(z.string(), secret()).default({}).describe("More headers, such as X-Scope-OrgID."),
    bearer_token: secret().optional().describe("Token for both addresses."),
    timeout: duration().default(120_000).describe("Longest time for one query."),
  }),
});
export type MetricsEngineConfig = z.infer<typeof MetricsEngineConfig>;
