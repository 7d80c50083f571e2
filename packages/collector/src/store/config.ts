import { duration, secret, size } from "@tocsin/model/config";
import { z } from "zod";
import { MetricsEngineConfig } from "../metrics-engine/config.js";

const Embedded = z.strictObject({
  memory: size()
    .default(1 << 30)
    .describe("Most memory of the embedded engine, for instance 1GiB. It runs in a process of its own."),
});

const ClickHouse = z.strictObject({
  url: z
    .union([z.url(), z.array(z.url()).min(1)])
    .transform((urls) => (typeof urls === "string" ? [urls] : urls))
    .describe(
      "HTTP address of a ClickHouse server or of a cluster's load balancer. Several addresses are independent shards: each batch is written to one of them, and every read asks all.",
    ),
  username: z.string().default("default").describe("User of the server."),
  password: secret().optional().describe("Its password; better `password_file`, or ${ENV}."),
  password_file: z.string().optional().describe("File that holds the password."),
  database: z
    .string()
    .regex(/^\w+$/, { error: "A database name has letters, digits and underscores." })
    .default("default")
    .describe("Database for the tables; it must exist."),
  cluster: z
    .string()
    .regex(/^[\w-]+$/, { error: "A cluster name has letters, digits, - and _." })
    .optional()
    .describe(
      "Name of the cluster as the server's `remote_servers` has it. Tables are then made ON CLUSTER, replicated and distributed.",
    ),
});

const Metrics = MetricsEngineConfig.optional().describe(
  "A Prometheus-compatible server that keeps metrics and answers PromQL, instead of this store.",
);

const Encode = z
  .enum(["thread", "inline"])
  .default("thread")
  .describe(
    "Where rows are encoded: in a thread of its own, so that requests and rules wait for nothing, or inline, which takes less memory.",
  );

/** `store:` in tocsin.yaml. */
export const StoreConfig = z.union([
  z.enum(["embedded", "none"]),
  z.strictObject({ embedded: Embedded.prefault({}), encode: Encode, metrics: Metrics }),
  z.strictObject({ clickhouse: ClickHouse, encode: Encode, metrics: Metrics }),
]);
export type StoreConfig = z.infer<typeof StoreConfig>;

/** `retention:` in tocsin.yaml. */
export const RetentionConfig = z.strictObject({
  traces: duration().prefault("7d").describe("How long spans are kept."),
  logs: duration().prefault("7d").describe("How long log records are kept."),
  metrics: duration()
    .prefault("30d")
    .describe("How long samples of metrics are kept, golden signals and SLOs among them."),
  max_disk: size()
    .prefault("2GB")
    .describe("Most disk space of the embedded store. The oldest day goes first when it is reached."),
});
export type RetentionConfig = z.infer<typeof RetentionConfig>;
