import type { Attributes, TextMapPropagator } from "@opentelemetry/api";
import { type ExporterChoice, readExporters } from "../exporters.js";
import type { Redaction } from "../http/redact-url.js";
import type { AttributeLimits, Destination, Signal } from "../send/protocol.js";
import { guardedSampler } from "../trace/guarded.js";
import type { SpanLimits } from "../trace/lean-span.js";
import { PROPAGATORS } from "../trace/propagators.js";
import { readSampler, type SamplerChoice } from "../trace/sampler.js";
import { readConfigFile } from "./config-file.js";
import { EnvReader } from "./env.js";
import { readInstrumentations } from "./instrumentations.js";
import type { AgentOptions, LogSource, SpanProcessor } from "./options.js";
import { BUFFER_BYTES, faultOf } from "./variables.js";

/** Everything that the agent goes by, decided once at start. */
export interface Settings {
  readonly isDisabled: boolean;
  readonly serviceName: string | undefined;
  readonly serviceVersion: string | undefined;
  readonly sampler: SamplerChoice;
  /** The service's own, instead of what the environment names. */
  readonly propagator: TextMapPropagator | undefined;
  readonly exporters: Readonly<Record<Signal, ExporterChoice>>;
  /** Where the agent's own way leads; absent for a signal that does not go it. */
  readonly destinations: Readonly<Record<Signal, Destination | undefined>>;
  /** Whether counters and histograms go out as what was added since the last export. */
  readonly temporality: Temporality;
  /** Whether durations are counted in exponential histograms. */
  readonly isExponential: boolean;
  readonly logSources: readonly LogSource[];
  /** Whether a library is watched, by the short name of OpenTelemetry's instrumentation. */
  readonly isInstrumented: (name: string) => boolean;
  readonly spanProcessors: readonly SpanProcessor[];
  /** How often metrics go out. */
  readonly metricIntervalMs: number;
  /** How often spans go out. */
  readonly batchDelayMs: number;
  /** How often log lines go out. */
  readonly logDelayMs: number;
  readonly spanLimits: SpanLimits;
  readonly logLimits: AttributeLimits;
  /** Whether prom-client's exemplars go along. */
  readonly hasExemplars: boolean;
  /** Headers whose values become attributes of HTTP spans, in lower case. */
  readonly captured: CapturedHeaders;
  /** Names of query parameters and headers whose values are hidden beyond the usual ones, or are not though usual. */
  readonly redaction: Redaction;
  /** Resource attributes of a configuration file that are not text. */
  readonly resourceAttributes: Attributes;
  /** Bytes of telemetry that may wait for the collector. */
  readonly bufferBytes: number;
  readonly metricsPort: number | undefined;
  readonly logLevel: LogLevel;
  readonly env: EnvReader;
}

const TEMPORALITIES = ["cumulative", "delta", "lowmemory"] as const;
/** OpenTelemetry's preferences for what a point counts since. */
export type Temporality = (typeof TEMPORALITIES)[number];

/** Names of headers, by whose and of what they are. */
export interface CapturedHeaders {
  readonly server: HeaderNames;
  readonly client: HeaderNames;
}

/** Names of headers in lower case. */
export interface HeaderNames {
  readonly request: readonly string[];
  readonly response: readonly string[];
}

/** How much the agent says on standard error. */
export type LogLevel = "silent" | "warn" | "info" | "debug";

