import { type ExporterChoice, readExporters } from "../exporters.js";
import type { Destination, Signal } from "../send/protocol.js";
import type { SpanLimits } from "../trace/lean-span.js";
import { PROPAGATORS } from "../trace/propagators.js";
import { readSampler, type SamplerChoice } from "../trace/sampler.js";
import { readConfigFile } from "./config-file.js";
import { EnvReader } from "./env.js";
import type { AgentOptions, LogSource, SpanProcessor } from "./options.js";

/** Everything that the agent goes by, decided once at start. */
export interface Settings {
  readonly isDisabled: boolean;
  readonly serviceName: string | undefined;
  readonly serviceVersion: string | undefined;
  readonly sampler: SamplerChoice;
  readonly exporters: Readonly<Record<Signal, ExporterChoice>>;
  /** Where the agent's own way leads; absent for a signal that does not go it. */
  readonly destinations: Readonly<Record<Signal, Destination | undefined>>;
  /** Whether counters and histograms go out as what was added since the last export. */
  readonly temporality: Temporality;
  /** Whether durations are counted in exponential histograms. */
  readonly isExponential: boolean;
  readonly logSources: readonly LogSource[];
  readonly spanProcessors: readonly SpanProcessor[];
  /** How often metrics go out. */
  readonly metricIntervalMs: number;
  /** How often spans and log lines go out. */
  readonly batchDelayMs: number;
  readonly spanLimits: SpanLimits;
  /** Bytes of telemetry that may wait for the collector. */
  readonly bufferBytes: number;
  readonly metricsPort: number | undefined;
  readonly logLevel: LogLevel;
  readonly env: EnvReader;
}

const TEMPORALITIES = ["cumulative", "delta", "lowmemory"] as const;
/** OpenTelemetry's preferences for what a point counts since. */
export type Temporality = (typeof TEMPORALITIES)[number];

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
  for (const name of MEANINGLESS)
    if (env.text(name) !== undefined)
      env.fault(`${name} has no effect: buffers are bounded by size, ${BUFFER_BYTES >> 20} MB in all.`);
  return {
    isDisabled: env.flag("OTEL_SDK_DISABLED", false),
    serviceName: options.serviceName,
    serviceVersion: options.serviceVersion,
    sampler: readSampler(env, options.sampling),
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
    spanProcessors: options.spanProcessors ?? [],
    metricIntervalMs: env.number("OTEL_METRIC_EXPORT_INTERVAL", 1000, 100),
    batchDelayMs: env.number("OTEL_BSP_SCHEDULE_DELAY", 500, 10),
    spanLimits: {
      attributeCount: env.number(
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
        env.number("OTEL_ATTRIBUTE_COUNT_LIMIT", 128),
      ),
      attributeValueLength: env.number(
        "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        env.number("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", Number.POSITIVE_INFINITY),
      ),
      eventCount: env.number("OTEL_SPAN_EVENT_COUNT_LIMIT", 128),
      linkCount: env.number("OTEL_SPAN_LINK_COUNT_LIMIT", 128),
    },
    bufferBytes: BUFFER_BYTES,
    metricsPort: options.metricsPort ?? portOf(env),
    logLevel: env.choice("TOCSIN_LOG", ["silent", "warn", "info", "debug"], "info"),
    env,
  };
}

function portOf(env: EnvReader): number | undefined {
  return env.text("TOCSIN_METRICS_PORT") === undefined ? undefined : env.number("TOCSIN_METRICS_PORT", 9464);
}

const BUFFER_BYTES = 32 << 20;
/** Settings of OpenTelemetry's batching that bound queues by the number of items. */
const MEANINGLESS = [
  "OTEL_BSP_MAX_QUEUE_SIZE",
  "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
  "OTEL_BSP_EXPORT_TIMEOUT",
  "OTEL_BLRP_MAX_QUEUE_SIZE",
  "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE",
  "OTEL_BLRP_EXPORT_TIMEOUT",
];

const LOG_SOURCES: readonly LogSource[] = ["pino", "winston", "console"];

function readLogSources(env: EnvReader, given: readonly LogSource[] | undefined): readonly LogSource[] {
  if (given !== undefined) return given;
  return (env.list("TOCSIN_LOG_SOURCES") ?? ["pino"]).flatMap((name) => {
    const found = LOG_SOURCES.find((source) => source === name);
    if (found === undefined)
      env.fault(`TOCSIN_LOG_SOURCES must be some of ${LOG_SOURCES.join(", ")}; one part is left out.`);
    return found ?? [];
  });
}
