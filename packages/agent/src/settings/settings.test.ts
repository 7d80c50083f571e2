import { InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace";
import { expect, test } from "vitest";
import type { SpanProcessor } from "./options.js";
import { readSettings } from "./settings.js";

const faultsOf = (env: Record<string, string>): readonly string[] => readSettings({ env }).env.faults;

test("nothing set means the collector on this machine, and no faults", () => {
  const { destinations, env } = readSettings({ env: {} });
  expect(destinations.traces?.url).toBe("http://127.0.0.1:4318/v1/traces");
  expect(env.faults).toEqual([]);
});

test.each([
  { env: { TOCSIN_URL: "http://a:1/" }, url: "http://a:1/v1/traces" },
  {
    env: { TOCSIN_URL: "http://a:1", OTEL_EXPORTER_OTLP_ENDPOINT: "http://b:2/base" },
    url: "http://b:2/base/v1/traces",
  },
  {
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: "http://b:2", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://c:3/in" },
    url: "http://c:3/in",
  },
  { env: { TOCSIN_URL: "" }, url: "http://127.0.0.1:4318/v1/traces" },
])("$env sends traces to $url", ({ env, url }) => {
  expect(readSettings({ env }).destinations.traces?.url).toBe(url);
});

test.each([
  {
    env: { OTEL_TRACES_SAMPLER: "sometimes" },
    fault:
      "OTEL_TRACES_SAMPLER must be one of always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio; using parentbased_always_on.",
  },
  {
    env: { OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "50" },
    fault: "OTEL_TRACES_SAMPLER_ARG must be a ratio between 0 and 1; using 1.",
  },
  {
    env: { OTEL_TRACES_SAMPLER: "traceidratio", TOCSIN_SAMPLE: "/search*=0" },
    fault: "TOCSIN_SAMPLE has no effect: OTEL_TRACES_SAMPLER=traceidratio decides on every span by itself.",
  },
  {
    env: { OTEL_METRIC_EXPORT_INTERVAL: "1e12" },
    fault: "OTEL_METRIC_EXPORT_INTERVAL must be a number of at most 2147483647; using 1000.",
  },
  {
    env: { TOCSIN_METRICS_PORT: "99999" },
    fault: "TOCSIN_METRICS_PORT must be a number of at most 65535; using 9464.",
  },
  {
    env: { TOCSIN_METRICS_PORT: "94.64" },
    fault: "TOCSIN_METRICS_PORT must be a whole number; using 9464.",
  },
  {
    env: { TOCSIN_LOG_SOURCES: "pino,log4js" },
    fault: 'TOCSIN_LOG_SOURCES names "log4js"; known are pino, winston, console. It is left out.',
  },
  { env: { TOCSIN_URI: "http://a:1" }, fault: "TOCSIN_URI has no effect; TOCSIN_URL is probably meant." },
  {
    env: { OTEL_METRICS_EXPORTER: "otlp,statsd" },
    fault: 'OTEL_METRICS_EXPORTER names "statsd"; known are otlp, console, prometheus, none. It is left out.',
  },
  {
    env: { OTEL_EXPORTER_OTLP_COMPRESSION: "brotli" },
    fault: "OTEL_EXPORTER_OTLP_COMPRESSION must be one of none, gzip; using none.",
  },
  {
    env: { OTEL_BSP_MAX_QUEUE_SIZE: "100" },
    fault: "OTEL_BSP_MAX_QUEUE_SIZE has no effect: buffers are bounded by size, 32 MB in all.",
  },
  {
    env: { OTEL_RESOURCE_ATTRIBUTES: "team" },
    fault: 'OTEL_RESOURCE_ATTRIBUTES has a part without "key=value"; that part is left out.',
  },
  {
    env: { TOCSIN_SAMPLE: "search=2" },
    fault: "TOCSIN_SAMPLE has a part that is not PATH=RATIO (e.g. /search*=0.1); that part is left out.",
  },
  {
    env: { OTEL_PROPAGATORS: "tracecontext,xray" },
    fault:
      'OTEL_PROPAGATORS names "xray"; known are tracecontext, baggage, b3, b3multi, jaeger, none. It is left out.',
  },
  {
    env: { OTEL_SDK_DISABLED: "yes" },
    fault: "OTEL_SDK_DISABLED must be true or false; using false.",
  },
])("names the fault once: $fault", ({ env, fault }) => {
  const { env: reader } = readSettings({ env });
  // The resource is read later than the rest, by the same reader.
  if ("OTEL_RESOURCE_ATTRIBUTES" in env) reader.pairs("OTEL_RESOURCE_ATTRIBUTES");
  expect(reader.faults).toEqual([fault]);
});

test("secrets are not in what is said", () => {
  expect(faultsOf({ OTEL_EXPORTER_OTLP_ENDPOINT: "ftp://user:hunter2@host" }).join()).not.toContain(
    "hunter2",
  );
});

test("takes OpenTelemetry's own span processors", () => {
  const processor: SpanProcessor = new SimpleSpanProcessor({ exporter: new InMemorySpanExporter() });
  expect(readSettings({ env: {}, spanProcessors: [processor] }).spanProcessors).toEqual([processor]);
});
