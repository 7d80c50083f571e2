// The page of the collector's own metrics, read off a collector that runs with every part.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger, systemClock } from "../packages/model/dist/index.js";
import { root } from "./prepare.mjs";

const CONFIG = `listen: { otlp_http: "127.0.0.1:0", otlp_grpc: "127.0.0.1:0", api: "127.0.0.1:0" }
# Nobody answers there: metrics are registered all the same, and no engine is needed to make a page.
store: { clickhouse: { url: "http://127.0.0.1:9" } }
forward: { endpoints: ["http://127.0.0.1:9"] }
sample: { tail: { policies: [{ type: probabilistic, probabilistic: { sampling_percentage: 10 } }] } }
remote_write: [{ url: "http://127.0.0.1:9" }]
scrape_configs: [{ job_name: none, static_configs: [] }]
alerting: { route: { receiver: none }, receivers: [{ name: none }] }
`;

/** What the part of a name that tells the unit means. */
const UNITS = { bytes: "bytes", seconds: "seconds", ratio: "ratio, 0 to 1" };

/** @returns {Promise<string>} Markdown */
export async function metricsPage() {
  const found = new Map();
  const { Registry } = createRequire(join(root, "packages/collector/package.json"))("prom-client");
  const register = Registry.prototype.registerMetric;
  Registry.prototype.registerMetric = function (metric) {
    if (metric.name.startsWith("tocsin_")) found.set(metric.name, metric);
    return register.call(this, metric);
  };
  try {
    await runOnce();
  } finally {
    Registry.prototype.registerMetric = register;
  }
  const rows = [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1)).map(rowOf);
  return [
    "# The collector's own metrics",
    "",
    "`GET /metrics` on the port of the page, in Prometheus's text form, read off a running collector that has every part. Beside these",
    "there are `process_*` and `nodejs_*` of the process. Series of services and SLOs (`tocsin_service_*`, `tocsin_slo_*`) are asked",
    "for with PromQL: [signals and SLOs](../signals-and-slos.md).",
    "",
    "Every stage accounts for what it takes: at any quiet moment",
    "",
    "- a door: `tocsin_receive_received_items_total` = accepted + rejected (by reason) + failed (its sender was told to come back);",
    "- the spool: requests answered `ok` or `partial` = `tocsin_spool_appended_records_total` of traces, metrics and logs;",
    "- each consumer of the spool: appended + replayed = read when nothing is unread, and",
    "  read = settled (`passed_on`, `passed_over`, `dropped` with its reason) + in hand;",
    "- an exporter: `tocsin_export_read_items_total` = sent + dropped (by reason); the sampler in front of it decides on each span once;",
    "- the store: `tocsin_store_rows_accepted_total` = written + dropped (by reason).",
    "",
    "What is tried again is in hand and counted apart (`…_retries_total`, `…_failures_total`). A test holds this under load and faults:",
    "`npx vitest run -c vitest.slow.config.ts packages/collector/test/balance`.",
    "",
    "| metric | type | labels | unit | meaning |",
    "| --- | --- | --- | --- | --- |",
    ...rows,
    "",
  ].join("\n");
}

function rowOf(metric) {
  const { name, help, labelNames } = metric;
  const labels = labelNames.map((label) => `\`${label}\``).join(", ");
  const words = name.replace(/_total$/, "").split("_");
  const unit = UNITS[words.at(-1)] ?? (name.endsWith("_total") ? "count" : "");
  return `| \`${name}\` | ${metric.constructor.name.toLowerCase()} | ${labels} | ${unit} | ${help.replaceAll("|", "\\|")} |`;
}

async function runOnce() {
  const { loadSetup } = await import("../packages/collector/dist/config/setup.js");
  const { startCollector } = await import("../packages/collector/dist/collector.js");
  const folder = await mkdtemp(join(tmpdir(), "tocsin-reference-"));
  const file = join(folder, "tocsin.yaml");
  await writeFile(file, CONFIG);
  const readSetup = async () => {
    const { setup, problems } = await loadSetup(file, folder, {});
    if (!setup) throw new Error(problems.map(({ message }) => message).join("\n"));
    return setup;
  };
  const collector = await startCollector({
    setup: await readSetup(),
    readSetup,
    env: {},
    dataDir: folder,
    clock: systemClock,
    logger: silentLogger,
  });
  await collector.close();
  await rm(folder, { recursive: true, force: true });
}
