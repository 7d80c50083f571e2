import type { Http2Session, IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { Server as NetServer } from "node:net";
import type { Context } from "@opentelemetry/api";
import type { Peer } from "./connection.js";
import { loadedHttp2 } from "./http2-module.js";
import { beginRequest, markSpan, type ServerDeps, serverSpanOf } from "./server.js";
import type { Answer, Served } from "./server-span.js";

/**
 * Watches HTTP/2 servers, of the core API (`stream`) and of the compatible one (`request`), which is built on it.
 *
 * Node does not offer the classes of its HTTP/2 servers, and loading the module to make one takes time, so that their
 * prototypes are taken from the first server that listens, or from one of ours where the module is loaded already. Calls of gRPC are left to its own instrumentation.
 * Returns what undoes it.
 */
export function watchHttp2Servers(deps: ServerDeps): () => void {
  const undo: (() => void)[] = [];
  const seen = new WeakSet<object>();
  const take = (server: object): void => {
    const own = Object.getPrototypeOf(server) as object;
    if (!seen.has(own)) undo.push(wrapEmit(own, deps));
    seen.add(own);
  };
  // A service that started the agent late may have servers already.
  const http2 = loadedHttp2();
  if (http2 !== undefined)
    for (const server of [http2.createServer(), http2.createSecureServer()]) take(server);
  const prototype = NetServer.prototype as { listen: (...args: unknown[]) => unknown };
  const original = prototype.listen;
  prototype.listen = function listen(this: object, ...args) {
    const { name } = this.constructor;
    if (name === "Http2Server" || name === "Http2SecureServer") take(this);
    return Reflect.apply(original, this, args);
  };
  const wrapped = prototype.listen;
  undo.push(() => {
    if (prototype.listen === wrapped) prototype.listen = original;
  });
  return () => {
    for (const step of undo) step();
  };
}

type Emit = (this: unknown, event: string | symbol, ...args: unknown[]) => boolean;

function wrapEmit(prototype: object, deps: ServerDeps): () => void {
  const holder = prototype as { emit: Emit };
  const original = holder.emit;
  const isOwn = Object.hasOwn(prototype, "emit");
  holder.emit = function emit(event, ...args) {
    let scope: Context | undefined;
    try {
      if (event === "stream")
        scope = begin(deps, args[0] as ServerHttp2Stream, args[1] as IncomingHttpHeaders);
      else if (event === "request") scope = adopt(deps, args[0] as CompatRequest, args[1] as object);
    } catch {
      // The request is served as it would be without the agent.
    }
    const call = (): boolean => Reflect.apply(original, this, [event, ...args]);
    return scope === undefined ? call() : deps.contexts.run(scope, call);
  };
  return () => {
    if (isOwn) holder.emit = original;
    else Reflect.deleteProperty(holder, "emit");
  };
}

/** A request of the compatible API; one that came by HTTP/1 (`allowHTTP1`) has no stream. */
type CompatRequest = Served & { readonly stream?: ServerHttp2Stream };

/** The span of the stream is that of the request built on it, for instrumentation of frameworks. */
function adopt(deps: ServerDeps, request: CompatRequest, response: object): Context | undefined {
  const { stream } = request;
  if (stream === undefined) return beginRequest(deps, request, response as Answer, "https");
  const span = serverSpanOf(stream);
  if (span === undefined) return undefined;
  markSpan(span, request, response);
  for (const one of [request, response]) deps.listeners.bindOn(Object.getPrototypeOf(one));
  return undefined;
}

function begin(
  deps: ServerDeps,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
): Context | undefined {
  if (serverSpanOf(stream) !== undefined || headers["content-type"]?.startsWith("application/grpc"))
    return undefined;
  const scheme = String(headers[":scheme"] ?? "https");
  const request: Served = {
    method: String(headers[":method"] ?? "GET"),
    url: String(headers[":path"] ?? "/"),
    httpVersion: "2",
    headers: headers.host === undefined ? { ...headers, host: headers[":authority"] } : headers,
    socket: peerOf(stream.session),
  };
  deps.listeners.bindOn(Object.getPrototypeOf(stream));
  return beginRequest(deps, request, new StreamAnswer(stream), scheme, stream);
}

/** The other end, kept while it is known: a session that is gone throws when asked for its socket. */
function peerOf(session: (Http2Session & { [PEER]?: Peer }) | undefined): Peer {
  if (session === undefined) return {};
  session[PEER] ??= { remoteAddress: session.socket.remoteAddress, remotePort: session.socket.remotePort };
  return session[PEER];
}

const PEER = Symbol("tocsin.peer");

/** A stream's answer as a server span asks for it. */
class StreamAnswer implements Answer {
  private readonly stream: ServerHttp2Stream;

  constructor(stream: ServerHttp2Stream) {
    this.stream = stream;
  }

  get headersSent(): boolean {
    return this.stream.headersSent;
  }

  get statusCode(): number {
    return Number(this.stream.sentHeaders?.[":status"] ?? 200);
  }

  get writableFinished(): boolean {
    // 0 is HTTP/2's "no error".
    return this.stream.rstCode === 0;
  }

  getHeader(name: string): string | string[] | undefined {
    const value = this.stream.sentHeaders?.[name];
    return typeof value === "number" ? String(value) : value;
  }

  on(event: "close", listener: () => void): unknown {
    return this.stream.on(event, listener);
  }
}
