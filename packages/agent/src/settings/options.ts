import type {
  Attributes,
  Context,
  HrTime,
  Link,
  Sampler,
  Span,
  SpanContext,
  SpanKind,
  SpanStatus,
  TextMapPropagator,
} from "@opentelemetry/api";
import type { Env } from "./env.js";

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
  /**
   * Ratios for sampling root spans by path, e.g. `{ "/search*": 0.1, "/orders/:id": 0.5 }`; one that ends in `*` is a prefix.
   * Comes on top of `TOCSIN_SAMPLE`. Probes (`/livez`, `/readyz`, `/healthz`, `/health`) are at 0 unless said otherwise.
   * Metrics are not sampled.
   */
  readonly sampling?: Readonly<Record<string, number>>;
  /** Which loggers' lines are sent: any of `pino` (the default), `winston`, `console`; else `TOCSIN_LOG_SOURCES`. */
  readonly logSources?: readonly LogSource[];
  /**
   * Query parameters and captured headers, by name in any case: `deny` hides values beyond the secret ones that are known
   * (`token`, `authorization`, …), `allow` shows known ones. Else `TOCSIN_REDACT` and `TOCSIN_REDACT_ALLOW`, comma-separated.
   */
  readonly redact?: { readonly deny?: readonly string[]; readonly allow?: readonly string[] };
  /** Span processors of your own, beside the agent's; those of OpenTelemetry's SDK fit. */
  readonly spanProcessors?: readonly SpanProcessor[];
  /**
   * A sampler of your own, asked for each span instead of `OTEL_TRACES_SAMPLER` and `sampling`; those of OpenTelemetry's SDK
   * fit. Wrap it in `ParentBasedSampler` where traces should stay whole.
   */
  readonly sampler?: Sampler;
  /** A propagator of your own instead of those of `OTEL_PROPAGATORS`. */
  readonly propagator?: TextMapPropagator;
  /** Environment to read instead of the process's own. */
  readonly env?: Env;
}

/** Loggers whose lines the agent can send. */
export type LogSource = "pino" | "winston" | "console";

/**
 * OpenTelemetry's span processor, in the words of its API package alone, so that a service needs no SDK to compile.
 * `@opentelemetry/sdk-trace`'s own interface and classes are assignable to it.
 */
export interface SpanProcessor {
  onStart(span: Span, parentContext: Context): void;
  onEnd(span: FinishedSpan): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

/** What a span processor is told of a span that has ended: the part of the SDK's `ReadableSpan` that needs no SDK. */
export interface FinishedSpan {
  readonly name: string;
  readonly kind: SpanKind;
  readonly startTime: HrTime;
  readonly endTime: HrTime;
  readonly duration: HrTime;
  readonly status: SpanStatus;
  readonly attributes: Attributes;
  readonly links: readonly Link[];
  readonly events: readonly {
    readonly name: string;
    readonly time: HrTime;
    readonly attributes?: Attributes;
  }[];
  readonly parentSpanContext?: SpanContext;
  spanContext(): SpanContext;
}
