import type { Context } from "@opentelemetry/api";
import type { Resource } from "@opentelemetry/resources";
import type { SpanProcessor } from "@opentelemetry/sdk-trace";
import { headerCapture } from "./http/capture-headers.js";
import { watchRequests } from "./http/client.js";
import { watchHttp2Clients } from "./http/http2-client.js";
import { watchHttp2Servers } from "./http/http2-server.js";
import { InFlight } from "./http/in-flight.js";
import { ListenerContext } from "./http/listener-context.js";
import { OpenConnections } from "./http/open-connections.js";
import { urlRedactor } from "./http/redact-url.js";
import { RequestCells } from "./http/request-cells.js";
import { watchServers } from "./http/server.js";
import { watchUndici } from "./http/undici.js";
import { watchContrib } from "./libraries/contrib.js";
import { watchExpress } from "./libraries/express.js";
import { watchFastify, watchHapi, watchKoa } from "./libraries/frameworks.js";
import { ModuleHook, type Patched } from "./libraries/module-hook.js";
import { watchNest } from "./libraries/nest.js";
import { watchPino } from "./libraries/pino.js";
import { watchPromClient } from "./libraries/prom-client.js";
import { watchWinston } from "./libraries/winston.js";
import { recordFatalErrors } from "./lifecycle/fatal-errors.js";
import type { Watched } from "./lifecycle/watched.js";
import { watchConsole } from "./logs/console-logs.js";
import type { PromRegistries } from "./metrics/prom-registries.js";
import type { Pipeline } from "./pipeline.js";
import { AGENT_SCOPE } from "./scope.js";
import type { LogSource } from "./settings/options.js";
import type { Settings } from "./settings/settings.js";
import { AgentContextManager } from "./trace/context-manager.js";
import type { LeanSpan, SpanRuntime, SpanSink } from "./trace/lean-span.js";
import { SpanPlacer } from "./trace/placer.js";

/** What instrumentation needs to know. */
export interface InstrumentDeps {
  readonly settings: Settings;
  readonly pipeline: Pipeline;
  readonly resource: Resource;
  /** Whose processors are told of the agent's spans too. */
  readonly processors: readonly SpanProcessor[];
  /** Learns what is watched and what is not. */
  readonly watched: Watched;
  /** Tells the user something. */
  readonly advise: (text: string) => void;
  /** Learns of prom-client's registries. */
  readonly registries: PromRegistries;
}

/** What instrumentation has put in place. */
export interface Instrumented {
  readonly contexts: AgentContextManager;
  /** Where HTTP durations are counted. */
  readonly cells: {
    readonly server: RequestCells;
    readonly client: RequestCells;
    readonly inFlight: InFlight;
    readonly connections: OpenConnections;
  };
  close(): void;
}

/** Puts the agent's own instrumentation in place: HTTP both ways, express, pino, prom-client. */
export function instrument(deps: InstrumentDeps): Instrumented {
  const { settings, pipeline, resource, processors, watched, registries, advise } = deps;
  const contexts = new AgentContextManager();
  const isW3c = usesW3c(settings);
  const placer = new SpanPlacer({ contexts, sampler: settings.sampler, isW3c });
  const runtime: SpanRuntime = {
    clock: pipeline.clock,
    resource,
    scope: AGENT_SCOPE,
    sink: sinkOf(settings.destinations.traces === undefined ? undefined : pipeline.spans, processors),
    limits: settings.spanLimits,
  };
  const cells = {
    server: new RequestCells(settings),
    client: new RequestCells(settings),
    inFlight: new InFlight(),
    connections: new OpenConnections(),
  };
  const urls = urlRedactor(settings.redaction);
  const isOn = settings.isInstrumented;
  const note: Patched = (name, loaded) => watched.note(name, loaded);
  const noteMissed = (name: string, why: string): void => watched.noteMissed(name, why);
  const server = {
    runtime,
    cells: cells.server,
    urls,
    captureHeaders: headerCapture(settings.captured.server, settings.redaction, urls),
    contexts,
    placer,
    inFlight: cells.inFlight,
    listeners: new ListenerContext(contexts),
  };
  const client = {
    runtime,
    captureHeaders: headerCapture(settings.captured.client, settings.redaction, urls),
    cells: cells.client,
    urls,
    contexts,
    placer,
    isW3c,
    connections: cells.connections,
    isIgnored: () => false,
  };
  const undo: (() => void)[] = [];
  if (isOn("http")) {
    undo.push(watchServers(server), watchHttp2Servers(server), watchHttp2Clients(client));
    const undoRequests = watchRequests(client);
    if (undoRequests !== undefined) undo.push(undoRequests);
    else noteMissed("http requests", "this version of Node writes them in another way");
    note("http");
  }
  if (isOn("undici")) {
    undo.push(watchUndici(client));
    note("fetch");
  }
  const hook = new ModuleHook((name, why) => noteMissed(name, `it could not be patched: ${why}`));
  if (isOn("express")) watchExpress(hook, { patched: note, missed: noteMissed });
  const { logs } = pipeline;
  const sends = (source: LogSource): boolean => settings.logSources.includes(source);
  if (isOn("pino"))
    watchPino(hook, { contexts, batch: sends("pino") ? logs : undefined, now: Date.now }, note);
  if (logs !== undefined) {
    const loggers = { contexts, batch: logs, now: Date.now };
    if (isOn("winston") && sends("winston")) watchWinston(hook, loggers, note);
    if (sends("console")) undo.push(watchConsole(loggers));
  }
  undo.push(
    recordFatalErrors({
      logs,
      contexts,
      now: Date.now,
      nodeArgs: [process.env.NODE_OPTIONS ?? "", ...process.execArgv],
      advise,
    }),
  );
  watchPromClient(hook, registries, note);
  if (isOn("fastify")) undo.push(watchFastify(hook, { patched: note, missed: noteMissed }));
  if (isOn("koa")) watchKoa(hook, note);
  if (isOn("hapi")) watchHapi(hook, note);
  if (isOn("nestjs-core")) undo.push(watchNest(hook, { patched: note, missed: noteMissed }));
  watchContrib(hook, { patched: note, missed: noteMissed }, isOn);
  hook.start();
  hook.catchUp();
  return {
    contexts,
    cells,
    close: () => {
      hook.stop();
      for (const step of undo) step();
    },
  };
}

/** Whether propagation is W3C's, which is the default; others go by OpenTelemetry's propagators. */
function usesW3c({ env, propagator }: Settings): boolean {
  if (propagator !== undefined) return false;
  const names = env.list("OTEL_PROPAGATORS");
  return names === undefined || names.every((name) => name === "tracecontext" || name === "baggage");
}

/** The agent's batch, and whoever else wants to hear of its spans. */
function sinkOf(batch: SpanSink | undefined, processors: readonly SpanProcessor[]): SpanSink {
  if (processors.length === 0) return batch ?? { ended: () => {} };
  return {
    started: (span: LeanSpan, parent: Context) => {
      if (span.isRecording()) for (const processor of processors) processor.onStart(span, parent);
    },
    ended: (span: LeanSpan) => {
      for (const processor of processors) processor.onEnd(span);
      batch?.ended(span);
    },
  };
}