/** Reads options and environment; faults are gathered in `env.faults`. */
export function readSettings(options: AgentOptions = {}): Settings {
  const file = readConfigFile(options.env ?? process.env);
  const env = new EnvReader(file.env);
  for (const fault of file.faults) env.fault(fault);
  const exporters = {
    traces: readExporters(env, "traces", options.url),
    metrics: readExporters(env, "metrics", options.url),
    logs: readExporters(env, "logs", options.url),
  };
  for (const name of env.list("OTEL_PROPAGATORS") ?? [])
    if (!PROPAGATORS.some((known) => known === name))
      env.fault(`OTEL_PROPAGATORS names "${name}"; known are ${PROPAGATORS.join(", ")}. It is left out.`);
  for (const name of env.names()) {
    const fault = faultOf(name);
    // What asks for the conventions that are sent anyway gets what it asks for.
    const isMet = name === "OTEL_SEMCONV_STABILITY_OPT_IN" && !env.text(name)?.includes("/dup");
    if (fault !== undefined && !isMet) env.fault(fault);
  }
  const batchDelayMs = env.intervalMs("OTEL_BSP_SCHEDULE_DELAY", 500, 10);
  return {
    isDisabled: env.flag("OTEL_SDK_DISABLED", false),
    serviceName: options.serviceName,
    serviceVersion: options.serviceVersion,
    sampler: {
      ...readSampler(env, options.sampling),
      ...(options.sampler === undefined ? {} : { custom: guardedSampler(options.sampler) }),
    },
    propagator: options.propagator,
    exporters,
    destinations: {
      traces: exporters.traces.own,
      metrics: exporters.metrics.own,
      logs: exporters.logs.own,
    },
    temporality: env.choice("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", TEMPORALITIES, "cumulative"),
    isExponential:
      env.choice(
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
        ["explicit_bucket_histogram", "base2_exponential_bucket_histogram"],
        "explicit_bucket_histogram",
      ) === "base2_exponential_bucket_histogram",
    logSources: readLogSources(env, options.logSources),
    isInstrumented: readInstrumentations(env),
    spanProcessors: options.spanProcessors ?? [],
    metricIntervalMs: env.intervalMs("OTEL_METRIC_EXPORT_INTERVAL", 1000, 100),
    batchDelayMs,
    logDelayMs: env.intervalMs("OTEL_BLRP_SCHEDULE_DELAY", batchDelayMs, 10),
    spanLimits: {
      ...readLimits(env, "OTEL_SPAN"),
      eventCount: env.number("OTEL_SPAN_EVENT_COUNT_LIMIT", 128),
      linkCount: env.number("OTEL_SPAN_LINK_COUNT_LIMIT", 128),
      eventAttributeCount: env.number("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", 128),
      linkAttributeCount: env.number("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", 128),
    },
    logLimits: readLimits(env, "OTEL_LOGRECORD"),
    hasExemplars:
      env.choice(
        "OTEL_METRICS_EXEMPLAR_FILTER",
        ["trace_based", "always_on", "always_off"],
        "trace_based",
      ) !== "always_off",
    captured: { server: readHeaders(env, "SERVER"), client: readHeaders(env, "CLIENT") },
    redaction: {
      deny: options.redact?.deny ?? env.list("TOCSIN_REDACT") ?? [],
      allow: options.redact?.allow ?? env.list("TOCSIN_REDACT_ALLOW") ?? [],
    },
    resourceAttributes: file.attributes,
    bufferBytes: BUFFER_BYTES,
    metricsPort: options.metricsPort ?? portOf(env),
    logLevel: env.choice("TOCSIN_LOG", ["silent", "warn", "info", "debug"], readLogLevel(env)),
    env,
  };
}

function portOf(env: EnvReader): number | undefined {
  return env.text("TOCSIN_METRICS_PORT") === undefined ? undefined : env.port("TOCSIN_METRICS_PORT", 9464);
}

/** Limits of one kind of record, which fall back to the common ones. */
function readLimits(env: EnvReader, prefix: string): AttributeLimits {
  const count = env.number("OTEL_ATTRIBUTE_COUNT_LIMIT", 128);
  const length = env.number("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", Number.POSITIVE_INFINITY);
  return {
    attributeCount: env.number(`${prefix}_ATTRIBUTE_COUNT_LIMIT`, count),
    attributeValueLength: env.number(`${prefix}_ATTRIBUTE_VALUE_LENGTH_LIMIT`, length),
  };
}

function readHeaders(env: EnvReader, side: string): HeaderNames {
  const read = (part: string): readonly string[] =>
    (env.list(`OTEL_INSTRUMENTATION_HTTP_${side}_CAPTURE_${part}_HEADERS`) ?? []).map((name) =>
      name.toLowerCase(),
    );
  return { request: read("REQUEST"), response: read("RESPONSE") };
}

/** OpenTelemetry's words for how much is said, in the agent's. */
function readLogLevel(env: EnvReader): LogLevel {
  return LOG_LEVELS[env.choice("OTEL_LOG_LEVEL", OTEL_LOG_LEVELS, "info")];
}

const OTEL_LOG_LEVELS = [
  "none",
  "fatal",
  "error",
  "warn",
  "info",
  "debug",
  "verbose",
  "trace",
  "all",
] as const;
const LOG_LEVELS: Readonly<Record<(typeof OTEL_LOG_LEVELS)[number], LogLevel>> = {
  none: "silent",
  fatal: "silent",
  error: "warn",
  warn: "warn",
  info: "info",
  debug: "debug",
  verbose: "debug",
  trace: "debug",
  all: "debug",
};

const LOG_SOURCES: readonly LogSource[] = ["pino", "winston", "console"];

function readLogSources(env: EnvReader, given: readonly LogSource[] | undefined): readonly LogSource[] {
  if (given !== undefined) return given;
  return (env.list("TOCSIN_LOG_SOURCES") ?? ["pino"]).flatMap((name) => {
    const found = LOG_SOURCES.find((source) => source === name);
    if (found === undefined)
      env.fault(`TOCSIN_LOG_SOURCES names "${name}"; known are ${LOG_SOURCES.join(", ")}. It is left out.`);
    return found ?? [];
  });
}
