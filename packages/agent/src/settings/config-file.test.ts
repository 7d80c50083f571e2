import { expect, test } from "vitest";
import { readConfigFile } from "./config-file.js";
import { readSettings } from "./settings.js";

const FILE = `
file_format: "1.0"
resource:
  attributes:
    - { name: service.name, value: "\${SERVICE:-shop}" }
    - { name: team, value: "a, b" }
propagator:
  composite: [tracecontext: , b3: ]
tracer_provider:
  processors:
    - batch:
        schedule_delay: 250
        exporter:
          otlp_http:
            endpoint: http://collector:4318/v1/traces
            compression: gzip
            headers:
              - { name: x-token, value: "\${TOKEN}" }
  sampler:
    parent_based:
      root:
        trace_id_ratio_based: { ratio: 0.5 }
meter_provider:
  readers:
    - periodic:
        interval: 5000
        exporter:
          otlp_http:
            temporality_preference: delta
  views: []
`;

const from = (text: string, env: Record<string, string> = {}) =>
  readConfigFile({ OTEL_CONFIG_FILE: "/etc/otel.yaml", ...env }, () => text);

test("says the same as the environment variables would", () => {
  const { env } = from(FILE, { TOKEN: "s3=cret", OTEL_TRACES_SAMPLER: "always_off", OTHER: "kept" });
  expect(env).toEqual({
    OTHER: "kept",
    TOKEN: "s3=cret",
    OTEL_RESOURCE_ATTRIBUTES: "service.name=shop,team=a%2C%20b",
    OTEL_PROPAGATORS: "tracecontext,b3",
    OTEL_BSP_SCHEDULE_DELAY: "250",
    OTEL_TRACES_EXPORTER: "otlp",
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/protobuf",
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://collector:4318/v1/traces",
    OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: "gzip",
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: "x-token=s3%3Dcret",
    OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
    OTEL_TRACES_SAMPLER_ARG: "0.5",
    OTEL_METRIC_EXPORT_INTERVAL: "5000",
    OTEL_METRICS_EXPORTER: "otlp",
    OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: "http/protobuf",
    OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: "delta",
  });
  const settings = readSettings({ env });
  expect(settings.env.faults).toEqual([]);
  expect(settings.destinations.traces).toMatchObject({
    url: "http://collector:4318/v1/traces",
    isGzip: true,
    headers: { "x-token": "s3=cret" },
  });
  expect(settings).toMatchObject({ metricIntervalMs: 5000, batchDelayMs: 250, temporality: "delta" });
});

test("names what it does not know, with its place", () => {
  expect(from(FILE).faults).toEqual([
    "OTEL_CONFIG_FILE: meter_provider.views is not supported; known here are readers.",
  ]);
});

test.each([
  { name: "no YAML", text: "a: [" },
  { name: "no mapping", text: "- a" },
])("goes on with environment variables where the file is $name", ({ text }) => {
  const { env, faults } = from(text, { OTEL_SERVICE_NAME: "kept" });
  expect(env.OTEL_SERVICE_NAME).toBe("kept");
  expect(faults[0]).toMatch(/^OTEL_CONFIG_FILE cannot be used: /);
});
