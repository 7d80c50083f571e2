import {
  type AttributeTable,
  attributeKey,
  attributeText,
  hexAt,
  type LogColumns,
  nanosAt,
  textAt,
  valueText,
} from "../../otlp/index.js";
import { textOfValue } from "../native/map-column.js";
import type { StoredLog } from "./log.js";

/** One record of a decoded request in the form in which it is read back from the store. */
export function logOfColumns(logs: LogColumns, row: number, receivedAtMs: number): StoredLog {
  const { bytes } = logs;
  const scope = logs.scopes[logs.scope[row]];
  const resource = logs.resources[scope.resource];
  const time = logs.time[row] || logs.observedTime[row];
  return {
    timeUnixNano: String(time === 0 ? BigInt(Math.round(receivedAtMs)) * 1_000_000n : nanosAt(bytes, time)),
    service: resource.serviceName,
    severityNumber: logs.severityNumber[row],
    severityText: textAt(bytes, logs.severityTextStart[row], logs.severityTextEnd[row]),
    body: valueText(bytes, logs.bodyKind[row], logs.bodyStart[row], logs.bodyEnd[row]),
    eventName: textAt(bytes, logs.eventNameStart[row], logs.eventNameEnd[row]),
    traceId: hexAt(bytes, logs.traceId[row], 16),
    spanId: hexAt(bytes, logs.spanId[row], 8),
    attributes: attributesOf(logs.attributes, row),
    resourceAttributes: Object.fromEntries(
      resource.attributes.map(({ key, value }) => [key, textOfValue(value)]),
    ),
    scope: scope.name,
  };
}

function attributesOf(table: AttributeTable, row: number): Record<string, string> {
  const entries: [string, string][] = [];
  for (let index = table.first[row]; index < table.first[row + 1]; index++) {
    entries.push([attributeKey(table, index), attributeText(table, index)]);
  }
  return Object.fromEntries(entries);
}
