import { type Attributes, SpanKind } from "@opentelemetry/api";
import { writeAttribute } from "../otlp/attributes.js";
import type { ByteWriter } from "../otlp/byte-writer.js";
import { SPAN_ATTRIBUTE_TAG } from "../otlp/encode-span.js";
import { exceptionAttributes } from "../trace/event-attributes.js";
import { LeanSpan, type SpanPlace, type SpanRuntime } from "../trace/lean-span.js";
import type { CaptureHeaders, ReadHeader } from "./capture-headers.js";
import { knownMethod, OTHER_METHOD } from "./methods.js";
import type { UrlRedactor } from "./redact-url.js";
import type { RequestCell, RequestCells } from "./request-cells.js";

/** What an outgoing request is known by when it starts. */
export interface ClientTarget {
  readonly method: string;
  readonly scheme: string;
  readonly host: string;
  readonly port: number;
  /** Path and query, as sent. */
  readonly path: string;
  readonly userAgent: string | undefined;
}

/** What client spans of one agent share beyond other spans. */
export interface ClientSpanDeps {
  readonly runtime: SpanRuntime;
  readonly cells: RequestCells;
  readonly urls: UrlRedactor;
  /** Adds the headers that the user asked for. */
  readonly captureHeaders: CaptureHeaders | undefined;
}

/** How a request ended. */
export interface ClientOutcome {
  readonly status: number | undefined;
  readonly version: string | undefined;
  readonly peerAddress: string | undefined;
  readonly peerPort: number | undefined;
  readonly error: Error | undefined;
}

/** The span of one request that this process sends, and the key of its metrics. */
export class ClientSpan extends LeanSpan {
  override readonly kind = SpanKind.CLIENT;
  private readonly deps: ClientSpanDeps;
  private readonly target: ClientTarget;
  private outcome: ClientOutcome | undefined;
  private cell: RequestCell | undefined;
  private captured: Attributes | undefined;

  constructor(deps: ClientSpanDeps, place: SpanPlace, target: ClientTarget) {
    super(deps.runtime, place);
    this.deps = deps;
    this.target = target;
  }

  /** Whether headers were asked for, so that {@link capture} has anything to do. */
  get isCapturing(): boolean {
    return this.deps.captureHeaders !== undefined;
  }

  /** Reads the headers that were asked for. */
  capture(request: ReadHeader, response: ReadHeader): void {
    if (this.ended || this.deps.captureHeaders === undefined) return;
    this.captured = {};
    this.deps.captureHeaders(this.captured, request, response);
  }

  /** Counts the request and ends the span. Statuses from 400 are errors to a client. */
  finish(outcome: ClientOutcome): void {
    if (this.ended) return;
    this.outcome = outcome;
    const { error, status } = outcome;
    if (error !== undefined) {
      this.setStatus({ code: 2, message: error.message });
      this.addEvent("exception", exceptionAttributes(error));
    } else if (status === undefined || status >= 400) this.setStatus({ code: 2 });
    this.end();
  }

  protected override conclude(endMs: number): void {
    this.settle().histogram.record((endMs - this.startMs) / 1000);
  }

  protected override defaultName(): string {
    const method = knownMethod(this.target.method);
    return method === OTHER_METHOD ? "HTTP" : method;
  }

  protected override describe(): Attributes {
    const { target, outcome } = this;
    const method = knownMethod(target.method);
    return {
      ...this.settle().attributes,
      ...(method === OTHER_METHOD ? { "http.request.method_original": target.method } : {}),
      "url.full": this.url(),
      "user_agent.original": target.userAgent,
      "network.peer.address": outcome?.peerAddress,
      "network.peer.port": outcome?.peerPort,
      ...this.captured,
    };
  }

  override writeOwnAttributes(writer: ByteWriter): void {
    const { target, outcome } = this;
    const cell = this.settle();
    writer.raw(cell.spanBytes);
    writeAttribute(writer, SPAN_ATTRIBUTE_TAG, "url.full", this.url());
    if (cell.attributes["http.request.method"] === OTHER_METHOD)
      writeAttribute(writer, SPAN_ATTRIBUTE_TAG, "http.request.method_original", target.method);
    writeAttribute(writer, SPAN_ATTRIBUTE_TAG, "user_agent.original", target.userAgent);
    writeAttribute(writer, SPAN_ATTRIBUTE_TAG, "network.peer.address", outcome?.peerAddress);
    writeAttribute(writer, SPAN_ATTRIBUTE_TAG, "network.peer.port", outcome?.peerPort);
    for (const key in this.captured) writeAttribute(writer, SPAN_ATTRIBUTE_TAG, key, this.captured[key]);
  }

  private url(): string {
    const { scheme, host, port } = this.target;
    const { urls } = this.deps;
    // A proxy is asked for a whole URL.
    if (!this.target.path.startsWith("/")) return urls.url(this.target.path);
    const path = urls.target(this.target.path);
    const isDefault = port === (scheme === "https" ? 443 : 80);
    const authority = isDefault ? host : `${host}:${port}`;
    const question = path.indexOf("?");
    const shown = question < 0 ? path : `${path.slice(0, question)}?${urls.query(path.slice(question + 1))}`;
    return `${scheme}://${authority}${shown}`;
  }

  private settle(): RequestCell {
    if (this.cell !== undefined) return this.cell;
    const { target, outcome } = this;
    const method = knownMethod(target.method);
    const status = outcome?.status;
    const errorType = outcome === undefined ? undefined : errorTypeOf(outcome);
    const cell = this.deps.cells.find(target.host, {
      "http.request.method": method,
      "server.address": target.host,
      "server.port": target.port,
      "network.protocol.version": outcome?.version,
      "http.response.status_code": status,
      "error.type": errorType,
    });
    if (outcome !== undefined) this.cell = cell;
    return cell;
  }
}

function errorTypeOf({ error, status }: ClientOutcome): string | undefined {
  if (error !== undefined) return (error as { code?: string }).code ?? error.name;
  return status !== undefined && status >= 400 ? String(status) : undefined;
}
