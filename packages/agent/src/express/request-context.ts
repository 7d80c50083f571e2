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
  /** Names the route, as a pattern, where the framework is one that the agent cannot ask: `/orders/:id`. */
  setRoute(route: string): void;
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
  const setAttribute = (key: string, value: string | number | boolean): void => {
    if (server instanceof ServerSpan) server.setAttribute(key, value);
    else span.setAttribute(key, value);
  };
  return {
    traceId,
    spanId,
    setAttribute,
    setRoute: (route) => setAttribute("http.route", route),
    get route() {
      return server instanceof ServerSpan ? server.route : undefined;
    },
  };
}
