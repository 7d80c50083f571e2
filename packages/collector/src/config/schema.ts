import { AlertingConfig, actionDefinitions, actionsSchema } from "@tocsin/alerts";
import { duration } from "@tocsin/model/config";
import { z } from "zod";
import { AuthConfig } from "../auth/config.js";
import { ForwardConfig, RedactConfig, SampleConfig } from "../export/index.js";
import { HeadConfig } from "../head/index.js";
import { LimitsConfig, TlsConfig } from "../receive/index.js";
import { RemoteWriteConfigs } from "../remote-write/config.js";
import { ScrapeConfigs } from "../scrape/config.js";
import { SloFilesConfig, SlosConfig } from "../slo/config.js";
import { SpoolConfig } from "../spool/config.js";
import { RetentionConfig, StoreConfig } from "../store/config.js";
import { ExportersConfig } from "./exporters.js";
import { ListenConfig } from "./listen.js";

export const Mode = z.enum(["standalone", "sidecar", "gateway"]);
export type Mode = z.infer<typeof Mode>;

/** `tocsin.yaml`, whole. Each area's schema stands with the code that it configures. */
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
  store: StoreConfig.default({ embedded: { memory: 1 << 30 } }).describe(
    "Where traces, logs and history are kept: the embedded engine, ClickHouse servers, or nowhere (none).",
  ),
  retention: RetentionConfig.prefault({}).describe("How long each signal is kept."),
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
  evaluation_interval: duration()
    .default(15_000)
    .describe("How often rule groups without an interval of their own are evaluated."),
  slos: SlosConfig.describe("Service level objectives, in the short form."),
  slo_files: SloFilesConfig.describe(
    "Files with OpenSLO or Sloth documents; * stands for any name. Relative to this file.",
  ),
  rule_files: z
    .array(z.string())
    .default([])
    .describe("Prometheus rule files; * stands for any name. Relative to this file."),
  alerting: AlertingConfig.prefault({}).describe("Alertmanager's configuration, inline or from config_file."),
  actions: actionsSchema(actionDefinitions).describe(
    "What may be done about an alert; dry-run unless told otherwise.",
  ),
});
export type CollectorConfig = z.infer<typeof CollectorConfig>;
