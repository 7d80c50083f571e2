import { inspect } from "node:util";
import { expect, test } from "vitest";
import { detectResource } from "../resource/detect.js";
import { readPropagator } from "../trace/propagators.js";
import { readSettings } from "./settings.js";
import { VARIABLES } from "./variables.js";

/** The specification's own list, in its order, and a value for each that is not the default. */
const SPECIFIED: Readonly<Record<string, string>> = {
  OTEL_SDK_DISABLED: "true",
  OTEL_RESOURCE_ATTRIBUTES: "team=blue",
  OTEL_SERVICE_NAME: "checkout",
  OTEL_LOG_LEVEL: "error",
  OTEL_PROPAGATORS: "tracecontext",
  OTEL_TRACES_SAMPLER: "always_off",
  OTEL_TRACES_SAMPLER_ARG: "0.5",
  OTEL_BSP_SCHEDULE_DELAY: "250",
  OTEL_BSP_EXPORT_TIMEOUT: "900",
  OTEL_BSP_MAX_QUEUE_SIZE: "9",
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "9",
  OTEL_BLRP_SCHEDULE_DELAY: "250",
  OTEL_BLRP_EXPORT_TIMEOUT: "900",
  OTEL_BLRP_MAX_QUEUE_SIZE: "9",
  OTEL_BLRP_MAX_EXPORT_BATCH_SIZE: "9",
  OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: "9",
  OTEL_ATTRIBUTE_COUNT_LIMIT: "9",
  OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: "9",
  OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: "9",
  OTEL_SPAN_EVENT_COUNT_LIMIT: "9",
  OTEL_SPAN_LINK_COUNT_LIMIT: "9",
  OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT: "9",
  OTEL_LINK_ATTRIBUTE_COUNT_LIMIT: "9",
  OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT: "9",
  OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT: "9",
  OTEL_EXPORTER_ZIPKIN_ENDPOINT: "http://zipkin:9411/in",
  OTEL_EXPORTER_ZIPKIN_TIMEOUT: "900",
  OTEL_EXPORTER_PROMETHEUS_HOST: "0.0.0.0",
  OTEL_EXPORTER_PROMETHEUS_PORT: "9999",
  OTEL_TRACES_EXPORTER: "console",
  OTEL_METRICS_EXPORTER: "console",
  OTEL_LOGS_EXPORTER: "console",
  OTEL_METRICS_EXEMPLAR_FILTER: "always_off",
  OTEL_METRIC_EXPORT_INTERVAL: "5000",
  OTEL_METRIC_EXPORT_TIMEOUT: "900",
  OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: "delta",
  OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION: "base2_exponential_bucket_histogram",
  ...Object.fromEntries(
    ["", "_TRACES", "_METRICS", "_LOGS"].flatMap((signal) =>
      Object.entries({
        ENDPOINT: "http://elsewhere:4318",
        INSECURE: "true",
        CERTIFICATE: "package.json",
        CLIENT_KEY: "package.json",
        CLIENT_CERTIFICATE: "package.json",
        HEADERS: "x-tenant=a",
        COMPRESSION: "gzip",
        TIMEOUT: "800",
        PROTOCOL: "http/json",
      }).map(([part, value]) => [`OTEL_EXPORTER_OTLP${signal}_${part}`, value]),
    ),
  ),
};

/** What has a meaning only beside another. */
const BESIDE: Readonly<Record<string, Record<string, string>>> = {
  OTEL_TRACES_SAMPLER_ARG: { OTEL_TRACES_SAMPLER: "traceidratio" },
  OTEL_EXPORTER_ZIPKIN_ENDPOINT: { OTEL_TRACES_EXPORTER: "zipkin" },
  OTEL_EXPORTER_PROMETHEUS_HOST: { OTEL_METRICS_EXPORTER: "prometheus" },
  OTEL_EXPORTER_PROMETHEUS_PORT: { OTEL_METRICS_EXPORTER: "prometheus" },
  ...Object.fromEntries(
    ["", "_TRACES", "_METRICS", "_LOGS"].map((signal) => [
      `OTEL_EXPORTER_OTLP${signal}_INSECURE`,
      { OTEL_EXPORTER_OTLP_PROTOCOL: "grpc", [`OTEL_EXPORTER_OTLP${signal}_ENDPOINT`]: "elsewhere:4317" },
    ]),
  ),
};

