import { isMainThread } from "node:worker_threads";
import type { Attributes } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import type { MetricProducer } from "@opentelemetry/sdk-metrics";
import { NodeSDK } from "@opentelemetry/sdk-node";
import type { SpanProcessor as SdkSpanProcessor } from "@opentelemetry/sdk-trace";
import { type Agent, RunningAgent } from "./agent.js";
import { urlRedactor } from "./http/redact-url.js";
import { type Instrumented, instrument } from "./instrument.js";
import { serviceCopy } from "./libraries/service-copy.js";
import { DeliveryReport } from "./lifecycle/delivery-report.js";
import { detailsOf } from "./lifecycle/details.js";
import { EXIT_BUDGET_MS, flushAtExit } from "./lifecycle/exit.js";
import { tellOtelFaults } from "./lifecycle/otel-faults.js";
import { type Started, serviceOf } from "./lifecycle/program.js";
import { Voice } from "./lifecycle/say.js";
import { summaryOf } from "./lifecycle/summary.js";
import { Watched } from "./lifecycle/watched.js";
import { AgentMetrics } from "./metrics/agent-metrics.js";
import { readLimits } from "./metrics/cgroup.js";
import { HttpMetrics } from "./metrics/http-metrics.js";
import { serveMetrics } from "./metrics/metrics-server.js";
import { PromGatherer } from "./metrics/prom-gatherer.js";
import { withoutSummaries } from "./metrics/prom-metrics.js";
import { PromRegistries } from "./metrics/prom-registries.js";
import { AgentMetricReader } from "./metrics/reader.js";
import { RuntimeMetrics } from "./metrics/runtime-metrics.js";
import { rememberGlobals } from "./otel-globals.js";
import { OtherExporters } from "./other-exporters.js";
import { Pipeline } from "./pipeline.js";
import { detectResource } from "./resource/detect.js";
import { AGENT_SCOPE } from "./scope.js";
import type { AgentOptions } from "./settings/options.js";
import { readSettings, type Settings } from "./settings/settings.js";
import { CurrentNames } from "./trace/current-names.js";
import { GrpcFailures } from "./trace/grpc-failures.js";
import { guardedProcessor } from "./trace/guarded.js";
import { readPropagator } from "./trace/propagators.js";
import { RoutesTold } from "./trace/routes-told.js";
import { ParentOrRootSampler } from "./trace/sampler.js";
import { SecretAttributes } from "./trace/secret-attributes.js";
import { BatchingSpanProcessor } from "./trace/span-processor.js";

/**
 * Starts the agent, once per process: a second call returns the one that runs, and what it asks for on top is told to be
 * without effect.
 *
 * Import it before the libraries it should watch, or better, start the process with
 * `node --import @tocsin/agent/register`.
 */
export function start(options: AgentOptions = {}): Agent {
  const holder = globalThis as { [RUNNING]?: Agent };
  if (holder[RUNNING] !== undefined) tellInVain(options);
  holder[RUNNING] ??= startFresh(options, () => {
    delete holder[RUNNING];
  });
  return holder[RUNNING];
}

/** Options that come after the agent has started, by `--import` as a rule. */
function tellInVain(options: AgentOptions): void {
  const names = Object.entries(options).flatMap(([name, value]) => (value === undefined ? [] : name));
  if (names.length === 0) return;
  const { logLevel } = readSettings(options);
  new Voice(logLevel).warn(
    `start() has no effect on an agent that runs already, as by --import: ${names.join(", ")}. Start it by code alone, or say it by environment variables.`,
  );
}

const RUNNING = Symbol.for("tocsin.agent");

