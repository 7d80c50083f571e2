import { createRequire } from "node:module";
import {
  ConsoleMetricExporter,
  type MetricProducer,
  type MetricReader,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from "@opentelemetry/sdk-metrics";
import {
  BatchSpanProcessor,
  ConsoleSpanExporter,
  SimpleSpanProcessor,
  type SpanExporter,
  type SpanProcessor,
} from "@opentelemetry/sdk-trace";
import type { Signal } from "./send/protocol.js";
import type { EnvReader } from "./settings/env.js";

/** The protocols of OTLP. Only the first goes the agent's own short way; the others are OpenTelemetry's exporters. */
const PROTOCOLS = ["http/protobuf", "http/json", "grpc"] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** Which exporters a signal was asked to go to: the agent's own way, and others by name. */
export interface ExporterChoice {
  readonly isOwn: boolean;
  readonly others: readonly string[];
}

const KNOWN: Readonly<Record<Signal, readonly string[]>> = {
  traces: ["otlp", "console", "zipkin", "none"],
  metrics: ["otlp", "console", "prometheus", "none"],
  logs: ["otlp", "console", "none"],
};

/** Reads `OTEL_<SIGNAL>_EXPORTER` and the protocol of OTLP. */
export function readExporters(env: EnvReader, signal: Signal): ExporterChoice {
  const name = `OTEL_${signal.toUpperCase()}_EXPORTER`;
  const known = (env.list(name) ?? ["otlp"]).filter((exporter) => {
    if (KNOWN[signal].includes(exporter)) return true;
    env.fault(`${name} names "${exporter}"; known are ${KNOWN[signal].join(", ")}. It is left out.`);
    return false;
  });
  if (known.includes("none")) return { isOwn: false, others: [] };
  const protocol = readProtocol(env, signal);
  const isOtlp = known.includes("otlp");
  const others = known.filter((exporter) => exporter !== "otlp");
  if (isOtlp && protocol !== "http/protobuf") others.push(protocol);
  if (signal === "logs" && others.length > 0)
    env.fault(
      `log lines go by OTLP over http/protobuf only; ${others.join(" and ")} gets records of the Logs API alone.`,
    );
  return { isOwn: isOtlp && protocol === "http/protobuf", others };
}

function readProtocol(env: EnvReader, signal: Signal): Protocol {
  const own = `OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_PROTOCOL`;
  const name = env.text(own) === undefined ? "OTEL_EXPORTER_OTLP_PROTOCOL" : own;
  return env.choice(name, PROTOCOLS, "http/protobuf");
}

/** OpenTelemetry's own span processors for exporters other than the agent's. */
export function otherSpanProcessors({ others }: ExporterChoice, delayMs: number): SpanProcessor[] {
  return others.map((name) => {
    if (name === "console") return new SimpleSpanProcessor({ exporter: new ConsoleSpanExporter() });
    return new BatchSpanProcessor({ exporter: spanExporter(name), scheduledDelayMillis: delayMs });
  });
}

function spanExporter(name: string): SpanExporter {
  switch (name) {
    case "zipkin":
      return make("@opentelemetry/exporter-zipkin", "ZipkinExporter");
    case "grpc":
      return make("@opentelemetry/exporter-trace-otlp-grpc", "OTLPTraceExporter");
    default:
      return make("@opentelemetry/exporter-trace-otlp-http", "OTLPTraceExporter");
  }
}

/** OpenTelemetry's own metric readers for exporters other than the agent's; `producer` adds what the agent measures. */
export function otherMetricReaders(
  { others }: ExporterChoice,
  producer: MetricProducer,
  intervalMs: number,
): MetricReader[] {
  const metricProducers = [producer];
  return others.map((name) => {
    if (name === "prometheus")
      return make("@opentelemetry/exporter-prometheus", "PrometheusExporter", { metricProducers });
    return new PeriodicExportingMetricReader({
      exporter: metricExporter(name),
      exportIntervalMillis: intervalMs,
      metricProducers,
    });
  });
}

function metricExporter(name: string): PushMetricExporter {
  switch (name) {
    case "console":
      return new ConsoleMetricExporter();
    case "grpc":
      return make("@opentelemetry/exporter-metrics-otlp-grpc", "OTLPMetricExporter");
    default:
      return make("@opentelemetry/exporter-metrics-otlp-http", "OTLPMetricExporter");
  }
}

/** Loaded when asked for; few services have any of these. */
function make<T>(packageName: string, className: string, options?: object): T {
  const require = createRequire(createRequire(import.meta.url).resolve("@opentelemetry/sdk-node"));
  const exported = require(packageName) as Record<string, new (options?: object) => T>;
  const Exporter = exported[className];
  if (Exporter === undefined) throw new Error(`${packageName} has no ${className}`);
  return new Exporter(options);
}
