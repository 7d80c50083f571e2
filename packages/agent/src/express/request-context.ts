import { context, trace } from "@opentelemetry/api";
import { ServerSpan } from "../http/server-span.js";
import { requestSpan } from "../trace/context-manager.js";

/** What is known of the request that is being served right now. */
export interface RequestContext {
  readonly traceId: string;
  readonly spanId: string;
  /** The route as a pattern, once it is known. */
  readonly route: string | undefined;
  /** Puts an attribute on the request's span, from however deep down, e.g. the customer it is for. */
  setAttribute(key: string, value: string | number | boolean): void;
}

/**
 * The request that the calling code works for, through promises, timers and callbacks alike; nothing when it works for
 * none.
 */
export function requestContext(): RequestContext | undefined {
  const active = context.active();
  const span = trace.getSpan(active);
  if (span === undefined) return undefined;
  const server = requestSpan(active) ?? span;
  const { traceId, spanId } = span.spanContext();
  return {
    traceId,
    spanId,
    get route() {
      return server instanceof ServerSpan ? server.route : undefined;
    },
    setAttribute: (key, value) => {
      if (server instanceof ServerSpan) server.setAttribute(key, value);
      else span.setAttribute(key, value);
    },
  };
}