/** All that the agent goes by with these variables set, as text; and what it says of them. */
function outcome(env: Record<string, string>): { seen: string; faults: readonly string[] } {
  const { env: reader, ...settings } = readSettings({ env });
  const facts = { pid: 1, script: "app.js", execPath: "node", cwd: "/", nodeVersion: "20" };
  const { "service.instance.id": _, ...resource } = detectResource(reader, facts, () => undefined);
  const seen = inspect([settings, resource, readPropagator(reader)], { depth: 8 });
  return { seen, faults: reader.faults };
}

const known = new Map(VARIABLES.map((one) => [one.name, one]));

test("every variable of the specification is in the table", () => {
  expect(Object.keys(SPECIFIED).filter((name) => !known.has(name))).toEqual([]);
});

test.each(Object.entries(SPECIFIED).map(([name, value]) => ({ name, value })))(
  "$name does what the table says",
  ({ name, value }) => {
    const without = outcome(BESIDE[name] ?? {});
    const withIt = outcome({ ...BESIDE[name], [name]: value });
    if (known.get(name)?.isHonoured) expect(withIt.seen).not.toBe(without.seen);
    else {
      expect(withIt.seen).toBe(without.seen);
      expect(withIt.faults.filter((text) => text.includes(name))).toEqual([
        expect.stringMatching(/ has no effect: /),
      ]);
    }
  },
);

test.each(
  Object.keys(SPECIFIED).filter((name) =>
    /LIMIT|DELAY|TIMEOUT$|INTERVAL|PORT$|DISABLED|LEVEL|SAMPLER$|EXPORTER$|PROTOCOL$|COMPRESSION|PREFERENCE|AGGREGATION|FILTER/.test(
      name,
    ),
  ),
)("a wrong value of %s is named", (name) => {
  const faults = outcome({ ...BESIDE[name], [name]: "nonsense" }).faults;
  expect(faults.some((text) => text.startsWith(name))).toBe(true);
});

test("a variable that nobody knows is named, others' are not", () => {
  expect(
    outcome({ OTEL_EXPORTER_OLTP_ENDPOINT: "http://x", OTEL_PYTHON_LOG_CORRELATION: "true" }).faults,
  ).toEqual([
    "OTEL_EXPORTER_OLTP_ENDPOINT is not a variable of OpenTelemetry's specification; it has no effect here.",
  ]);
});

test("VARIABLES.md is the table", async () => {
  const rows = VARIABLES.map(({ name, isHonoured, note }) => [
    `\`${name}\``,
    isHonoured ? "yes" : "no",
    note,
  ]);
  const head = ["variable", "honoured", "what it sets, or why not"];
  const widths = head.map((_, n) => Math.max(...[head, ...rows].map((row) => row[n]?.length ?? 0)));
  const line = (cells: string[], fill: string): string =>
    `| ${cells.map((cell, n) => cell.padEnd(widths[n] ?? 0, fill)).join(" | ")} |`;
  const page = [
    "# Environment variables of OpenTelemetry, and what the agent makes of them",
    "",
    "Written by a test from `src/settings/variables.ts` (`npx vitest run packages/agent/src/settings -u`). A wrong value, a",
    "variable without effect and one that the specification does not have are named at start. `0` as a timeout is no limit.",
    "",
    line(head, " "),
    line(["", "", ""], "-"),
    ...rows.map((row) => line(row, " ")),
    "",
  ];
  await expect(page.join("\n")).toMatchFileSnapshot("../../VARIABLES.md");
});
