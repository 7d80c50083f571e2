import { AsyncLocalStorage } from "node:async_hooks";
import {
  type Context,
  createContextKey,
  INVALID_TRACEID,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
} from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";

/** The key under which the API keeps the active span; keys made from one description are the same. */
const SPAN_KEY = createContextKey("OpenTelemetry Context Key SPAN");

/** The key under which {@link requestSpan} finds the span of the request while a child of it is active. */
const REQUEST_SPAN_KEY = createContextKey("tocsin request span");

/** The key under which OpenTelemetry's instrumentations of frameworks leave the route for whoever made the server span. */
const RPC_KEY = createContextKey("OpenTelemetry SDK Context Key RPC_METADATA");

/** The span of the request that a context belongs to, also when another span is active in it. */
export function requestSpan(context: Context): Span | undefined {
  return context.getValue(REQUEST_SPAN_KEY) as Span | undefined;
}

/** A span that takes a route. */
interface Routed {
  setRoute?: (path: string) => void;
}

/**
 * A context that differs from its base in the active span only.
 *
 * The API's own form copies a map for each value set; every request makes one of these, so it holds two fields.
 */
export class SpanScope implements Context {
  private readonly base: Context;
  readonly span: Span;

  constructor(base: Context, span: Span) {
    this.base = base;
    this.span = span;
  }

  getValue(key: symbol): unknown {
    if (key === SPAN_KEY || key === REQUEST_SPAN_KEY) return this.span;
    if (key === RPC_KEY) return this.rpcMetadata();
    return this.base.getValue(key);
  }

  setValue(key: symbol, value: unknown): Context {
    const context = this.base.setValue(REQUEST_SPAN_KEY, this.span).setValue(RPC_KEY, this.rpcMetadata());
    return key === SPAN_KEY
      ? context.setValue(key, value)
      : context.setValue(SPAN_KEY, this.span).setValue(key, value);
  }

  /** What others set as the route here becomes the span's. */
  private rpcMetadata(): object {
    const routed = this.span as Span & Routed;
    return {
      type: "http",
      span: this.span,
      set route(route: string | undefined) {
        if (route !== undefined) routed.setRoute?.(route);
      },
    };
  }

  deleteValue(key: symbol): Context {
    return key === SPAN_KEY
      ? this.base.deleteValue(key)
      : this.base.setValue(SPAN_KEY, this.span).deleteValue(key);
  }
}

/**
 * OpenTelemetry's context over one `AsyncLocalStorage`.
 *
 * Request and response emitters are never bound here (Node carries the context through its own callbacks); binding an
 * emitter still works for whoever asks for it, by the stock manager that this one extends.
 */
export class AgentContextManager extends AsyncLocalStorageContextManager {
  private readonly storage = new AsyncLocalStorage<Context>();

  override active(): Context {
    return this.storage.getStore() ?? ROOT_CONTEXT;
  }

  /** The active span, if any. */
  activeSpan(): Span | undefined {
    const context = this.storage.getStore();
    if (context === undefined) return undefined;
    if (context instanceof SpanScope) return context.span;
    return context.getValue(SPAN_KEY) as Span | undefined;
  }

  /** The ids that log lines carry: those of the active span, when they are valid. */
  activeSpanContext(): SpanContext | undefined {
    const context = this.activeSpan()?.spanContext();
    if (context === undefined || context.traceId === INVALID_TRACEID) return undefined;
    return context.traceId.length === 32 && context.spanId.length === 16 ? context : undefined;
  }

  /** Calls `fn` within `context`; the short way that instrumentation takes. */
  run<T>(context: Context, fn: () => T): T {
    return this.storage.run(context, fn);
  }

  override with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    context: Context,
    fn: F,
    thisArg?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    return this.storage.run(context, () => fn.apply(thisArg, args));
  }

  override disable(): this {
    this.storage.disable();
    return this;
  }
}
