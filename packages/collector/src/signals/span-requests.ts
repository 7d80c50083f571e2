import { type SpanColumns, textAt } from "../otlp/index.js";
import { Observation } from "./observation.js";
import { failureName, isFailure, routeName, sampledWeight } from "./outcome.js";
import { RequestAttributes } from "./request-attributes.js";
import { instanceKey } from "./resource-key.js";
import type { RequestClass, SourceChoice } from "./source-choice.js";

const SERVER = 2;
const CONSUMER = 5;
const STATUS_ERROR = 2;

/** Takes one observation at a time; the object is filled anew afterwards. */
export type ObservationSink = (observation: Observation, kind: RequestClass) => void;

/**
 * Finds the requests among spans: server spans, and consumer spans that handled a message. Spans of services that
 * measure are passed over.
 */
export function observeSpans(columns: SpanColumns, choice: SourceChoice, sink: ObservationSink): void {
  const attributes = new RequestAttributes(columns.attributes);
  const observation = new Observation();
  const instances = columns.resources.map(instanceKey);
  for (let row = 0; row < columns.rowCount; row++) {
    const kind = columns.kind[row];
    if (kind !== SERVER && kind !== CONSUMER) continue;
    const resourceIndex = columns.scopes[columns.scope[row] ?? 0]?.resource ?? 0;
    const resource = columns.resources[resourceIndex];
    const endMs = columns.endTimeMs[row] ?? 0;
    if (!resource || endMs <= 0) continue;
    const requestClass = kind === SERVER ? "server" : "consumer";
    const instance = instances[resourceIndex] ?? "";
    if (!choice.countsSpan(requestClass, resource.serviceName, instance, endMs)) continue;
    attributes.seek(row);
    observation.service = resource.serviceName;
    observation.version = resource.serviceVersion;
    observation.environment = resource.environment;
    observation.instance = instance;
    observation.route = routeOf(columns, row, attributes, requestClass);
    observation.fromSecond = Math.floor(endMs / 1_000);
    observation.toSecond = observation.fromSecond;
    observation.count = weightOf(columns, row);
    observation.latencySeconds = (columns.durationNanos[row] ?? 0) / 1e9;
    const httpStatus = attributes.text("http.response.status_code", "http.status_code");
    const rpcStatus = attributes.text("rpc.grpc.status_code", "rpc.response.status_code");
    const isSpanError = columns.statusCode[row] === STATUS_ERROR;
    // Spans say their failure by their status; the error type only names it.
    observation.isError = isFailure({ httpStatus, rpcStatus, errorType: "", isSpanError });
    observation.errorType = observation.isError
      ? failureName({ httpStatus, rpcStatus, errorType: attributes.text("error.type") })
      : "";
    sink(observation, requestClass);
  }
}

function routeOf(
  columns: SpanColumns,
  row: number,
  attributes: RequestAttributes,
  kind: RequestClass,
): string {
  if (kind === "consumer") {
    const destination = attributes.text("messaging.destination.name", "messaging.destination");
    if (destination !== "") return destination;
  }
  const rpcMethod = attributes.text("rpc.method");
  if (rpcMethod !== "") {
    const service = attributes.text("rpc.service");
    return service === "" ? rpcMethod : `${service}/${rpcMethod}`;
  }
  const method = attributes.text("http.request.method", "http.method");
  // Without a route the raw path would make one name per URL, so the method alone has to do.
  if (method !== "") return routeName(method, attributes.text("http.route"));
  return textAt(columns.bytes, columns.nameStart[row] ?? 0, columns.nameEnd[row] ?? 0);
}

function weightOf(columns: SpanColumns, row: number): number {
  const start = columns.traceStateStart[row] ?? 0;
  return start === 0 ? 1 : sampledWeight(textAt(columns.bytes, start, columns.traceStateEnd[row] ?? 0));
}