function startFresh(options: AgentOptions, forget: () => void): Agent {
  const service = serviceOf({ script: process.argv[1], cwd: process.cwd(), env: process.env });
  const settings = readSettings({ ...options, env: options.env ?? service.env });
  const voice = new Voice(settings.logLevel);
  if (settings.isDisabled) {
    voice.info("off, because OTEL_SDK_DISABLED is true.");
    return new RunningAgent({
      exposition: async () => ({ contentType: "text/plain", text: "" }),
      flush: async () => {},
      close: async () => forget(),
    });
  }
  const giveUpGlobals = rememberGlobals();
  tellOtelFaults(voice, () => performance.now());
  const resource = resourceOf(settings, service);
  const startMs = Date.now();
  const report = new DeliveryReport({
    voice,
    urlOf: (signal) => settings.destinations[signal]?.url ?? "",
    now: () => performance.now(),
    dropped: () => pipeline.sender.shared.droppedInAll(),
    summary: () => {
      watched.introduced();
      return summaryOf(resource, service.script, watched);
    },
  });
  const watched = new Watched(voice);
  const registries = new PromRegistries({
    load: () => serviceCopy("prom-client"),
    onUnreadable: (name, why) => voice.warn(`prom-client's metric ${name} is left out: ${why}`),
  });
  const pipeline: Pipeline = new Pipeline(settings, resource, (note) => report.take(note));
  // A function's start has a whole processor, its invocations may have a fourteenth of one, and wait for what is sent.
  if (resource["faas.name"] !== undefined) pipeline.sender.start();
  const sdkResource = resourceFromAttributes(resource);
  const { exporters, sampler } = settings;
  const ofProm = { registries, startMs, hasExemplars: settings.hasExemplars };
  const promForOthers = new PromGatherer(ofProm);
  const producer: MetricProducer = {
    collect: async () => {
      const nowMs = Date.now();
      const own = sources.flatMap((source) => source.collect(nowMs));
      const gathered = (await promForOthers.gather(nowMs)).map(withoutSummaries);
      return { resourceMetrics: { resource: sdkResource, scopeMetrics: [...own, ...gathered] }, errors: [] };
    },
  };
  const others = new OtherExporters({
    settings,
    producer,
    told: (signal, place, outcome) => report.exported(signal, place, outcome),
  });
  const processors = [
    ...others.spanProcessors,
    ...(settings.spanProcessors as readonly SdkSpanProcessor[]).map(guardedProcessor),
  ];
  const instrumented: Instrumented = instrument({
    settings,
    pipeline,
    resource: sdkResource,
    processors,
    watched,
    advise: (text) => voice.warn(text),
    registries,
  });
  const runtime = new RuntimeMetrics({ scope: AGENT_SCOPE, startMs, limits: readLimits() });
  const http = new HttpMetrics({ scope: AGENT_SCOPE, startMs, ...instrumented.cells });
  const sources = [
    http,
    runtime,
    new AgentMetrics({ scope: AGENT_SCOPE, startMs, shared: pipeline.sender.shared, watched }),
  ];
  const reader = new AgentMetricReader({
    intervalMs: settings.metricIntervalMs,
    sources,
    prom: new PromGatherer(ofProm),
    send: (scopes) => pipeline.sendMetrics(scopes),
    temporality: settings.temporality,
    isExponential: settings.isExponential,
    now: () => Date.now(),
  });
  const flush = async (timeoutMs: number): Promise<void> => {
    if (exporters.metrics.own !== undefined) await reader.forceFlush();
    pipeline.handOver();
    await Promise.all([pipeline.sender.flush(timeoutMs), others.flush(timeoutMs)]);
  };
  const sdk = startSdk(settings, {
    autoDetectResources: false,
    resource: sdkResource,
    contextManager: instrumented.contexts,
    textMapPropagator: settings.propagator ?? readPropagator(settings.env),
    spanProcessors: [
      new CurrentNames(),
      new RoutesTold(),
      new GrpcFailures(),
      new SecretAttributes(urlRedactor(settings.redaction), settings.redaction),
      // Those of the service first: what they make of a span is what is sent.
      ...processors,
      ...(exporters.traces.own !== undefined
        ? [new BatchingSpanProcessor(pipeline.spans, async () => pipeline.handOver())]
        : []),
    ],
    metricReaders: [...(exporters.metrics.own !== undefined ? [reader] : []), ...others.metricReaders],
    logRecordProcessors: [
      ...(exporters.logs.own === undefined ? [] : [pipeline.logRecords]),
      ...others.logProcessors,
    ],
    instrumentations: [],
    sampler: sampler.custom ?? new ParentOrRootSampler(sampler.roots),
    spanLimits: {
      attributeCountLimit: settings.spanLimits.attributeCount,
      attributeValueLengthLimit: settings.spanLimits.attributeValueLength,
      eventCountLimit: settings.spanLimits.eventCount,
      linkCountLimit: settings.spanLimits.linkCount,
      attributePerEventCountLimit: settings.spanLimits.eventAttributeCount,
      attributePerLinkCountLimit: settings.spanLimits.linkAttributeCount,
    },
  });
  const undoExit = flushAtExit({
    flushSync: (timeoutMs) => {
      if (exporters.metrics.own !== undefined) reader.exportSync();
      pipeline.handOver();
      pipeline.sender.flushSync(timeoutMs);
    },
  });
  const introduce = (): void => {
    const { traces, metrics, logs } = settings.destinations;
    if ((traces ?? metrics ?? logs) === undefined) report.introduceAnyway(others.places);
  };
  // What can only be read or sent while the event loop still turns: metrics of the API and prom-client's, others' exporters.
  const flushAtLast = (): void => {
    if (exporters.metrics.own !== undefined) void reader.forceFlush().catch(() => undefined);
    for (const processor of settings.spanProcessors) void processor.forceFlush().catch(() => undefined);
    void others.flush(EXIT_BUDGET_MS).then(introduce);
  };
  process.once("beforeExit", flushAtLast);
  const closeMetrics =
    settings.metricsPort === undefined
      ? () => {}
      : serveMetrics({
          port: settings.metricsPort,
          read: () => registries.exposition(),
          warn: (text) => voice.warn(text),
        });
  const introduction = setTimeout(introduce, INTRODUCTION_MS).unref();
  for (const fault of settings.env.faults) voice.warn(fault);
  if (voice.isDebug) for (const line of detailsOf(settings, resource, others.places)) voice.debug(line);
  return new RunningAgent({
    exposition: () => registries.exposition(),
    flush,
    close: async () => {
      forget();
      undoExit();
      process.off("beforeExit", flushAtLast);
      clearTimeout(introduction);
      closeMetrics();
      instrumented.close();
      await others.flush(SHUTDOWN_MS);
      // What they could not deliver by then they try on their own time.
      const ended = sdk.shutdown().catch(() => undefined);
      if (others.places.length === 0) await ended;
      giveUpGlobals();
      pipeline.handOver();
      await pipeline.sender.flush(SHUTDOWN_MS);
      runtime.close();
      await pipeline.close();
    },
  });
}

