import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { ClientRequest, type IncomingMessage, validateHeaderValue } from "node:http";
import { context, propagation, type TextMapSetter } from "@opentelemetry/api";
import { isTracingSuppressed } from "@opentelemetry/core";
import { type AgentContextManager, SpanScope } from "../trace/context-manager.js";
import type { SpanPlacer } from "../trace/placer.js";
import { ClientSpan, type ClientSpanDeps, type ClientTarget } from "./client-span.js";

/** What watching outgoing requests needs. */
export interface ClientDeps extends ClientSpanDeps {
  readonly contexts: AgentContextManager;
  readonly placer: SpanPlacer;
  readonly isW3c: boolean;
  /** Hosts that requests are not watched to, `host:port`. */
  readonly isIgnored: (host: string, port: number) => boolean;
}

/**
 * Watches every outgoing `http` and `https` request, however it is made.
 *
 * All of them, from CommonJS and ES modules, by `request`, `get` or the class itself, write their head by one method of
 * one prototype. There the active span is known and the propagation headers can still be added, ahead of the others.
 * Returns what undoes it, or nothing when this Node has no such method.
 */
export function watchRequests(deps: ClientDeps): (() => void) | undefined {
  const prototype = ClientRequest.prototype as unknown as { _storeHeader?: StoreHeader };
  const original = prototype._storeHeader;
  if (typeof original !== "function") return undefined;
  const isOwn = Object.hasOwn(prototype, "_storeHeader");
  prototype._storeHeader = function storeHeader(firstLine, headers) {
    let line = firstLine;
    try {
      line = withPropagation(deps, this, firstLine, headers);
    } catch {
      // A request must leave as it would have without the agent.
    }
    return original.call(this, line, headers);
  };
  const onError = (message: unknown): void => {
    const { request, error } = message as { request: WatchedRequest; error: Error };
    if (request[SPAN] !== undefined) request[ERROR] = error;
  };
  subscribe("http.client.request.error", onError);
  return () => {
    unsubscribe("http.client.request.error", onError);
    if (isOwn) prototype._storeHeader = original;
    else Reflect.deleteProperty(prototype, "_storeHeader");
  };
}

const SPAN = Symbol("tocsin.clientSpan");
const ERROR = Symbol("tocsin.clientError");

type WatchedRequest = ClientRequest & {
  [SPAN]?: ClientSpan;
  [ERROR]?: Error;
  res?: IncomingMessage;
  agent?: { defaultPort?: number };
};
type StoreHeader = (this: WatchedRequest, firstLine: string, headers: unknown) => unknown;

/** Starts the span and returns the first line followed by the propagation headers. */
function withPropagation(
  deps: ClientDeps,
  request: WatchedRequest,
  firstLine: string,
  headers: unknown,
): string {
  let span = request[SPAN];
  if (span === undefined) {
    const target = targetOf(request);
    if (deps.isIgnored(target.host, target.port) || isTracingSuppressed(deps.contexts.active()))
      return firstLine;
    const place = deps.placer.outgoing(target.method, () => ({
      "http.request.method": target.method,
      "server.address": target.host,
      "server.port": target.port,
    }));
    span = new ClientSpan(deps, place, target);
    request[SPAN] = span;
    deps.runtime.sink.started?.(span, deps.contexts.active());
    request.on("close", closed);
  }
  if (deps.isW3c && span.place.traceState === undefined && !hasBaggage(deps)) {
    if (carries(request, headers, "traceparent")) return firstLine;
    const { traceId, spanId, traceFlags } = span.place;
    return `${firstLine}traceparent: 00-${traceId}-${spanId}-0${traceFlags & 1}\r\n`;
  }
  const lines: string[] = [];
  propagation.inject(new SpanScope(context.active(), span), lines, {
    set: (carrier, key, value) => {
      validateHeaderValue(key, value);
      if (!carries(request, headers, key)) carrier.push(`${key}: ${value}\r\n`);
    },
  } satisfies TextMapSetter<string[]>);
  return firstLine + lines.join("");
}

function hasBaggage(deps: ClientDeps): boolean {
  return propagation.getBaggage(deps.contexts.active()) !== undefined;
}

/** Whether the caller set this header already, in whichever form headers were given. */
function carries(request: ClientRequest, headers: unknown, name: string): boolean {
  if (request.getHeader(name) !== undefined) return true;
  if (!Array.isArray(headers)) return false;
  return headers.flat().some((item, index) => index % 2 === 0 && String(item).toLowerCase() === name);
}

function targetOf(request: WatchedRequest): ClientTarget {
  const scheme = request.protocol === "https:" ? "https" : "http";
  const authority = String(request.getHeader("host") ?? request.host);
  const colon = authority.lastIndexOf(":");
  const hasPort = colon > authority.lastIndexOf("]") && colon >= 0;
  const port = hasPort ? Number(authority.slice(colon + 1)) : (request.agent?.defaultPort ?? 0);
  const userAgent = request.getHeader("user-agent");
  return {
    method: request.method,
    scheme,
    host: hasPort ? authority.slice(0, colon) : authority,
    port: port || (scheme === "https" ? 443 : 80),
    path: request.path,
    userAgent: userAgent === undefined ? undefined : String(userAgent),
  };
}

function closed(this: WatchedRequest): void {
  const span = this[SPAN];
  if (span === undefined) return;
  const response = this.res;
  const error = this[ERROR] ?? (response === undefined || !response.complete ? cutShort(this) : undefined);
  const socket = response?.socket ?? this.socket;
  if (span.isCapturing)
    span.capture(
      (name) => this.getHeader(name),
      (name) => response?.headers[name],
    );
  span.finish({
    status: response?.statusCode,
    version: response?.httpVersion,
    peerAddress: socket?.remoteAddress,
    peerPort: socket?.remotePort,
    error,
  });
}

/** A request that closed without an error of its own, and without a whole answer. */
function cutShort(request: ClientRequest): Error | undefined {
  // An upgrade hands its socket over and never completes.
  if ((request as { upgradeOrConnect?: boolean }).upgradeOrConnect === true) return undefined;
  const error = new Error(request.destroyed ? "the request was aborted" : "the connection was closed early");
  return Object.assign(error, { code: "aborted" });
}
