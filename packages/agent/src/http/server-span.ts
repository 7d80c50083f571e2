import type { IncomingHttpHeaders } from "node:http";
import { type Attributes, type AttributeValue, SpanKind } from "@opentelemetry/api";
import { writeAttribute } from "../otlp/attributes.js";
import type { ByteWriter } from "../otlp/byte-writer.js";
import { SPAN_ATTRIBUTE_TAG } from "../otlp/encode-span.js";
import { LeanSpan, type SpanPlace, type SpanRuntime } from "../trace/lean-span.js";
import type { CaptureHeaders } from "./capture-headers.js";
import { Connection, type ConnectionDescription, type Peer } from "./connection.js";
import { knownMethod, OTHER_METHOD } from "./methods.js";
import type { UrlRedactor } from "./redact-url.js";
import type { RequestCell, RequestCells } from "./request-cells.js";

/** What a span needs of a request: Node's own for HTTP/1, the headers of a stream for HTTP/2. */
export interface Served {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly httpVersion: string;
  readonly headers: IncomingHttpHeaders;
  readonly socket: Peer;
}

/** What it needs of the answer. */
export interface Answer {
  readonly statusCode: number;
  readonly headersSent: boolean;
  readonly writableFinished: boolean;
  getHeader(name: string): string | number | readonly string[] | undefined;
  on(event: "close", listener: () => void): unknown;
}

/** What server spans of one agent share beyond other spans. */
export interface ServerSpanDeps {
  readonly runtime: SpanRuntime;
  readonly cells: RequestCells;
  readonly urls: UrlRedactor;
  /** Adds the headers that the user asked for. */
  readonly captureHeaders: CaptureHeaders | undefined;
}

/**
 * The span of one request that this process serves, and the key of its metrics.
 *
 * Once it has ended it holds nothing of the request: connections that are kept alive remember the context they were last used
 * in, and whatever a span held would stay in memory with it.
 */
export class ServerSpan extends LeanSpan {
  override readonly kind = SpanKind.SERVER;
  private readonly deps: ServerSpanDeps;
  private readonly scheme: string;
  private readonly url: string;
  private readonly method: string;
  private readonly version: string;
  private readonly connection: ConnectionDescription;
  private request: Served | undefined;
  private response: Answer | undefined;
  private statusCode: number | undefined;
  private routeBase = "";
  private routePath: string | undefined;
  /** Asked for the route when the request ends, for frameworks that tell it only then. */
  routeSource: (() => string | undefined) | undefined;
  /** The class of the error that ended the request, when one is known. */
  private errorType: string | undefined;
  private failure: unknown;
  /** Where the request is, when the way there had parameters in it; express's routers note it down. */
  mount: Mount | undefined;
  private outcome: Outcome | undefined;

  constructor(deps: ServerSpanDeps, place: SpanPlace, request: Served, response: Answer, scheme: string) {
    super(deps.runtime, place);
    this.deps = deps;
    this.request = request;
    this.response = response;
    this.scheme = scheme;
    this.url = deps.urls.target(request.url ?? "/");
    this.method = request.method ?? "GET";
    // Read now, for later each reading may take a microsecond: express gives requests and answers other prototypes, after which
    // each of them has a hidden class of its own in V8 up to Node 22.
    this.version = request.httpVersion;
    this.connection = Connection.of(request.socket, scheme).describe(request.headers);
  }

  /**
   * Names the route that serves the request; the last one that does wins.
   *
   * @param path the pattern, e.g. `/orders/:id`
   * @param base what the pattern is mounted under
   */
  setRoute(path: string, base = ""): void {
    this.routePath = path;
    this.routeBase = base;
  }

  /** A route that is given as an attribute, as frameworks that know OpenTelemetry do, is that of name and metrics too. */
  override setAttribute(key: string, value: AttributeValue): this {
    if (key !== "http.route" || typeof value !== "string") return super.setAttribute(key, value);
    if (!this.ended) this.setRoute(value);
    return this;
  }

  /** Records the error that a framework was handed; the same one is recorded once. */
  failed(error: unknown): void {
    if (this.ended || error === undefined || error === null || error === this.failure) return;
    this.failure = error;
    this.recordException(error instanceof Error ? error : String(error));
  }

  /** The whole pattern, or nothing when no route matched. */
  get route(): string | undefined {
    if (this.outcome !== undefined) return this.outcome.route;
    const path = this.routePath ?? this.routeSource?.();
    if (path === undefined) return this.request === undefined ? undefined : routeLeftBehind(this.request);
    if (this.routeBase === "") return path;
    return path === "/" ? this.routeBase : this.routeBase + path;
  }

