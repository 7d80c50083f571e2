import { type SpanColumns, textAt } from "../otlp/index.js";
import { readGroups, resourceGroups } from "./group-keys.js";
import { type MessageRole, messageRole } from "./messages.js";
import { Observation } from "./observation.js";
import { failureName, isFailure, routeName, sampledWeight } from "./outcome.js";
import { releaseOf } from "./release.js";
import { firstGroupId, RequestAttributes } from "./request-attributes.js";
import type { RequestClass } from "./requests.js";
import { instanceKey } from "./resource-key.js";
import { groupSubject, type SourceChoice } from "./source-choice.js";

const UNSPECIFIED = 0;
const INTERNAL = 1;
const SERVER = 2;
const CONSUMER = 5;
const STATUS_ERROR = 2;

/** Takes what was found; the observation is filled anew afterwards. */
export interface ObservationSink {
  request(observation: Observation): void;
  /** A request that tells the value of an attribute that is grouped by. */
  grouped(observation: Observation, key: string): void;
  /** A job, beside requests or as all that a service does. */
  job(observation: Observation): void;
}

export interface SpanContext {
  readonly choice: SourceChoice;
  readonly groupBy: readonly string[];
  readonly sink: ObservationSink;
  /** For how many requests one span stands, by service, where `tracestate` does not say. */
  readonly weights: ReadonlyMap<string, number>;
}

/**
 * Finds the requests among spans: server spans, consumer spans that handled a message, and jobs, which are internal
 * spans without a parent. Spans of services that measure are passed over.
 */
export function observeSpans(columns: SpanColumns, context: SpanContext): void {
  const { choice, groupBy, sink } = context;
  const rows = new RequestRows(columns, groupBy, context.weights);
  const jobs: number[] = [];
  for (let row = 0; row < columns.rowCount; row++) {
    const kind = columns.kind[row];
    if (kind === SERVER || kind === CONSUMER) observeRequest(rows, row, kind, context);
    // Whether a service does jobs alone can be told only behind the requests of the same batch.
    else if ((kind === INTERNAL || kind === UNSPECIFIED) && columns.parentSpanId[row] === 0) jobs.push(row);
  }
  for (const row of jobs) {
    if (!rows.fill(row, "job")) continue;
    const { observation } = rows;
    sink.job(observation);
    if (!choice.runsJobsOnly(observation.service)) continue;
    sink.request(observation);
    for (const [index, key] of groupBy.entries()) {
      if (observation.groupValues[index] !== "") sink.grouped(observation, key);
    }
  }
}

function observeRequest(
  rows: RequestRows,
  row: number,
  kind: number,
  { choice, groupBy, sink }: SpanContext,
): void {
  const requestClass = kind === SERVER ? "server" : "consumer";
  const { service, instance, endMs } = rows.ownerOf(row);
  if (endMs <= 0) return;
  const counts = choice.countsSpan(requestClass, service, instance, endMs);
  if (!counts && groupBy.length === 0) return;
  if (!rows.fill(row, requestClass)) return;
  if (requestClass === "consumer" && !handlesMessages(rows.role, service, choice)) return;
  if (counts) sink.request(rows.observation);
  for (const [index, key] of groupBy.entries()) {
    if (rows.observation.groupValues[index] === "") continue;
    const subject = groupSubject(service, key);
    if (choice.countsSpan(requestClass, subject, instance, endMs)) sink.grouped(rows.observation, key);
  }
}

/** A service that traces how it processes messages is not also counted by how it fetches them. */
function handlesMessages(role: MessageRole, service: string, choice: SourceChoice): boolean {
  if (role === "none") return false;
  if (role === "receive") return !choice.processesMessages(service);
  choice.noteProcessing(service);
  return true;
}

/** Reads rows of one request into one observation. */
class RequestRows {
  readonly observation: Observation;
  /** Of a consumer's row. */
  role: MessageRole = "none";
  readonly #columns: SpanColumns;
  readonly #attributes: RequestAttributes;
  readonly #instances: readonly string[];
  readonly #groups: readonly (readonly string[])[];
  readonly #firstGroupId: number;
  readonly #weights: ReadonlyMap<string, number>;

  constructor(columns: SpanColumns, groupBy: readonly string[], weights: ReadonlyMap<string, number>) {
    this.#weights = weights;
    this.#columns = columns;
    this.#attributes = new RequestAttributes(columns.attributes);
    this.#instances = columns.resources.map(instanceKey);
    this.#groups = columns.resources.map((resource) => resourceGroups(resource, groupBy));
    this.#firstGroupId = firstGroupId(groupBy);
    this.observation = new Observation(groupBy);
  }

