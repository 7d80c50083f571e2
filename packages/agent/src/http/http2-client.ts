import type {
  ClientHttp2Session,
  ClientHttp2Stream,
  IncomingHttpHeaders,
  OutgoingHttpHeaders,
} from "node:http2";
import net from "node:net";
import { Duplex } from "node:stream";
import tls from "node:tls";
import { context, propagation, type SpanContext, trace } from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import type { SpanPlace } from "../trace/lean-span.js";
import type { ClientDeps } from "./client.js";
import { ClientSpan } from "./client-span.js";
import { splitHost } from "./connection.js";
import { loadedHttp2 } from "./http2-module.js";

/** Headers as Node takes them: by name, or, since Node 22, as a flat list of names and values. */
type Headers = OutgoingHttpHeaders | readonly string[];
type Request = (this: ClientHttp2Session, headers?: Headers, ...rest: unknown[]) => ClientHttp2Stream;
type Connect = (...args: unknown[]) => unknown;

/**
 * Watches requests over HTTP/2 (`http2.connect(…).request(…)`). Calls of gRPC are left to its own instrumentation, and requests
 * that have their propagation headers already to whoever put them there, as undici does over HTTP/2.
 *
 * Node does not offer the class of its sessions, and loading the module takes time that most services need not spend. So the
 * module is looked for when a connection is made, which it does by the two functions that are wrapped here: by then it is
 * loaded, and a session over nothing has the prototype. Returns what undoes it.
 */
export function watchHttp2Clients(deps: ClientDeps): () => void {
  let undoRequest: (() => void) | undefined;
  const undoConnect: (() => void)[] = [];
  const look = (): void => {
    if (undoRequest !== undefined) return;
    try {
      const prototype = sessionPrototype();
      if (prototype === undefined) return;
      undoRequest = wrapRequest(prototype, deps);
    } catch {
      // HTTP/2 works without us, and is not looked at again.
      undoRequest = () => {};
    }
    for (const undo of undoConnect) undo();
  };
  for (const module of [net, tls]) {
    const holder = module as unknown as { connect: Connect };
    const original = holder.connect;
    const wrapped: Connect = function connect(this: unknown, ...args) {
      look();
      return Reflect.apply(original, this, args);
    };
    holder.connect = wrapped;
    undoConnect.push(() => {
      if (holder.connect === wrapped) holder.connect = original;
    });
  }
  // A service that started the agent late may have it already.
  look();
  return () => {
    for (const undo of undoConnect) undo();
    undoRequest?.();
  };
}

/** The prototype of sessions, from one over nothing; nothing while HTTP/2 is not loaded. */
function sessionPrototype(): { request: Request } | undefined {
  const http2 = loadedHttp2();
  if (http2 === undefined) return undefined;
  const nothing = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const session = http2.connect("http://localhost", { createConnection: () => nothing });
  session.on("error", () => {});
  session.destroy();
  return Object.getPrototypeOf(session) as { request: Request };
}

function wrapRequest(prototype: { request: Request }, deps: ClientDeps): () => void {
  const original = prototype.request;
  const wrapped: Request = function request(headers, ...rest) {
    const place = placeOf(deps, headers);
    if (place === undefined) return original.call(this, headers, ...rest);
    const stream = original.call(this, withPropagation(headers, place), ...rest);
    try {
      follow(deps, stream, place);
    } catch {
      // The request goes on as it would without the agent.
    }
    return stream;
  };
  prototype.request = wrapped;
  return () => {
    if (prototype.request === wrapped) prototype.request = original;
  };
}

/** Where the span of a request belongs; nothing when there is to be none. */
function placeOf(deps: ClientDeps, headers: Headers = {}): SpanPlace | undefined {
  try {
    if (isTracingSuppressed(deps.contexts.active()) || valueIn(headers, "traceparent") !== undefined)
      return undefined;
    if (String(valueIn(headers, "content-type")).startsWith("application/grpc")) return undefined;
    const method = String(valueIn(headers, ":method") ?? "GET");
    return deps.placer.outgoing(method, () => ({ "http.request.method": method }));
  } catch {
    return undefined;
  }
}

/** The headers and those that propagate the span, which the caller's own win over. */
function withPropagation(headers: Headers | undefined, place: SpanPlace): Headers {
  const { traceId, spanId, traceFlags, traceState } = place;
  const span: SpanContext = { traceId, spanId, traceFlags, ...(traceState && { traceState }) };
  const carrier: Record<string, string> = {};
  propagation.inject(trace.setSpanContext(context.active(), span), carrier);
  return isList(headers) ? [...headers, ...Object.entries(carrier).flat()] : { ...carrier, ...headers };
}

function valueIn(headers: Headers, name: string): unknown {
  if (!isList(headers)) return headers[name];
  const at = headers.findIndex((item, index) => index % 2 === 0 && item.toLowerCase() === name);
  return at < 0 ? undefined : headers[at + 1];
}

function isList(headers: Headers | undefined): headers is readonly string[] {
  return Array.isArray(headers);
}

/** Makes the span of a request that has been sent off, and ends it with the stream. No listener of ours hears errors. */
function follow(deps: ClientDeps, stream: ClientHttp2Stream, place: SpanPlace): void {
  const sent = stream.sentHeaders ?? {};
  const scheme = sent[":scheme"] === "http" ? "http" : "https";
  const { address = "", port = scheme === "https" ? 443 : 80 } = splitHost(
    String(sent[":authority"] ?? sent.host ?? ""),
    scheme,
  );
  const userAgent = sent["user-agent"];
  const span = new ClientSpan(deps, place, {
    method: String(sent[":method"] ?? "GET"),
    scheme,
    host: address,
    port,
    path: String(sent[":path"] ?? "/"),
    userAgent: userAgent === undefined ? undefined : String(userAgent),
  });
  deps.runtime.sink.started?.(span, deps.contexts.active());
  let answer: IncomingHttpHeaders | undefined;
  let peer: { address: string | undefined; port: number | undefined } | undefined;
  stream.once("response", (headers) => {
    answer = headers;
    peer = peerOf(stream);
  });
  stream.once("close", () => {
    const status = answer?.[":status"];
    if (span.isCapturing)
      span.capture(
        (name) => sent[name],
        (name) => answer?.[name],
      );
    span.finish({
      status: status === undefined ? undefined : Number(status),
      version: answer === undefined ? undefined : "2",
      peerAddress: peer?.address,
      peerPort: peer?.port,
      error: stream.errored ?? cutShort(stream, answer !== undefined),
    });
  });
}

/** A stream that closed without an error of its own, and without a whole answer. */
function cutShort(stream: ClientHttp2Stream, isAnswered: boolean): Error | undefined {
  // 0 is HTTP/2's "no error".
  if (isAnswered && stream.rstCode === 0) return undefined;
  const why =
    stream.aborted || stream.rstCode !== 0 ? "the request was aborted" : "the connection was closed early";
  return Object.assign(new Error(why), { code: "aborted" });
}

/** The other end; a session that is gone throws when asked for its socket. */
function peerOf(
  stream: ClientHttp2Stream,
): { address: string | undefined; port: number | undefined } | undefined {
  try {
    const socket = stream.session?.socket;
    return { address: socket?.remoteAddress, port: socket?.remotePort };
  } catch {
    return undefined;
  }
}