  /** Counts the request and ends the span. `isCutShort` says that there will be no answer, whatever the answer says itself. */
  finish(isCutShort = false): void {
    const { response } = this;
    if (response === undefined) return;
    const status = statusOf(response);
    this.statusCode = status;
    if (status === undefined) {
      if (isCutShort || !response.writableFinished) this.errorType ??= "aborted";
    } else if (status >= 500 && this.status.code === 0) this.setStatus({ code: 2 });
    this.end();
  }

  protected override conclude(endMs: number): void {
    const outcome = this.look();
    this.outcome = outcome;
    outcome.cell.histogram.record((endMs - this.startMs) / 1000);
    this.request = undefined;
    this.response = undefined;
    this.routeSource = undefined;
    this.failure = undefined;
  }

  protected override defaultName(): string {
    const method = knownMethod(this.method);
    const name = method === OTHER_METHOD ? "HTTP" : method;
    const { route } = this;
    return route === undefined ? name : `${name} ${route}`;
  }

  protected override describe(): Attributes {
    const { cell, captured } = this.outcome ?? this.look();
    const { path, query, otherMethod } = this.parts();
    return {
      ...cell.attributes,
      ...this.connection.attributes,
      "url.path": path,
      ...(query === undefined ? {} : { "url.query": query }),
      ...(otherMethod === undefined ? {} : { "http.request.method_original": otherMethod }),
      ...captured,
    };
  }

  override writeOwnAttributes(writer: ByteWriter): void {
    const { cell, captured } = this.outcome ?? this.look();
    const { path, query, otherMethod } = this.parts();
    writer.raw(cell.spanBytes);
    writer.raw(this.connection.bytes);
    writeAttribute(writer, SPAN_ATTRIBUTE_TAG, "url.path", path);
    writeAttribute(writer, SPAN_ATTRIBUTE_TAG, "url.query", query);
    writeAttribute(writer, SPAN_ATTRIBUTE_TAG, "http.request.method_original", otherMethod);
    for (const key in captured) writeAttribute(writer, SPAN_ATTRIBUTE_TAG, key, captured[key]);
  }

  /** What the request and its answer say by now. */
  private look(): Outcome {
    const { response, scheme, version, errorType, route } = this;
    const status = this.statusCode ?? (response === undefined ? undefined : statusOf(response));
    const cell = this.deps.cells.find(route ?? "", {
      "http.request.method": knownMethod(this.method),
      "url.scheme": scheme,
      "network.protocol.version": version,
      "http.response.status_code": status,
      "http.route": route,
      "error.type": errorType ?? (status !== undefined && status >= 500 ? String(status) : undefined),
    });
    return { cell, route, captured: this.captured() };
  }

  private captured(): Attributes | undefined {
    const { request, response } = this;
    if (this.deps.captureHeaders === undefined || request === undefined) return undefined;
    const attributes: Attributes = {};
    this.deps.captureHeaders(
      attributes,
      (name) => request.headers[name],
      (name) => response?.getHeader(name),
    );
    return attributes;
  }

  private parts(): { path: string; query: string | undefined; otherMethod: string | undefined } {
    const { url, method } = this;
    const question = url.indexOf("?");
    return {
      path: question < 0 ? url : url.slice(0, question),
      query: question < 0 ? undefined : this.deps.urls.query(url.slice(question + 1)),
      otherMethod: knownMethod(method) === OTHER_METHOD ? method : undefined,
    };
  }
}

/** Where a request is below mounted routers: as asked for, and as a pattern. */
export interface Mount {
  readonly actual: string;
  readonly pattern: string;
}

/** What is known once a request has ended. */
interface Outcome {
  readonly cell: RequestCell;
  readonly route: string | undefined;
  readonly captured: Attributes | undefined;
}

/** Nothing while no answer has begun. */
function statusOf(response: Answer): number | undefined {
  return response.headersSent ? response.statusCode : undefined;
}

/** What express leaves on the request: the way to learn of routes where its files could not be watched, as in bundles. */
function routeLeftBehind(request: Served): string | undefined {
  const { route, baseUrl } = request as { route?: { path?: unknown }; baseUrl?: unknown };
  const path = route?.path;
  if (typeof path !== "string") return undefined;
  return typeof baseUrl === "string" ? baseUrl + path : path;
}