  ownerOf(row: number): { service: string; instance: string; endMs: number } {
    const resource = this.#resourceOf(row);
    return {
      service: this.#columns.resources[resource]?.serviceName ?? "",
      instance: this.#instances[resource] ?? "",
      endMs: this.#columns.endTimeMs[row] ?? 0,
    };
  }

  /** @returns false for a span without a resource or an end */
  fill(row: number, kind: RequestClass): boolean {
    const columns = this.#columns;
    const attributes = this.#attributes;
    const { observation } = this;
    const resourceIndex = this.#resourceOf(row);
    const resource = columns.resources[resourceIndex];
    const endMs = columns.endTimeMs[row] ?? 0;
    if (!resource || endMs <= 0) return false;
    attributes.seek(row);
    observation.kind = kind;
    observation.source = "spans";
    observation.service = resource.serviceName;
    observation.namespace = resource.serviceNamespace;
    observation.version = releaseOf(resource).version;
    observation.environment = resource.environment;
    observation.instance = this.#instances[resourceIndex] ?? "";
    this.#nameRoute(row);
    observation.fromSecond = Math.floor(endMs / 1_000);
    observation.toSecond = observation.fromSecond;
    observation.count = this.#weightOf(row);
    observation.latencySeconds = (columns.durationNanos[row] ?? 0) / 1e9;
    const httpStatus = attributes.text("http.response.status_code", "http.status_code");
    const rpcStatus = attributes.text("rpc.grpc.status_code", "rpc.response.status_code");
    const isSpanError = columns.statusCode[row] === STATUS_ERROR;
    // Spans say their failure by their status; the error type only names it.
    observation.isError = isFailure({ httpStatus, rpcStatus, errorType: "", isSpanError });
    observation.errorType = observation.isError
      ? failureName({ httpStatus, rpcStatus, errorType: attributes.text("error.type") })
      : "";
    observation.status = httpStatus || rpcStatus;
    if (kind === "consumer") {
      this.role = messageRole(attributes);
      observation.consumerGroup = attributes.text(
        "messaging.consumer.group.name",
        "messaging.kafka.consumer.group",
      );
    }
    const { groupKeys, groupValues } = observation;
    if (groupKeys.length > 0) {
      const ofResource = this.#groups[resourceIndex] ?? [];
      readGroups(columns.attributes, row, groupKeys, ofResource, groupValues, this.#firstGroupId);
    }
    return true;
  }

  #nameRoute(row: number): void {
    const attributes = this.#attributes;
    const { observation } = this;
    const { kind } = observation;
    observation.method = "";
    observation.template = "";
    if (kind === "consumer") {
      observation.system = attributes.text("messaging.system");
      const destination = attributes.text("messaging.destination.name", "messaging.destination");
      observation.route = destination || this.#spanName(row);
      return;
    }
    const rpcMethod = kind === "job" ? "" : attributes.text("rpc.method");
    if (rpcMethod !== "") {
      const service = attributes.text("rpc.service");
      observation.system = attributes.text("rpc.system") || "rpc";
      observation.method = service === "" ? rpcMethod : `${service}/${rpcMethod}`;
      observation.route = observation.method;
      return;
    }
    const method = kind === "job" ? "" : attributes.text("http.request.method", "http.method");
    if (method !== "") {
      observation.system = "http";
      observation.method = method;
      observation.template = attributes.text("http.route");
      // Without a route the raw path would make one name per URL, so the method alone has to do.
      observation.route = routeName(method, observation.template);
      return;
    }
    observation.system = "";
    observation.route = this.#spanName(row);
  }

  #spanName(row: number): string {
    const { bytes, nameStart, nameEnd } = this.#columns;
    return textAt(bytes, nameStart[row] ?? 0, nameEnd[row] ?? 0);
  }

  #weightOf(row: number): number {
    const { bytes, traceStateStart, traceStateEnd } = this.#columns;
    const start = traceStateStart[row] ?? 0;
    const otherwise = this.#weights.get(this.observation.service);
    return start === 0
      ? (otherwise ?? 1)
      : sampledWeight(textAt(bytes, start, traceStateEnd[row] ?? 0), otherwise);
  }

  #resourceOf(row: number): number {
    const { scopes, scope } = this.#columns;
    return scopes[scope[row] ?? 0]?.resource ?? 0;
  }
}
