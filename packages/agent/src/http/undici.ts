import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { context, propagation } from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import { type AgentContextManager, SpanScope } from "../trace/context-manager.js";
import { guarded } from "../trace/guarded.js";
import type { SpanPlacer } from "../trace/placer.js";
import { ClientSpan, type ClientSpanDeps } from "./client-span.js";
import { splitHost } from "./connection.js";
import type { OpenConnections } from "./open-connections.js";

/** What watching `fetch` needs. */
export interface UndiciDeps extends ClientSpanDeps {
  readonly contexts: AgentContextManager;
  readonly placer: SpanPlacer;
  readonly connections: OpenConnections;
  readonly isIgnored: (host: string, port: number) => boolean;
}

/** Undici's request as its diagnostics channels hand it out; the same for Node's own `fetch` and the package. */
interface UndiciRequest {
  readonly origin: string | URL;
  readonly method: string;
  readonly path: string;
  readonly headers: string | readonly (string | readonly string[])[];
  addHeader?: (name: string, value: string) => void;
}

/** Where a connection leads; the port is empty where it is the scheme's. */
interface ConnectParams {
  readonly hostname?: string;
  readonly port?: string | number;
  readonly protocol?: string;
  /** `h1` or `h2`. */
  readonly version?: string;
}

/** Headers as a flat list of names and values. */
interface UndiciResponse {
  readonly statusCode: number;
  readonly headers?: readonly (string | Uint8Array)[];
}

interface Exchange {
  response: UndiciResponse | undefined;
  readonly span: ClientSpan;
  status: number | undefined;
  peerAddress: string | undefined;
  peerPort: number | undefined;
  /** HTTP/1.1 is what undici speaks unless its connection tells otherwise. */
  version: "1.1" | "2";
  /** What the request went out on. */
  socket: Socket | undefined;
}

/** Watches `fetch` and undici by the channels they publish. Returns what undoes it. */
export function watchUndici(deps: UndiciDeps): () => void {
  const exchanges = new WeakMap<UndiciRequest, Exchange>();
  const http2 = new WeakSet<Socket>();
  const listeners: [string, (message: never) => void][] = [
    [
      "undici:client:connected",
      ({ connectParams, socket }: { connectParams?: ConnectParams; socket?: Socket }) => {
        if (connectParams?.hostname === undefined || socket === undefined) return;
        if (connectParams.version === "h2") http2.add(socket);
        const isSecure = connectParams.protocol === "https:";
        const port = Number(connectParams.port) || (isSecure ? 443 : 80);
        deps.connections.opened(socket, connectParams.hostname, port);
      },
    ],
    ["undici:request:create", ({ request }: { request: UndiciRequest }) => create(deps, exchanges, request)],
    [
      "undici:client:sendHeaders",
      ({ request, socket }: { request: UndiciRequest; socket?: Socket }) => {
        const exchange = exchanges.get(request);
        if (exchange === undefined) return;
        exchange.peerAddress = socket?.remoteAddress;
        exchange.peerPort = socket?.remotePort;
        if (socket !== undefined && http2.has(socket)) exchange.version = "2";
        if (exchange.socket !== undefined) deps.connections.free(exchange.socket);
        exchange.socket = socket;
        if (socket !== undefined) deps.connections.busy(socket);
      },
    ],
    [
      "undici:request:headers",
      ({ request, response }: { request: UndiciRequest; response: UndiciResponse }) => {
        const exchange = exchanges.get(request);
        if (exchange === undefined) return;
        exchange.status = response.statusCode;
        exchange.response = response;
      },
    ],
    [
      "undici:request:trailers",
      ({ request }: { request: UndiciRequest }) => end(deps, request, exchanges.get(request), undefined),
    ],
    [
      "undici:request:error",
      ({ request, error }: { request: UndiciRequest; error: Error }) =>
        end(deps, request, exchanges.get(request), error),
    ],
  ];
  // What a listener to a channel throws ends the process.
  const safe = listeners.map(
    ([channel, listener]) =>
      [channel, (message: unknown) => guarded(() => listener(message as never))] as const,
  );
  for (const [channel, listener] of safe) subscribe(channel, listener);
  return () => {
    for (const [channel, listener] of safe) unsubscribe(channel, listener);
  };
}

function create(deps: UndiciDeps, exchanges: WeakMap<UndiciRequest, Exchange>, request: UndiciRequest): void {
  const origin = new URL(String(request.origin));
  const scheme = origin.protocol === "https:" ? "https" : "http";
  const { address = "", port = scheme === "https" ? 443 : 80 } = splitHost(origin.host, scheme);
  if (deps.isIgnored(address, port) || typeof request.addHeader !== "function") return;
  if (isTracingSuppressed(deps.contexts.active())) return;
  const place = deps.placer.outgoing(request.method, () => ({
    "http.request.method": request.method,
    "server.address": address,
    "server.port": port,
  }));
  const userAgent = headerOf(request.headers, "user-agent");
  const target = { method: request.method, scheme, host: address, port, path: request.path, userAgent };
  const span = new ClientSpan(deps, place, target);
  deps.runtime.sink.started?.(span, deps.contexts.active());
  exchanges.set(request, {
    span,
    response: undefined,
    status: undefined,
    peerAddress: undefined,
    peerPort: undefined,
    version: "1.1",
    socket: undefined,
  });
  propagation.inject(new SpanScope(context.active(), span), request, {
    set: (carrier, key, value) => {
      if (headerOf(carrier.headers, key) === undefined) carrier.addHeader?.(key, value);
    },
  });
}

function end(
  deps: UndiciDeps,
  request: UndiciRequest,
  exchange: Exchange | undefined,
  error: Error | undefined,
): void {
  if (exchange === undefined) return;
  if (exchange.socket !== undefined) deps.connections.free(exchange.socket);
  exchange.socket = undefined;
  if (exchange.span.isCapturing)
    exchange.span.capture(
      (name) => headerOf(request.headers, name),
      (name) => answeredHeader(exchange.response?.headers, name),
    );
  exchange.span.finish({
    status: exchange.status,
    version: exchange.status === undefined ? undefined : exchange.version,
    peerAddress: exchange.peerAddress,
    peerPort: exchange.peerPort,
    error,
  });
}

/** All values of a header of an answer. */
function answeredHeader(headers: UndiciResponse["headers"], name: string): string[] | undefined {
  const values: string[] = [];
  for (let i = 0; headers !== undefined && i + 1 < headers.length; i += 2)
    if (textOf(headers[i]).toLowerCase() === name) values.push(textOf(headers[i + 1]));
  return values.length === 0 ? undefined : values;
}

function textOf(value: string | Uint8Array | undefined): string {
  return typeof value === "string" || value === undefined
    ? (value ?? "")
    : Buffer.from(value).toString("latin1");
}

/** Headers come as one string (older undici) or as a flat list of names and values. */
function headerOf(headers: UndiciRequest["headers"], name: string): string | undefined {
  if (typeof headers === "string") {
    const line = headers.split("\r\n").find((text) => text.toLowerCase().startsWith(`${name}:`));
    return line?.slice(name.length + 1).trim();
  }
  for (let i = 0; i + 1 < headers.length; i += 2)
    if (String(headers[i]).toLowerCase() === name) return String(headers[i + 1]);
  return undefined;
}
