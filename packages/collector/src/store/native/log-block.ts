import type { UnixMs } from "@tocsin/model";
import { type LogColumns, ValueKind, valueText } from "../../otlp/index.js";
import { Block } from "./block.js";
import { type PreparedMap, prepareMap } from "./map-column.js";
import type { TimeWindow } from "./time-window.js";

/** Log records on their way into `otel_logs`. */
export class LogBlock {
  readonly block = new Block();
  readonly #timestamp = this.block.bytes("Timestamp", "DateTime64(9)");
  readonly #traceId = this.block.bytes("TraceId", "String");
  readonly #spanId = this.block.bytes("SpanId", "String");
  readonly #traceFlags = this.block.bytes("TraceFlags", "UInt8");
  readonly #severityText = this.block.bytes("SeverityText", "String");
  readonly #severityNumber = this.block.bytes("SeverityNumber", "UInt8");
  readonly #serviceName = this.block.bytes("ServiceName", "String");
  readonly #body = this.block.bytes("Body", "String");
  readonly #resourceSchemaUrl = this.block.bytes("ResourceSchemaUrl", "String");
  readonly #resourceAttributes = this.block.map("ResourceAttributes");
  readonly #scopeSchemaUrl = this.block.bytes("ScopeSchemaUrl", "String");
  readonly #scopeName = this.block.bytes("ScopeName", "String");
  readonly #scopeVersion = this.block.bytes("ScopeVersion", "String");
  readonly #scopeAttributes = this.block.map("ScopeAttributes");
  readonly #logAttributes = this.block.map("LogAttributes");
  readonly #eventName = this.block.bytes("EventName", "String");

  /**
   * Adds the records of one request whose time lies in the window and that are wanted.
   *
   * @param receivedAtMs the time of records that bring none
   */
  append(
    logs: LogColumns,
    window: TimeWindow,
    receivedAtMs: UnixMs,
    isWanted: (row: number) => boolean = () => true,
  ): void {
    const resources = logs.resources.map((resource) => prepareMap(resource.attributes));
    const scopes = logs.scopes.map((scope) => prepareMap(scope.attributes));
    for (let row = 0; row < logs.rowCount; row++) {
      if (window.contains(logs.timeMs[row] || receivedAtMs) && isWanted(row)) {
        this.#append(logs, row, receivedAtMs, resources, scopes);
      }
    }
  }

  #append(
    logs: LogColumns,
    row: number,
    receivedAtMs: UnixMs,
    resources: readonly PreparedMap[],
    scopes: readonly PreparedMap[],
  ): void {
    const { bytes } = logs;
    const scope = logs.scopes[logs.scope[row]];
    const resource = logs.resources[scope.resource];
    const time = logs.time[row] || logs.observedTime[row];
    if (time === 0) this.#timestamp.i64(BigInt(Math.round(receivedAtMs)) * 1_000_000n);
    else this.#timestamp.fixed64(bytes, time);
    this.#traceId.hex(bytes, logs.traceId[row], 16);
    this.#spanId.hex(bytes, logs.spanId[row], 8);
    this.#traceFlags.u8(logs.flags[row] & 0xff);
    this.#severityText.slice(bytes, logs.severityTextStart[row], logs.severityTextEnd[row]);
    this.#severityNumber.u8(logs.severityNumber[row]);
    this.#serviceName.text(resource.serviceName);
    const kind = logs.bodyKind[row];
    if (kind === ValueKind.string) this.#body.slice(bytes, logs.bodyStart[row], logs.bodyEnd[row]);
    else this.#body.text(valueText(bytes, kind, logs.bodyStart[row], logs.bodyEnd[row]));
    this.#resourceSchemaUrl.text(resource.schemaUrl);
    this.#resourceAttributes.prepared(resources[scope.resource]);
    this.#scopeSchemaUrl.text(scope.schemaUrl);
    this.#scopeName.text(scope.name);
    this.#scopeVersion.text(scope.version);
    this.#scopeAttributes.prepared(scopes[logs.scope[row]]);
    this.#logAttributes.row(logs.attributes, row);
    this.#eventName.slice(bytes, logs.eventNameStart[row], logs.eventNameEnd[row]);
    this.block.endRow();
  }
}
