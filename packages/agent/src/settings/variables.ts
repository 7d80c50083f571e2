/** Telemetry that may wait for the collector, in all. */
export const BUFFER_BYTES = 32 << 20;

/** What becomes of one environment variable. */
export interface Variable {
  readonly name: string;
  /** Whether it does what the specification says it does. */
  readonly isHonoured: boolean;
  /** What it sets here; else why it has no effect, as the end of a sentence. */
  readonly note: string;
}

/**
 * Every `OTEL_` variable that OpenTelemetry's specification gives SDKs, and those of its JavaScript SDK.
 *
 * @see https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 * @see https://opentelemetry.io/docs/specs/otel/protocol/exporter/
 */
export const VARIABLES: readonly Variable[] = [
  honoured("OTEL_SDK_DISABLED", "`true` turns everything off"),
  honoured("OTEL_RESOURCE_ATTRIBUTES", "resource, over what is detected"),
  honoured("OTEL_SERVICE_NAME", "`service.name`, over the former"),
  honoured("OTEL_LOG_LEVEL", "how much is said, where `TOCSIN_LOG` does not tell"),
  honoured(
    "OTEL_PROPAGATORS",
    "`tracecontext`, `baggage`, `b3`, `b3multi`, `jaeger`, `none`; not `xray`, `ottrace`",
  ),
  honoured("OTEL_TRACES_SAMPLER", "all but `jaeger_remote` and `xray`"),
  honoured("OTEL_TRACES_SAMPLER_ARG", "the ratio"),
  honoured(
    "OTEL_CONFIG_FILE",
    "declarative configuration; every other `OTEL_` variable is out of account then",
  ),
  honoured("OTEL_EXPERIMENTAL_CONFIG_FILE", "the same by its old name"),
  ignored("OTEL_ENTITIES", "entities are in development"),

  honoured("OTEL_BSP_SCHEDULE_DELAY", "how often spans go out; 500 ms"),
  honoured("OTEL_BSP_EXPORT_TIMEOUT", "bounds each attempt to send spans"),
  ...["OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"].map(boundedBySize),
  honoured("OTEL_BLRP_SCHEDULE_DELAY", "how often log lines go out; as spans"),
  honoured("OTEL_BLRP_EXPORT_TIMEOUT", "bounds each attempt to send log lines"),
  ...["OTEL_BLRP_MAX_QUEUE_SIZE", "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE"].map(boundedBySize),

  honoured("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "spans and log records; no limit"),
  honoured("OTEL_ATTRIBUTE_COUNT_LIMIT", "spans and log records; 128"),
  honoured("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "over the former"),
  honoured("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "over the former"),
  honoured("OTEL_SPAN_EVENT_COUNT_LIMIT", "128"),
  honoured("OTEL_SPAN_LINK_COUNT_LIMIT", "128"),
  honoured("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "128"),
  honoured("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "128"),
  honoured("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "over the common one"),
  honoured("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "over the common one"),

  honoured("OTEL_TRACES_EXPORTER", "any of `otlp`, `console`, `zipkin`, or `none`"),
  honoured("OTEL_METRICS_EXPORTER", "any of `otlp`, `console`, `prometheus`, or `none`"),
  honoured("OTEL_LOGS_EXPORTER", "any of `otlp`, `console`, or `none`"),
  honoured("OTEL_EXPORTER_ZIPKIN_ENDPOINT", "where `zipkin` sends"),
  ignored("OTEL_EXPORTER_ZIPKIN_TIMEOUT", "OpenTelemetry's Zipkin exporter has no such setting"),
  ignored("OTEL_EXPORTER_ZIPKIN_PROTOCOL", "it is reserved for later"),
  honoured("OTEL_EXPORTER_PROMETHEUS_HOST", "where `prometheus` listens"),
  honoured("OTEL_EXPORTER_PROMETHEUS_PORT", "9464"),

  honoured(
    "OTEL_METRICS_EXEMPLAR_FILTER",
    "`always_off` leaves out prom-client's exemplars, which are all there are",
  ),
  honoured("OTEL_METRIC_EXPORT_INTERVAL", "1 s"),
  honoured("OTEL_METRIC_EXPORT_TIMEOUT", "bounds each attempt to send metrics"),

  ...["", "_TRACES", "_METRICS", "_LOGS"].flatMap((signal) => [
    honoured(`OTEL_EXPORTER_OTLP${signal}_ENDPOINT`, "over `TOCSIN_URL`"),
    honoured(`OTEL_EXPORTER_OTLP${signal}_INSECURE`, "gRPC endpoints without a scheme: no TLS"),
    honoured(`OTEL_EXPORTER_OTLP${signal}_CERTIFICATE`, "file of the CA"),
    honoured(`OTEL_EXPORTER_OTLP${signal}_CLIENT_KEY`, "file"),
    honoured(`OTEL_EXPORTER_OTLP${signal}_CLIENT_CERTIFICATE`, "file"),
    honoured(`OTEL_EXPORTER_OTLP${signal}_HEADERS`, "added to the common ones"),
    honoured(`OTEL_EXPORTER_OTLP${signal}_COMPRESSION`, "`gzip` or `none`"),
    honoured(`OTEL_EXPORTER_OTLP${signal}_TIMEOUT`, "10 s for each attempt"),
    honoured(
      `OTEL_EXPORTER_OTLP${signal}_PROTOCOL`,
      "`http/protobuf`; `http/json` and `grpc` by OpenTelemetry's exporters",
    ),
  ]),
  honoured("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "`cumulative`, `delta`, `lowmemory`"),
  honoured(
    "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
    "`explicit_bucket_histogram`, `base2_exponential_bucket_histogram`",
  ),

  ...["SERVER", "CLIENT"].flatMap((side) =>
    ["REQUEST", "RESPONSE"].map((part) =>
      honoured(
        `OTEL_INSTRUMENTATION_HTTP_${side}_CAPTURE_${part}_HEADERS`,
        "header names; values of secret ones are hidden",
      ),
    ),
  ),
  ignored("OTEL_SEMCONV_STABILITY_OPT_IN", "stable semantic conventions are the only ones sent"),
  honoured(
    "OTEL_NODE_ENABLED_INSTRUMENTATIONS",
    "short names of what is watched, as OpenTelemetry has them; all",
  ),
  honoured("OTEL_NODE_DISABLED_INSTRUMENTATIONS", "the same, left out"),
  honoured("OTEL_NODE_EXPERIMENTAL_SDK_METRICS", "by the SDK itself"),
  ignored("OTEL_NODE_RESOURCE_DETECTORS", "what the agent detects needs no network and is always sent"),
];

function honoured(name: string, note: string): Variable {
  return { name, isHonoured: true, note };
}

function ignored(name: string, note: string): Variable {
  return { name, isHonoured: false, note };
}

function boundedBySize(name: string): Variable {
  return ignored(name, `buffers are bounded by size, ${BUFFER_BYTES >> 20} MB in all`);
}

const BY_NAME: ReadonlyMap<string, Variable> = new Map(VARIABLES.map((one) => [one.name, one]));
/** Of other languages' SDKs, and what OpenTelemetry's Kubernetes operator sets for its own use. */
const OTHERS = /^OTEL_(RESOURCE_ATTRIBUTES_|INJECTOR_|DOTNET_|GO_|JAVA|JAVAAGENT_|PHP_|PYTHON_|RUBY_)/;

/** The agent's own variables; the collector and its tools have others. */
const OWN: readonly string[] = [
  "TOCSIN_URL",
  "TOCSIN_TOKEN",
  "TOCSIN_LOG",
  "TOCSIN_LOG_SOURCES",
  "TOCSIN_METRICS_PORT",
  "TOCSIN_SAMPLE",
  "TOCSIN_REDACT",
  "TOCSIN_REDACT_ALLOW",
];

/** What to say of a variable that is set: nothing, that it has no effect and why, or that nobody knows it. */
export function faultOf(name: string): string | undefined {
  const known = BY_NAME.get(name);
  if (name.startsWith("TOCSIN_") && !OWN.includes(name)) {
    const meant = OWN.find((own) => distance(name, own) <= 2);
    return meant === undefined ? undefined : `${name} has no effect; ${meant} is probably meant.`;
  }
  if (known === undefined)
    return name.startsWith("OTEL_") && !OTHERS.test(name)
      ? `${name} is not a variable of OpenTelemetry's specification; it has no effect here.`
      : undefined;
  return known.isHonoured ? undefined : `${name} has no effect: ${known.note}.`;
}

/** How many letters are to be changed, left out or put in to make one word the other (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swapped = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swapped, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
