import { createServer, type RequestListener } from "node:http";
import type { Router } from "express";
import { createRulesView } from "../alerting/rules-view.js";
import { actionsRoutes } from "../api/actions.js";
import { iso } from "../api/actions-json.js";
import { alertmanagerRoutes } from "../api/alertmanager.js";
import { alertsRoutes } from "../api/alerts.js";
import { createApp } from "../api/app.js";
import { deploymentsRoutes } from "../api/deployments.js";
import { jaegerRoutes } from "../api/jaeger.js";
import { type Address, listen } from "../api/listen.js";
import { logsRoutes } from "../api/logs.js";
import { openApiRoutes } from "../api/openapi/document.js";
import { headCatalogue, historyCatalogue, prometheusRoutes } from "../api/prometheus/index.js";
import { reloadRoutes } from "../api/reload.js";
import { serviceGraphRoutes } from "../api/service-graph.js";
import { servicesRoutes } from "../api/services.js";
import { slosRoutes } from "../api/slos.js";
import { statusRoutes } from "../api/status.js";
import { tracesRoutes } from "../api/traces.js";
import { wrongDoor } from "../api/wrong-door.js";
import type { Authenticator } from "../auth/authenticator.js";
import type { Intake } from "../receive/index.js";
import { remoteWriteRoutes } from "../remote-write/receive-routes.js";
import type { ScrapeManager } from "../scrape/index.js";
import type { Spool } from "../spool/index.js";
import { VERSION } from "../version.js";
import type { Keep } from "./keep.js";
import type { Memory } from "./memory.js";
import type { PartContext } from "./parts.js";
import type { Reloading, ReloadStatus } from "./reloading.js";
import type { Watch } from "./watch.js";

/** The server of page and APIs: it holds its port from the start, and answers "starting" until it is told what to serve. */
export interface ApiServer {
  readonly address: Address;
  /** For links in messages. */
  readonly url: string;
  serve(app: RequestListener): void;
}

/** @throws {CollectorError} RECEIVE_LISTEN_FAILED */
export async function openApi({ config, closers }: PartContext): Promise<ApiServer> {
  let app: RequestListener = (_request, response) => {
    response.writeHead(503, { "content-type": "application/json", "retry-after": "1" });
    response.end('{"error":"The collector is starting."}');
  };
  const server = createServer((request, response) => app(request, response));
  const { host } = config.listen.api;
  const port = await listen(server, config.listen.api, "page and APIs");
  closers.add("page and APIs", {
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
  return {
    address: { host, port },
    url: urlOf({ host, port }),
    serve(next) {
      app = next;
    },
  };
}

/** An address as people type it into a browser. */
export function urlOf({ host, port }: Address): string {
  if (host === "127.0.0.1" || host === "0.0.0.0" || host === "::") return `http://localhost:${port}`;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

export interface ApiDeps extends PartContext {
  readonly authenticator: Authenticator;
  readonly bound: { readonly api: Address; readonly otlpHttp: Address };
  readonly reloading: Reloading;
  /** Undefined where nothing is kept. */
  readonly keep: Keep | undefined;
  readonly memory: Memory;
  readonly intake: Intake;
  readonly scraping: ScrapeManager;
  readonly spool: Spool;
  readonly watch: Watch;
}

/** Everything that is served on the port of page and APIs. */
export function createApi(deps: ApiDeps): RequestListener {
  const { config, clock, registry, bound, keep, memory, watch } = deps;
  const { signals, tracker, head } = memory;
  const otlpUrl = urlOf(bound.otlpHttp);
  const door = wrongDoor(() => otlpUrl, clock);
  const readiness = (): string[] => {
    const faults = [keep?.fault(), deps.spool.status().fault];
    return faults.filter((fault) => fault !== undefined);
  };
  const status = statusRoutes({
    version: VERSION,
    mode: config.mode,
    dataDir: deps.dataDir,
    configFile: deps.setup.file,
    startedAtMs: clock.now(),
    clock,
    readiness,
    wrongDoor: door,
    parts: {
      reload: () => reloadJson(deps.reloading.status),
      otlp: () => ({ http: otlpUrl }),
      receive: () => ({ refused: deps.intake.refusedSenders() }),
      spool: () => deps.spool.status(),
      store: () => storeStatus(keep),
      signals: () => signals.counts,
    },
  });
  const stored = {
    get store() {
      return keep?.store();
    },
    clock,
  };
  const tocsin: Router[] = [
    status,
    openApiRoutes(),
    reloadRoutes(() => deps.reloading.reload()),
    tracesRoutes(stored),
    logsRoutes(stored),
    servicesRoutes({ signals, clock }),
    slosRoutes({ tracker, corrections: watch.corrections, clock }),
    deploymentsRoutes({ signals, clock }),
    serviceGraphRoutes({ signals, clock }),
    alertsRoutes(watch.alerting, watch.replay),
    actionsRoutes(watch.runner),
  ];
  return createApp({
    authenticator: deps.authenticator,
    registry,
    readiness,
    logger: deps.logger,
    hosts: [...config.listen.hosts, config.listen.api.host],
    wrongDoor: door.router,
    tocsin,
    prometheus: prometheusRoutes({
      queryable: memory.queryable,
      clock,
      maxQueryMs: 120_000,
      catalogue: headCatalogue(
        head,
        historyCatalogue(() => keep?.store()?.history, clock),
      ),
      storage: head,
      rules: createRulesView(watch.alerting, () => watch.ruleGroups()),
      targets: deps.scraping.view(),
      version: VERSION,
    }),
    alertmanager: alertmanagerRoutes({ alerting: watch.alerting, version: VERSION, clock }),
    jaeger: jaegerRoutes(stored),
    writers: [
      {
        path: "/prometheus/api/v1/write",
        router: remoteWriteRoutes({
          append: (record) => deps.spool.append(record),
          clock,
          registry,
          maxBytes: config.limits.max_request_size,
        }),
      },
    ],
  });
}

function reloadJson({ loadedAtMs, failed }: ReloadStatus): object {
  return { loadedAt: iso(loadedAtMs), failedAt: iso(failed?.atMs), error: failed?.error ?? null };
}

async function storeStatus(keep: Keep | undefined): Promise<object> {
  if (!keep) return { kind: "none" };
  const status = await keep.store()?.status();
  return { ...status, fault: keep.fault() ?? null };
}
