import { createServer, type RequestListener } from "node:http";
import type { Socket } from "node:net";
import { Router } from "express";
import { iso } from "../api/actions-json.js";
import { createApp } from "../api/app.js";
import { deploymentsRoutes } from "../api/deployments.js";
import { type Address, listen } from "../api/listen.js";
import { openApiRoutes } from "../api/openapi/routes.js";
import { reloadRoutes } from "../api/reload.js";
import { serviceGraphRoutes } from "../api/service-graph.js";
import { servicesRoutes } from "../api/services.js";
import { statusRoutes } from "../api/status.js";
import { wrongDoor } from "../api/wrong-door.js";
import type { Authenticator } from "../auth/authenticator.js";
import { certificatesSuffice } from "../config/open-address.js";
import type { Intake } from "../receive/index.js";
import type { SenderClocks } from "../signals/sender-clocks.js";
import type { Signals } from "../signals/signals.js";
import type { Spool } from "../spool/index.js";
import { VERSION } from "../version.js";
import type { Keep } from "./keep.js";
import type { PartContext } from "./parts.js";
import type { Reloading, ReloadStatus } from "./reloading.js";
import type { WatchApi } from "./watch-api.js";

/** The server of page and APIs: it holds its port from the start, and answers "starting" until it is told what to serve. */
export interface ApiServer {
  readonly address: Address;
  /** For links in messages. */
  readonly url: string;
  serve(app: ServedApp): void;
}

/** What answers at the port, once the collector has started. */
export interface ServedApp {
  readonly listener: RequestListener;
  /** Hears of connections on which gRPC is spoken. */
  readonly onGrpc: (address: string | undefined) => void;
}

/** @throws {CollectorError} RECEIVE_LISTEN_FAILED */
export async function openApi({ config, closers }: PartContext): Promise<ApiServer> {
  let app: ServedApp = {
    listener: (_request, response) => {
      response.writeHead(503, { "content-type": "application/json", "retry-after": "1" });
      response.end('{"error":"The collector is starting."}');
    },
    onGrpc: () => {},
  };
  const server = createServer((request, response) => app.listener(request, response));
  server.on("clientError", (error: Error & { rawPacket?: Buffer }, socket) => {
    if (error.rawPacket?.subarray(0, 4).toString("latin1") === "PRI ") {
      app.onGrpc((socket as Socket).remoteAddress);
    }
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    else socket.destroy();
  });
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
  readonly bound: { readonly api: Address; readonly otlpHttp: Address; readonly otlpGrpc: Address };
  readonly reloading: Reloading;
  /** Undefined where nothing is kept. */
  readonly keep: Keep | undefined;
  readonly signals: Signals;
  readonly clocks: SenderClocks;
  readonly intake: Intake;
  /** Undefined in a collector that keeps no series. */
  readonly head: { status(): unknown } | undefined;
  readonly spool: Spool;
  /** The APIs of parts that not every collector has, and the page; without them there is a sidecar's. */
  readonly watch: WatchApi | undefined;
  /** Takes metrics by remote write; undefined where nobody would read them. */
  readonly remoteWrite: Router | undefined;
}

/** Everything that is served on the port of page and APIs. */
export function createApi(deps: ApiDeps): ServedApp {
  const { config, clock, registry, bound, keep, signals, watch } = deps;
  const { tls } = config;
  const otlpUrl = urlOf(bound.otlpHttp).replace(/^http/, tls ? "https" : "http");
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
      otlp: () => ({
        http: otlpUrl,
        grpc: `${bound.otlpGrpc.host}:${bound.otlpGrpc.port}`,
        asksForToken: !deps.authenticator.isOpen && !certificatesSuffice(config),
        asksForCertificate: tls?.client_ca_file !== undefined,
      }),
      senders: () => deps.clocks.list(),
      receive: () => ({ refused: deps.intake.refusedSenders(), cut: deps.intake.cutItems() }),
      spool: () => deps.spool.status(),
      head: () => deps.head?.status(),
      store: () => storeStatus(keep),
      signals: () => signals.counts,
    },
  });
  const tocsin: Router[] = [
    status,
    openApiRoutes(),
    reloadRoutes(() => deps.reloading.reload()),
    servicesRoutes({ signals, clock }),
    deploymentsRoutes({ signals, marks: watch?.marks, clock }),
    serviceGraphRoutes({ signals, clock }),
    ...(watch?.tocsin ?? []),
  ];
  const listener = createApp({
    authenticator: deps.authenticator,
    registry,
    readiness,
    logger: deps.logger,
    hosts: [...config.listen.hosts, config.listen.api.host],
    wrongDoor: door.router,
    tocsin,
    prometheus: watch?.prometheus,
    alertmanager: watch?.alertmanager,
    jaeger: watch?.jaeger,
    writers: deps.remoteWrite ? [{ path: "/prometheus/api/v1/write", router: deps.remoteWrite }] : [],
    page: watch?.page ?? sidecarPage(),
    hint: watch ? "See /api/v1/openapi.json." : SIDECAR_HINT,
  });
  return { listener, onGrpc: (address) => door.noteGrpc(address) };
}

const SIDECAR_HINT =
  "This is a sidecar: it has /api/v1/services, service-graph, deployments and status; traces, logs, SLOs, alerts and the page are where it forwards to.";

/** What stands where other collectors have the page. */
function sidecarPage(): Router {
  const router = Router();
  router.get("/", (_request, response) => {
    response.type("text").send(`${SIDECAR_HINT}\n`);
  });
  return router;
}

function reloadJson({ loadedAtMs, failed }: ReloadStatus): object {
  return { loadedAt: iso(loadedAtMs), failedAt: iso(failed?.atMs), error: failed?.error ?? null };
}

/** What a collector without a store does not have, in words for people. */
const NOT_KEPT = ["traces", "logs", "metrics beyond what is in memory"];

async function storeStatus(keep: Keep | undefined): Promise<object> {
  if (!keep) return { kind: "none", notKept: NOT_KEPT };
  const status = await keep.store()?.status();
  return { ...status, fault: keep.fault() ?? status?.fault ?? null };
}
