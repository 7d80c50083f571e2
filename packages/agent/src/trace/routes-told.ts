import { type Attributes, type Context, context, type Span, SpanKind, trace } from "@opentelemetry/api";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace";
import { ServerSpan } from "../http/server-span.js";
import { requestSpan } from "./context-manager.js";

/**
 * Takes the route of a request from the spans that its framework makes of it.
 *
 * Frameworks that are bundled into the service, or published as ES modules alone, are out of the agent's reach; some trace
 * themselves by OpenTelemetry's API (Next.js, SvelteKit, Hono) and say there which route they serve.
 */
export class RoutesTold implements SpanProcessor {
  onStart(span: Span & Told, parent: Context): void {
    const route = routeOf(span);
    if (route === undefined) return;
    const server = requestSpan(parent);
    if (!(server instanceof ServerSpan)) return;
    // Next.js says it further down; elsewhere what is further down may be a call of the service to itself.
    if (trace.getSpan(parent) === server || "next.route" in span.attributes) server.setRoute(route);
  }

  /** Where the route was found on the way. */
  onEnd(span: ReadableSpan): void {
    const route = routeOf(span);
    if (route === undefined) return;
    const server = requestSpan(context.active());
    const isOfIt = server?.spanContext().spanId === span.parentSpanContext?.spanId;
    if (isOfIt && server instanceof ServerSpan && !server.ended) server.setRoute(route);
  }

  async forceFlush(): Promise<void> {}
  async shutdown(): Promise<void> {}
}

/** As much of a span as tells of routes. */
interface Told {
  readonly kind: SpanKind;
  readonly attributes: Attributes;
}

/** Next.js says the page before it begins to answer, and `http.route` only when the answer may be out. */
function routeOf({ kind, attributes }: Told): string | undefined {
  const route = attributes["http.route"] ?? attributes["next.route"];
  if (kind === SpanKind.CLIENT || typeof route !== "string" || !route.startsWith("/")) return undefined;
  // What answers where there is no route, and errors.
  return /^\/(?:_.*|404|500)$/.test(route) ? undefined : route;
}
