import { duration, secret, size } from "@tocsin/model/config";
import { z } from "zod";
import { RelabelConfig } from "./relabel.js";

/** How to reach a target or a discovery service. */
const HttpAccess = {
  basic_auth: z
    .strictObject({
      username: z.string().default(""),
      password: secret().optional(),
      password_file: z.string().optional(),
    })
    .optional()
    .describe("HTTP basic authentication."),
  authorization: z
    .strictObject({
      type: z.string().default("Bearer"),
      credentials: secret().optional(),
      credentials_file: z.string().optional(),
    })
    .optional()
    .describe("The Authorization header."),
  bearer_token: secret().optional().describe("Short form of authorization."),
  bearer_token_file: z.string().optional().describe("Short form of authorization, read at every request."),
  tls_config: z
    .strictObject({
      ca_file: z.string().optional(),
      cert_file: z.string().optional(),
      key_file: z.string().optional(),
      server_name: z.string().optional(),
      insecure_skip_verify: z.boolean().default(false),
    })
    .optional()
    .describe("TLS: own authorities, a client certificate."),
  follow_redirects: z.boolean().default(true),
};

const refresh = (byDefault: number) =>
  duration().default(byDefault).describe("How often targets are looked up again.");

export const StaticConfig = z.strictObject({
  targets: z.array(z.string()).describe("host:port of each target."),
  labels: z.record(z.string(), z.string()).default({}).describe("Labels of every series of these targets."),
});

export const FileSdConfig = z.strictObject({
  files: z.array(z.string()).min(1).describe("Files with target groups, YAML or JSON; * in the last part."),
  refresh_interval: refresh(300_000),
});

export const DnsSdConfig = z
  .strictObject({
    names: z.array(z.string()).min(1).describe("Names to look up."),
    type: z.enum(["A", "AAAA", "MX", "SRV"]).default("SRV"),
    port: z.number().int().min(1).max(65_535).optional().describe("Port of A, AAAA and MX targets."),
    refresh_interval: refresh(30_000),
  })
  .refine(({ type, port }) => type === "SRV" || port !== undefined, {
    message: "A port is needed unless the type is SRV.",
    path: ["port"],
  });

export const HttpSdConfig = z.strictObject({
  url: z.url().describe("Answers with target groups as JSON."),
  refresh_interval: refresh(60_000),
  ...HttpAccess,
});

export const KubernetesSdConfig = z.strictObject({
  role: z.literal("pod").describe("Pods are what is discovered."),
  api_server: z.url().optional().describe("The API server; inside a cluster it is found by itself."),
  namespaces: z
    .strictObject({ names: z.array(z.string()).default([]), own_namespace: z.boolean().default(false) })
    .prefault({})
    .describe("Where to look; everywhere by default."),
  selectors: z
    .array(
      z.strictObject({
        role: z.literal("pod").default("pod"),
        label: z.string().optional(),
        field: z.string().optional(),
      }),
    )
    .default([])
    .describe("Label and field selectors of the API server."),
  refresh_interval: refresh(30_000),
  ...HttpAccess,
});

/** One entry of Prometheus's `scrape_configs`. */
export const ScrapeConfig = z
  .strictObject({
    job_name: z.string().min(1).describe("Name of the job; the label `job`."),
    scrape_interval: duration().default(15_000).describe("Time between two scrapes of a target."),
    scrape_timeout: duration()
      .optional()
      .describe("How long a scrape may take; by default 10 s, or the interval where that is shorter."),
    metrics_path: z.string().default("/metrics"),
    scheme: z.enum(["http", "https"]).default("http"),
    params: z.record(z.string(), z.array(z.string())).default({}).describe("Parameters of the URL."),
    honor_labels: z.boolean().default(false).describe("Whose labels win: the target's (true) or ours."),
    honor_timestamps: z.boolean().default(true).describe("Whether times that the target gives are taken."),
    enable_compression: z.boolean().default(true),
    static_configs: z.array(StaticConfig).default([]),
    file_sd_configs: z.array(FileSdConfig).default([]),
    dns_sd_configs: z.array(DnsSdConfig).default([]),
    http_sd_configs: z.array(HttpSdConfig).default([]),
    kubernetes_sd_configs: z.array(KubernetesSdConfig).default([]),
    relabel_configs: z.array(RelabelConfig).default([]).describe("Steps that choose and label targets."),
    metric_relabel_configs: z
      .array(RelabelConfig)
      .default([])
      .describe("Steps that choose and label series."),
    body_size_limit: size().default(10_000_000).describe("Largest page of metrics, uncompressed."),
    sample_limit: z
      .number()
      .int()
      .nonnegative()
      .default(0)
      .describe("Most samples of a scrape; 0 for no limit."),
    label_limit: z
      .number()
      .int()
      .nonnegative()
      .default(0)
      .describe("Most labels of a series; 0 for no limit."),
    label_name_length_limit: z.number().int().nonnegative().default(0),
    label_value_length_limit: z.number().int().nonnegative().default(0),
    target_limit: z
      .number()
      .int()
      .nonnegative()
      .default(0)
      .describe("Most targets of the job; 0 for no limit."),
    ...HttpAccess,
  })
  .refine(({ scrape_interval, scrape_timeout }) => (scrape_timeout ?? 0) <= scrape_interval, {
    message: "The scrape_timeout is longer than the scrape_interval.",
    path: ["scrape_timeout"],
  });
export type ScrapeConfig = z.infer<typeof ScrapeConfig>;

/** `scrape_configs:` of tocsin.yaml. */
export const ScrapeConfigs = z
  .array(ScrapeConfig)
  .default([])
  .superRefine((configs, context) => {
    const names = new Set<string>();
    configs.forEach(({ job_name }, index) => {
      if (names.has(job_name)) {
        context.addIssue({
          code: "custom",
          message: `There are two jobs "${job_name}".`,
          path: [index, "job_name"],
        });
      }
      names.add(job_name);
    });
  })
  .describe("What to scrape, in Prometheus's form.");

export type HttpAccessConfig = Pick<
  ScrapeConfig,
  "basic_auth" | "authorization" | "bearer_token" | "bearer_token_file" | "tls_config" | "follow_redirects"
>;
export type FileSdConfig = z.infer<typeof FileSdConfig>;
export type DnsSdConfig = z.infer<typeof DnsSdConfig>;
export type HttpSdConfig = z.infer<typeof HttpSdConfig>;
export type KubernetesSdConfig = z.infer<typeof KubernetesSdConfig>;