/**
 * Starts OpenTelemetry's SDK. What its constructors read from the process's environment by themselves is, for that moment,
 * what the agent has read: a configuration file or `options.env` may say otherwise than the process's environment.
 */
function startSdk({ logLimits }: Settings, options: ConstructorParameters<typeof NodeSDK>[0]): NodeSDK {
  const { attributeCount, attributeValueLength } = logLimits;
  const meant: Readonly<Record<string, string | undefined>> = {
    OTEL_SDK_DISABLED: undefined,
    OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT: String(attributeCount),
    OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT: Number.isFinite(attributeValueLength)
      ? String(attributeValueLength)
      : undefined,
  };
  const before = Object.keys(meant).map((name) => [name, process.env[name]] as const);
  const put = (name: string, value: string | undefined): void => {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  };
  try {
    for (const [name, value] of Object.entries(meant)) put(name, value);
    const sdk = new NodeSDK(options);
    sdk.start();
    return sdk;
  } finally {
    for (const [name, value] of before) put(name, value);
  }
}

const SHUTDOWN_MS = 5000;
/** When the line at start is said where nothing that is sent tells how it went. */
const INTRODUCTION_MS = 1000;

function resourceOf(settings: Settings, { script, cwd }: Started): Attributes {
  const detected = detectResource(settings.env, {
    pid: process.pid,
    script,
    execPath: process.execPath,
    cwd,
    nodeVersion: process.versions.node,
  });
  return {
    ...detected,
    ...settings.resourceAttributes,
    ...(settings.serviceName === undefined ? {} : { "service.name": settings.serviceName }),
    ...(settings.serviceVersion === undefined ? {} : { "service.version": settings.serviceVersion }),
    ...(isMainThread ? {} : { "thread.name": "worker" }),
  };
}
