// A file of its own in `dist/on-demand`: OpenTelemetry's exporters for whatever does not go the agent's own way.
import http from "node:http";
import https from "node:https";
import type { Socket } from "node:net";
import { type ChannelCredentials, credentials, Metadata } from "@grpc/grpc-js";
import { OTLPLogExporter as GrpcLogExporter } from "@opentelemetry/exporter-logs-otlp-grpc";
import { OTLPLogExporter as JsonLogExporter } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPMetricExporter as GrpcMetricExporter } from "@opentelemetry/exporter-metrics-otlp-grpc";
import { OTLPMetricExporter as JsonMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { PrometheusExporter } from "@opentelemetry/exporter-prometheus";
import { OTLPTraceExporter as GrpcSpanExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as JsonSpanExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { ZipkinExporter } from "@opentelemetry/exporter-zipkin";
import { CompressionAlgorithm } from "@opentelemetry/otlp-exporter-base";
import {
  BatchLogRecordProcessor,
  ConsoleLogRecordExporter,
  type LogRecordProcessor,
  SimpleLogRecordProcessor,
} from "@opentelemetry/sdk-logs";
import {
  AggregationTemporality,
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
  type SpanProcessor,
} from "@opentelemetry/sdk-trace";
import type { OtherExporter } from "../exporters.js";
import type { ExportOutcome } from "../lifecycle/delivery-report.js";
import type { Destination } from "../send/protocol.js";
import type { Temporality } from "../settings/settings.js";
import { told } from "./told-export.js";

/** Hears how each export went. */
type Tell = (outcome: ExportOutcome) => void;

/** A span processor for an exporter other than the agent's. */
export function spanProcessor(choice: OtherExporter, delayMs: number, tell: Tell): SpanProcessor {
  switch (choice.kind) {
    case "console":
      return new SimpleSpanProcessor({ exporter: new ConsoleSpanExporter() });
    case "zipkin":
      return batched(told(new ZipkinExporter({ url: choice.url, headers: {} }), tell), delayMs);
    case "grpc":
      return batched(told(new GrpcSpanExporter(grpcOptions(choice.to)), tell), delayMs);
    case "http/json":
      return batched(told(new JsonSpanExporter(httpOptions(choice.to)), tell), delayMs);
    case "prometheus":
      throw new Error("Prometheus takes no spans.");
  }
}

/** What a metric reader needs besides its exporter. `producer` adds what the agent measures itself. */
export interface ReaderOptions {
  readonly producer: MetricProducer;
  readonly intervalMs: number;
  readonly temporality: Temporality;
  readonly tell: Tell;
}

/** A metric reader for an exporter other than the agent's. */
export function metricReader(choice: OtherExporter, options: ReaderOptions): MetricReader {
  const metricProducers = [options.producer];
  if (choice.kind === "prometheus")
    return new PrometheusExporter({ host: choice.host, port: choice.port, metricProducers }, (error) => {
      if (error !== undefined) options.tell({ why: error instanceof Error ? error.message : String(error) });
    });
  return new PeriodicExportingMetricReader({
    exporter: told(metricExporter(choice, options.temporality), options.tell),
    exportIntervalMillis: options.intervalMs,
    metricProducers,
  });
}

function metricExporter(choice: OtherExporter, temporality: Temporality): PushMetricExporter {
  const temporalityPreference = TEMPORALITIES[temporality];
  switch (choice.kind) {
    case "console":
      return new ConsoleMetricExporter();
    case "grpc":
      return new GrpcMetricExporter({ ...grpcOptions(choice.to), temporalityPreference });
    case "http/json":
      return new JsonMetricExporter({ ...httpOptions(choice.to), temporalityPreference });
    default:
      throw new Error(`${choice.kind} takes no metrics.`);
  }
}

/** A processor of the Logs API's records for an exporter other than the agent's. */
export function logProcessor(choice: OtherExporter, delayMs: number, tell: Tell): LogRecordProcessor {
  switch (choice.kind) {
    case "console":
      return new SimpleLogRecordProcessor({ exporter: new ConsoleLogRecordExporter() });
    case "grpc":
      return new BatchLogRecordProcessor({
        exporter: told(new GrpcLogExporter(grpcOptions(choice.to)), tell),
        scheduledDelayMillis: delayMs,
      });
    case "http/json":
      return new BatchLogRecordProcessor({
        exporter: told(new JsonLogExporter(httpOptions(choice.to)), tell),
        scheduledDelayMillis: delayMs,
      });
    default:
      throw new Error(`${choice.kind} takes no log records.`);
  }
}

/** OpenTelemetry's numbers for the preferences. */
const TEMPORALITIES: Readonly<Record<Temporality, AggregationTemporality | 2>> = {
  cumulative: AggregationTemporality.CUMULATIVE,
  delta: AggregationTemporality.DELTA,
  lowmemory: 2,
};

function batched(
  exporter: ConstructorParameters<typeof BatchSpanProcessor>[0]["exporter"],
  delayMs: number,
): SpanProcessor {
  return new BatchSpanProcessor({ exporter, scheduledDelayMillis: delayMs });
}

function httpOptions({ url, headers, timeoutMs, isGzip, tls }: Destination) {
  return {
    url,
    headers: { ...headers },
    timeoutMillis: timeoutMs,
    compression: isGzip ? CompressionAlgorithm.GZIP : CompressionAlgorithm.NONE,
    httpAgentOptions: async (protocol: string) => quietAgent(protocol === "https:" ? https : http, tls),
  };
}

/** An agent whose connections do not keep the service alive; the end of a process waits for them on its own account. */
function quietAgent(from: typeof http | typeof https, tls: Destination["tls"]): http.Agent {
  const agent = new from.Agent({ keepAlive: true, ...tls });
  // A method of `http.Agent` that its types leave out.
  const inner = agent as unknown as { createConnection: (...args: unknown[]) => Socket | undefined };
  const { createConnection } = inner;
  inner.createConnection = (...args) => createConnection.apply(agent, args)?.unref();
  agent.reuseSocket = (_socket, request) => {
    request.reusedSocket = true;
  };
  return agent;
}

function grpcOptions({ url, headers, timeoutMs, isGzip, tls }: Destination) {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return {
    url,
    metadata,
    timeoutMillis: timeoutMs,
    compression: isGzip ? CompressionAlgorithm.GZIP : CompressionAlgorithm.NONE,
    credentials: url.startsWith("https:") ? secured(tls) : credentials.createInsecure(),
  };
}

function secured({ ca, cert, key }: Destination["tls"]): ChannelCredentials {
  const bytes = (text: string | undefined) => (text === undefined ? null : Buffer.from(text));
  return credentials.createSsl(bytes(ca), bytes(key), bytes(cert));
}
