import { z } from "zod";
import { AuthConfig } from "../auth/config.js";
import { ForwardConfig } from "../export/config.js";
import { RedactConfig } from "../export/redact.js";
import { SampleConfig } from "../export/transform.js";
import { HeadConfig } from "../head/config.js";
import { LimitsConfig } from "../receive/config.js";
import { TlsConfig } from "../receive/tls.js";
import { RemoteWriteConfigs } from "../remote-write/config.js";
import { ScrapeConfigs } from "../scrape/config.js";
import { SignalsConfig } from "../signals/config.js";
import { SpoolConfig } from "../spool/config.js";
import { RetentionConfig, StoreConfig } from "../store/config.js";
import { ExportersConfig } from "./exporters.js";
import { ListenConfig } from "./listen.js";
import { Mode } from "./mode.js";

/**
 * What every collector may be told in `tocsin.yaml`. Each area's schema stands with the code that it configures; what only
 * rules, SLOs and alerts need is added in `watch-schema.ts`, so that a collector without them does not load it.
 */
export const CollectorConfig = z.strictObject({
  mode: Mode.default("standalone").describe(
    "standalone: everything in one process. sidecar: spool and forward, no store. gateway: external ClickHouse, several replicas.",
  ),
  listen: ListenConfig.prefault({}).describe("Addresses; loopback unless told otherwise."),
  auth: AuthConfig.prefault({}).describe("Who may write, read and act."),
  tls: TlsConfig.optional().describe("Encryption of the OTLP ports, and certificates asked of senders."),
  limits: LimitsConfig.prefault({}).describe("How much senders may send at once, and how large it may be."),
  spool: SpoolConfig.prefault({}).describe("The durable queue between intake and everything else."),
  forward: ForwardConfig.prefault({}).describe("Where OTLP is passed on to: a gateway, or any OTLP backend."),
  exporters: ExportersConfig,
  redact: RedactConfig.prefault({}).describe("What is taken out of telemetry before it is passed on."),
  sample: SampleConfig.prefault({}).describe("How much is passed on; signals and SLOs are computed before."),
  store: StoreConfig.default({ embedded: { memory: 1 << 30 }, encode: "thread" }).describe(
    "Where traces, logs and history are kept: the embedded engine, ClickHouse servers, or nowhere (none).",
  ),
  retention: RetentionConfig.prefault({}).describe("How long each signal is kept."),
  signals: SignalsConfig.prefault({}).describe("What golden signals are told apart by."),
  metrics: HeadConfig.prefault({}).describe("Recent series in memory."),
  scrape_configs: ScrapeConfigs,
  remote_write: RemoteWriteConfigs,
  external_labels: z
    .record(z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, "write a label name, such as cluster."), z.string())
    .default({})
    .describe(
      "Labels of this collector, such as cluster or region: added to alerts on their way out unless they have them, and seen by templates of rules as $externalLabels.",
    ),
  external_url: z
    .url()
    .transform((url) => url.replace(/\/$/, ""))
    .optional()
    .describe(
      "Where people reach the page, for links in messages. Default: the address that it is bound to.",
    ),
  reload_on_change: z
    .boolean()
    .default(false)
    .describe(
      "Read the configuration again when this file, or one that it names, changes; a file with a fault changes nothing.",
    ),
});
export type CollectorConfig = z.infer<typeof CollectorConfig>;
