import type { SpanColumns } from "../../otlp/index.js";
import { Block } from "./block.js";
import { encodedText } from "./byte-column.js";
import { type PreparedMap, prepareMap } from "./map-column.js";
import type { TimeWindow } from "./time-window.js";

/** As the exporter of the OpenTelemetry Collector writes them, by their numbers in OTLP. */
const KINDS = ["Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"].map(encodedText);
const STATUSES = ["Unset", "Ok", "Error"].map(encodedText);

/** Spans on their way into `otel_traces`. */
export class SpanBlock {
  readonly block = new Block();
  readonly #timestamp = this.block.bytes("Timestamp", "DateTime64(9)");
  readonly #traceId = this.block.bytes("TraceId", "String");
  readonly #spanId = this.block.bytes("SpanId", "String");
  readonly #parentSpanId = this.block.bytes("ParentSpanId", "String");
  readonly #traceState = this.block.bytes("TraceState", "String");
  readonly #spanName = this.block.bytes("SpanName", "String");
  readonly #spanKind = this.block.bytes("SpanKind", "String");
  readonly #serviceName = this.block.bytes("ServiceName", "String");
  readonly #resourceAttributes = this.block.map("ResourceAttributes");
  readonly #scopeName = this.block.bytes("ScopeName", "String");
  readonly #scopeVersion = this.block.bytes("ScopeVersion", "String");
  readonly #spanAttributes = this.block.map("SpanAttributes");
  readonly #duration = this.block.bytes("Duration", "UInt64");
  readonly #statusCode = this.block.bytes("StatusCode", "String");
  readonly #statusMessage = this.block.bytes("StatusMessage", "String");
  readonly #events = this.block.nested("Events");
  readonly #eventTimestamp = this.#events.bytes("Timestamp", "DateTime64(9)");
  readonly #eventName = this.#events.bytes("Name", "String");
  readonly #eventAttributes = this.#events.map("Attributes");
  readonly #links = this.block.nested("Links");
  readonly #linkTraceId = this.#links.bytes("TraceId", "String");
  readonly #linkSpanId = this.#links.bytes("SpanId", "String");
  readonly #linkTraceState = this.#links.bytes("TraceState", "String");
  readonly #linkAttributes = this.#links.map("Attributes");

  /** Adds the spans of one request whose start lies in the window and that are wanted. */
  append(spans: SpanColumns, window: TimeWindow, isWanted: (row: number) => boolean = () => true): void {
    const resources = spans.resources.map((resource) => prepareMap(resource.attributes));
    for (let row = 0; row < spans.rowCount; row++) {
      if (window.contains(spans.startTimeMs[row]) && isWanted(row)) this.#append(spans, row, resources);
    }
  }

  #append(spans: SpanColumns, row: number, resources: readonly PreparedMap[]): void {
    const { bytes } = spans;
    const scope = spans.scopes[spans.scope[row]];
    this.#timestamp.fixed64(bytes, spans.startTime[row]);
    this.#traceId.hex(bytes, spans.traceId[row], 16);
    this.#spanId.hex(bytes, spans.spanId[row], 8);
    this.#parentSpanId.hex(bytes, spans.parentSpanId[row], 8);
    this.#traceState.slice(bytes, spans.traceStateStart[row], spans.traceStateEnd[row]);
    this.#spanName.slice(bytes, spans.nameStart[row], spans.nameEnd[row]);
    this.#spanKind.raw(KINDS[spans.kind[row]] ?? KINDS[0]);
    this.#serviceName.text(spans.resources[scope.resource].serviceName);
    this.#resourceAttributes.prepared(resources[scope.resource]);
    this.#scopeName.text(scope.name);
    this.#scopeVersion.text(scope.version);
    this.#spanAttributes.row(spans.attributes, row);
    this.#duration.u64(spans.durationNanos[row]);
    this.#statusCode.raw(STATUSES[spans.statusCode[row]] ?? STATUSES[0]);
    this.#statusMessage.slice(bytes, spans.statusMessageStart[row], spans.statusMessageEnd[row]);
    this.#appendEvents(spans, row);
    this.#appendLinks(spans, row);
    this.block.endRow();
  }

  #appendEvents({ bytes, events }: SpanColumns, row: number): void {
    const first = events.first[row];
    const end = events.first[row + 1];
    for (let event = first; event < end; event++) {
      this.#eventTimestamp.fixed64(bytes, events.time[event]);
      this.#eventName.slice(bytes, events.nameStart[event], events.nameEnd[event]);
      this.#eventAttributes.row(events.attributes, event);
    }
    this.#events.endRow(end - first);
  }

  #appendLinks({ bytes, links }: SpanColumns, row: number): void {
    const first = links.first[row];
    const end = links.first[row + 1];
    for (let link = first; link < end; link++) {
      this.#linkTraceId.hex(bytes, links.traceId[link], 16);
      this.#linkSpanId.hex(bytes, links.spanId[link], 8);
      this.#linkTraceState.slice(bytes, links.traceStateStart[link], links.traceStateEnd[link]);
      this.#linkAttributes.row(links.attributes, link);
    }
    this.#links.endRow(end - first);
  }
}
