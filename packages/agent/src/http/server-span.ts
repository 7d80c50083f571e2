import type { IncomingHttpHeaders } from "node:http";
import { type Attributes, SpanKind } from "@opentelemetry/api";
import { writeAttribute } from "../otlp/attributes.js";
import type { ByteWriter } from "../otlp/byte-writer.js";
import { SPAN_ATTRIBUTE_TAG } from "../otlp/encode-span.js";
import { LeanSpan, type SpanPlace, type SpanRuntime } from "../trace/lean-span.js";
import type { CaptureHeaders } from "./capture-headers.js";
import { Connection, type Peer } from "./connection.js";
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

/** The span of one request that this process serves, and the key of its metrics. */
export class ServerSpan extends LeanSpan {
  override readonly kind = SpanKind.SERVER;
  private readonly deps: ServerSpanDeps;
  private readonly request: Served;
  private readonly response: Answer;
  private readonly scheme: string;
  private readonly url: string;
  private routeBase = "";
  private routePath: string | undefined;
  private cell: RequestCell | undefined;
  /** Asked for the route when the request ends, for frameworks that tell it only then. */
  routeSource: (() => string | undefined) | undefined;
  /** The class of the error that ended the request, when one is known. */
  private errorType: string | undefined;
  private failure: unknown;

  constructor(deps: ServerSpanDeps, place: SpanPlace, request: Served, response: Answer, scheme: string) {
    super(deps.runtime, place);
    this.deps = deps;
    this.request = request;
    this.response = response;
    this.scheme = scheme;
    this.url = deps.urls.target(request.url ?? "/");
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

  /** Records the error that a framework was handed; the same one is recorded once. */
  failed(error: unknown): void {
    if (this.ended || error === undefined || error === null || error === this.failure) return;
    this.failure = error;
    this.recordException(error instanceof Error ? error : String(error));
  }

  /** The whole pattern, or nothing when no route matched. */
  get route(): string | undefined {
    const path = this.routePath ?? this.routeSource?.();
    if (path === undefined) return routeLeftBehind(this.request);
    if (this.routeBase === "") return path;
    return path === "/" ? this.routeBase : this.routeBase + path;
  }

  /** Counts the request and ends the span. `isComplete` is false when the client left before the answer was out. */
  finish(isComplete: boolean): void {
    if (this.ended) return;
    const { statusCode, headersSent } = this.response;
    const status = headersSent ? statusCode : undefined;
    if (!isComplete && status === undefined) this.errorType ??= "aborted";
    const cell = this.settle(status);
    if (status !== undefined && status >= 500 && this.status.code === 0) this.setStatus({ code: 2 });
    const endMs = this.runtime.clock.now();
    cell.histogram.record((endMs - this.startMs) / 1000);
    this.end();
  }

  protected override defaultName(): string {
    const method = knownMethod(this.request.method ?? "GET");
    const name = method === OTHER_METHOD ? "HTTP" : method;
    const route = this.route;
    return route === undefined ? name : `${name} ${route}`;
  }

  protected override describe(): Attributes {
    const cell = this.cell ?? this.settle(this.response.headersSent ? this.response.statusCode : undefined);
    const connection = Connection.of(this.request.socket, this.scheme).describe(this.request.headers);
    const question = this.url.indexOf("?");
    const attributes: Attributes = {
      ...cell.attributes,
      ...connection.attributes,
      "url.path": question < 0 ? this.url : this.url.slice(0, question),
      ...(question < 0 ? {} : { "url.query": this.deps.urls.query(this.url.slice(question + 1)) }),
      ...(cell.attributes["http.request.method"] === OTHER_METHOD
        ? { "http.request.method_original": this.request.method }
        : {}),
    };
    this.capture(attributes);
    return attributes;
  }

  private capture(attributes: Attributes): void {
    const { request, response } = this;
    this.deps.captureHeaders?.(
      attributes,
      (name) => request.headers[name],
      (name) => response.getHeader(name),
    );
  }

  override writeOwnAttributes(writer: ByteWriter): void {
    const cell = this.cell ?? this.settle(this.response.statusCode);
    writer.raw(cell.spanBytes);
    writer.raw(Connection.of(this.request.socket, this.scheme).describe(this.request.headers).bytes);
    const { url } = this;
    const question = url.indexOf("?");
    writeAttribute(writer, SPAN_ATTRIBUTE_TAG, "url.path", question < 0 ? url : url.slice(0, question));
    if (question >= 0)
      writeAttribute(writer, SPAN_ATTRIBUTE_TAG, "url.query", this.deps.urls.query(url.slice(question + 1)));
    if (cell.attributes["http.request.method"] === OTHER_METHOD)
      writeAttribute(writer, SPAN_ATTRIBUTE_TAG, "http.request.method_original", this.request.method);
    if (this.deps.captureHeaders !== undefined) {
      const captured: Attributes = {};
      this.capture(captured);
      for (const key in captured) writeAttribute(writer, SPAN_ATTRIBUTE_TAG, key, captured[key]);
    }
  }

  /** Finds the cell once the outcome is known. */
  private settle(status: number | undefined): RequestCell {
    const { request } = this;
    const method = knownMethod(request.method ?? "GET");
    const { route, scheme } = this;
    const version = request.httpVersion;
    const isFailure = status !== undefined && status >= 500;
    const { errorType } = this;
    const key = `${method} ${status} ${scheme}${version} ${errorType ?? ""} ${route ?? ""}`;
    this.cell = this.deps.cells.find(key, () => ({
      "http.request.method": method,
      "url.scheme": scheme,
      "network.protocol.version": version,
      "http.response.status_code": status,
      "http.route": route,
      "error.type": errorType ?? (isFailure ? String(status) : undefined),
    }));
    return this.cell;
  }
}

/** What express leaves on the request: the way to learn of routes where its files could not be watched, as in bundles. */
function routeLeftBehind(request: Served): string | undefined {
  const { route, baseUrl } = request as { route?: { path?: unknown }; baseUrl?: unknown };
  const path = route?.path;
  if (typeof path !== "string") return undefined;
  return typeof baseUrl === "string" ? baseUrl + path : path;
}
