import { IncomingMessage, Server, ServerResponse } from "node:http";
import { Server as SecureServer } from "node:https";
import type { Context } from "@opentelemetry/api";
import { type AgentContextManager, SpanScope } from "../trace/context-manager.js";
import type { SpanPlacer } from "../trace/placer.js";
import type { InFlight } from "./in-flight.js";
import type { ListenerContext } from "./listener-context.js";
import { knownMethod } from "./methods.js";
import { type Answer, type Served, ServerSpan, type ServerSpanDeps } from "./server-span.js";

/** What watching incoming requests needs. */
export interface ServerDeps extends ServerSpanDeps {
  readonly contexts: AgentContextManager;
  readonly placer: SpanPlacer;
  readonly inFlight: InFlight;
  readonly listeners: ListenerContext;
}

/**
 * Watches every `http` and `https` server of the process, also those made before it was called.
 *
 * Servers announce a request by emitting it, so that one method on each of the two prototypes is all there is to
 * wrap: it works the same for CommonJS and ES modules and needs no loader. Returns what undoes it.
 */
export function watchServers(deps: ServerDeps): () => void {
  const undoPlain = wrapEmit(Server.prototype, "http", deps);
  const undoSecure = wrapEmit(SecureServer.prototype, "https", deps);
  for (const { prototype } of [IncomingMessage, ServerResponse]) deps.listeners.bindOn(prototype);
  return () => {
    undoPlain();
    undoSecure();
    deps.listeners.close();
  };
}

/** The span of a request that is being served, for instrumentation of frameworks. */
export function serverSpanOf(request: object): ServerSpan | undefined {
  return (request as { [SPAN]?: ServerSpan })[SPAN];
}

const SPAN = Symbol("tocsin.span");

type Emit = (this: unknown, event: string | symbol, ...args: unknown[]) => boolean;

function wrapEmit(prototype: object, scheme: string, deps: ServerDeps): () => void {
  const holder = prototype as { emit: Emit };
  const original = holder.emit;
  const isOwn = Object.hasOwn(prototype, "emit");
  holder.emit = function emit(event, ...args) {
    // The other two come first, where the service itself answers what a client expects before it sends its body.
    const isRequest = event === "request" || event === "checkContinue" || event === "checkExpectation";
    if (!isRequest) return Reflect.apply(original, this, [event, ...args]);
    const request = args[0] as Served;
    // A proxy in front (a second `emit` of the same request by user code) is no second request.
    if (serverSpanOf(request) !== undefined) return Reflect.apply(original, this, [event, ...args]);
    let scope: Context;
    try {
      scope = beginRequest(deps, request, args[1] as Answer, scheme);
    } catch {
      return Reflect.apply(original, this, [event, ...args]);
    }
    return deps.contexts.run(scope, () => Reflect.apply(original, this, [event, ...args]));
  };
  return () => {
    if (isOwn) holder.emit = original;
    else Reflect.deleteProperty(holder, "emit");
  };
}

/** Begins the span of a request; `also` is what else it may be found by. Returns the context to serve it in. */
export function beginRequest(
  deps: ServerDeps,
  request: Served,
  response: Answer,
  scheme: string,
  also?: object,
): Context {
  const { base, place } = deps.placer.incoming(request, scheme);
  const span = new ServerSpan(deps, place, request, response, scheme);
  const gauge = deps.inFlight.of(knownMethod(request.method ?? "GET"), scheme);
  gauge.value++;
  markSpan(span, request, response);
  if (also !== undefined) markSpan(span, also, also);
  response.on("close", () => {
    gauge.value--;
    span.finish();
  });
  deps.runtime.sink.started?.(span, base);
  return new SpanScope(base, span);
}

/** Lets the span be found by its request and its answer. */
export function markSpan(span: ServerSpan, request: object, response: object): void {
  (request as { [SPAN]?: ServerSpan })[SPAN] = span;
  (response as { [SPAN]?: ServerSpan })[SPAN] = span;
}
