import type { Destination, Signal } from "../send/protocol.js";
import type { SpanLimits } from "../trace/lean-span.js";
import { readDestinations } from "./destinations.js";
import { type Env, EnvReader } from "./env.js";

/** What a developer may pass to `start`; environment variables fill in the rest. */
export interface AgentOptions {
  /** `service.name`; else `OTEL_SERVICE_NAME`, else the name in `package.json`. */
  readonly serviceName?: string;
  /** `service.version`; else `SERVICE_VERSION`, else `package.json`, else git's commit. */
  readonly serviceVersion?: string;
  /** Base URL of the collector; else `OTEL_EXPORTER_OTLP_ENDPOINT`, else `TOCSIN_URL`. */
  readonly url?: string;
  /** Port of a server of its own for `GET /metrics` in Prometheus's form; else `TOCSIN_METRICS_PORT`; else none. */
  readonly metricsPort?: number;
  /** Environment to read instead of the process's own. */
  readonly env?: Env;
}

/** Everything that the agent goes by, decided once at start. */
export interface Settings {
  readonly isDisabled: boolean;
  readonly serviceName: string | undefined;
  readonly serviceVersion: string | undefined;
  readonly destinations: Readonly<Record<Signal, Destination | undefined>>;
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

/** How much the agent says on standard error. */
export type LogLevel = "silent" | "warn" | "info" | "debug";

/** Reads options and environment; faults are gathered in `env.faults`. */
export function readSettings(options: AgentOptions = {}): Settings {
  const env = new EnvReader(options.env ?? process.env);
  const destinations = readDestinations(env, options.url);
  const isSent = (signal: Signal): boolean => {
    const name = `OTEL_${signal.toUpperCase()}_EXPORTER`;
    const exporters = env.list(name) ?? ["otlp"];
    return exporters.includes("otlp");
  };
  return {
    isDisabled: env.flag("OTEL_SDK_DISABLED", false),
    serviceName: options.serviceName,
    serviceVersion: options.serviceVersion,
    destinations: {
      traces: isSent("traces") ? destinations.traces : undefined,
      metrics: isSent("metrics") ? destinations.metrics : undefined,
      logs: isSent("logs") ? destinations.logs : undefined,
    },
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
    bufferBytes: 32 << 20,
    metricsPort: options.metricsPort ?? portOf(env),
    logLevel: env.choice("TOCSIN_LOG", ["silent", "warn", "info", "debug"], "info"),
    env,
  };
}

function portOf(env: EnvReader): number | undefined {
  return env.text("TOCSIN_METRICS_PORT") === undefined ? undefined : env.number("TOCSIN_METRICS_PORT", 9464);
}
