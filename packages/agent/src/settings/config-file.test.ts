import { expect, test } from "vitest";
import { readConfigFile } from "./config-file.js";
import { parseWithReferences } from "./file-references.js";
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
    "OTEL_CONFIG_FILE: meter_provider.views is not supported; known here are readers, exemplar_filter.",
  ]);
});

test("what says the default, and lists of variables that are not set, are no faults", () => {
  const sampler = (notSampled: string): string => `
file_format: "1.0"
resource:
  attributes_list: \${OTEL_RESOURCE_ATTRIBUTES}
tracer_provider:
  sampler:
    parent_based:
      root: { always_on: }
      remote_parent_sampled: { always_on: }
      local_parent_not_sampled: { ${notSampled}: }
`;
  const { env, faults } = from(sampler("always_off"));
  expect(env).toEqual({ OTEL_TRACES_SAMPLER: "parentbased_always_on" });
  expect(faults).toEqual([]);
  expect(from(sampler("always_on")).faults).toEqual([
    "OTEL_CONFIG_FILE: tracer_provider.sampler.parent_based.local_parent_not_sampled can only be always_off.",
  ]);
});

test("limits, headers, pulled metrics and what is not text reach the settings", () => {
  const file = `
file_format: "1.0"
log_level: warn
resource:
  attributes:
    - { name: team, value: blue }
    - { name: shards, value: 3, type: int }
    - { name: zones, value: [a, b], type: string_array }
attribute_limits: { attribute_value_length_limit: 100, attribute_count_limit: 50 }
tracer_provider:
  processors: []
  limits:
    attribute_count_limit: 20
    event_count_limit: 5
    link_count_limit: 6
    event_attribute_count_limit: 7
    link_attribute_count_limit: 8
logger_provider:
  processors: []
  limits: { attribute_value_length_limit: 30 }
meter_provider:
  readers:
    - pull: { exporter: { prometheus/development: { host: 0.0.0.0, port: 9999 } } }
  exemplar_filter: always_off
instrumentation/development:
  general:
    http:
      server: { request_captured_headers: [X-Tenant], response_captured_headers: [x-cache] }
`;
  const { env, attributes, faults } = from(file);
  expect(faults).toEqual([]);
  expect(attributes).toEqual({ shards: 3, zones: ["a", "b"] });
  expect(readSettings({ env })).toMatchObject({
    logLevel: "warn",
    spanLimits: {
      attributeCount: 20,
      attributeValueLength: 100,
      eventCount: 5,
      linkCount: 6,
      eventAttributeCount: 7,
      linkAttributeCount: 8,
    },
    logLimits: { attributeCount: 50, attributeValueLength: 30 },
    exporters: { metrics: { own: undefined, others: [{ kind: "prometheus", host: "0.0.0.0", port: 9999 }] } },
    hasExemplars: false,
    captured: { server: { request: ["x-tenant"], response: ["x-cache"] } },
  });
});

test.each([
  { written: "${N}", env: { N: "3" }, is: 3 },
  { written: '"${N}"', env: { N: "3" }, is: "3" },
  { written: "${N}", env: {}, is: null },
  { written: "${N:-1.5}", env: {}, is: 1.5 },
  { written: "${env:N:-x}", env: { N: "" }, is: "x" },
  { written: "a ${N} b $${N}", env: { N: "x" }, is: "a x b ${N}" },
  { written: "${N}", env: { N: "{a: b}\nc: d" }, is: "{a: b}\nc: d" },
  { written: "${N}", env: { N: "true" }, is: true },
])("$written with $env is $is", ({ written, env, is }) => {
  expect(parseWithReferences(`key: ${written}`, env)).toEqual({ key: is });
});

test("what is no reference is named with its place", () => {
  expect(from('file_format: "1.0"\ndisabled: ${1X}\n').faults).toEqual([
    "OTEL_CONFIG_FILE cannot be used: 2:11 has ${1X}, which is no reference; ${NAME} and ${NAME:-default} are. Going on with environment variables.",
  ]);
});

test("a file without a known format is read, and said to be", () => {
  expect(from("disabled: true").faults).toEqual([
    'OTEL_CONFIG_FILE: file_format should be "1.0"; reading it as that.',
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
