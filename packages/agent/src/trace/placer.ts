import type { IncomingHttpHeaders } from "node:http";
import {
  type Attributes,
  type Context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  type TextMapGetter,
  TraceFlags,
  type TraceState,
  trace,
} from "@opentelemetry/api";
import type { AgentContextManager } from "./context-manager.js";
import { randomSpanId, randomTraceId } from "./ids.js";
import type { SpanPlace } from "./lean-span.js";
import type { SamplerChoice } from "./sampler.js";
import { parseTraceparent } from "./traceparent.js";

/** Decides where a span belongs and whether it is sampled. */
export interface SpanPlacerOptions {
  readonly contexts: AgentContextManager;
  readonly sampler: SamplerChoice;
  /** Whether W3C trace context and baggage are in use, which have a short way here; others go by the API. */
  readonly isW3c: boolean;
}

/** What a request says of where it comes from. */
interface Incoming {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

/** Places incoming requests under their remote parent and outgoing ones under the active span. */
export class SpanPlacer {
  private readonly options: SpanPlacerOptions;

  constructor(options: SpanPlacerOptions) {
    this.options = options;
  }

  /** The context that a request brings along (baggage, remote parent), and the place of its server span. */
  incoming(request: Incoming, scheme: string): { base: Context; place: SpanPlace } {
    const { headers } = request;
    if (this.options.isW3c && this.options.sampler.custom === undefined && headers.baggage === undefined) {
      const header = headers.traceparent;
      const remote = typeof header === "string" ? parseTraceparent(header) : undefined;
      if (remote === undefined) return { base: ROOT_CONTEXT, place: this.root(request.url) };
      if (headers.tracestate === undefined)
        return {
          base: ROOT_CONTEXT,
          place: {
            traceId: remote.traceId,
            spanId: randomSpanId(),
            parentSpanId: remote.spanId,
            isParentRemote: true,
            traceFlags: remote.traceFlags & TraceFlags.SAMPLED,
            traceState: undefined,
          },
        };
    }
    const base = propagation.extract(ROOT_CONTEXT, headers, HEADERS);
    return {
      base,
      place: this.under(base, trace.getSpan(base), SpanKind.SERVER, request.method ?? "HTTP", {
        "http.request.method": request.method ?? "GET",
        "url.path": request.url?.split("?", 1)[0] ?? "/",
        "url.scheme": scheme,
      }),
    };
  }

  /** The place of an outgoing request's span. */
  outgoing(method: string, attributes: () => Attributes): SpanPlace {
    const parent = this.options.contexts.activeSpan();
    if (this.options.sampler.custom !== undefined)
      return this.under(this.options.contexts.active(), parent, SpanKind.CLIENT, method, attributes());
    if (parent === undefined) return this.root(undefined);
    const context = parent.spanContext();
    return {
      traceId: context.traceId,
      spanId: randomSpanId(),
      parentSpanId: context.spanId,
      isParentRemote: context.isRemote === true,
      traceFlags: context.traceFlags & TraceFlags.SAMPLED,
      traceState: context.traceState,
    };
  }

  /** A new trace, sampled as the rules have it. */
  private root(url: string | undefined): SpanPlace {
    const traceId = randomTraceId();
    const { isSampled, traceState } = this.options.sampler.roots.decide(traceId, url);
    return {
      traceId,
      spanId: randomSpanId(),
      parentSpanId: undefined,
      isParentRemote: false,
      traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
      traceState,
    };
  }

  private under(
    base: Context,
    parent: Span | undefined,
    kind: SpanKind,
    name: string,
    attributes: Attributes,
  ): SpanPlace {
    const context = parent?.spanContext();
    const hasParent = context !== undefined && trace.isSpanContextValid(context);
    const traceId = hasParent ? context.traceId : randomTraceId();
    let traceFlags = hasParent ? context.traceFlags & TraceFlags.SAMPLED : TraceFlags.SAMPLED;
    let traceState: TraceState | undefined = hasParent ? context.traceState : undefined;
    let added: Attributes | undefined;
    const { custom } = this.options.sampler;
    if (custom === undefined && !hasParent) return this.root(String(attributes["url.path"] ?? ""));
    if (custom !== undefined) {
      const result = custom.shouldSample(base, traceId, name, kind, attributes, []);
      traceFlags = result.decision === 2 ? TraceFlags.SAMPLED : TraceFlags.NONE;
      traceState = result.traceState ?? traceState;
      added = result.attributes;
    }
    return {
      traceId,
      spanId: randomSpanId(),
      parentSpanId: hasParent ? context.spanId : undefined,
      isParentRemote: hasParent && context.isRemote === true,
      traceFlags,
      traceState,
      attributes: added,
    };
  }
}

const HEADERS: TextMapGetter<IncomingHttpHeaders> = {
  get: (headers, key) => headers[key.toLowerCase()],
  keys: (headers) => Object.keys(headers),
};
