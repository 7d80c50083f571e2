import type { UnixMs } from "@tocsin/model";
import { type OtlpResource, type SpanColumns, textAt } from "../otlp/index.js";
import { messageAgeSeconds, messageRole } from "./messages.js";
import { isFailure, sampledWeight } from "./outcome.js";
import type { RequestAttribute, RequestAttributes } from "./request-attributes.js";

/** What kind of thing is called. */
export type EdgeKind = "service" | "database" | "messaging" | "external";

/** The calling half of a call: a client or producer span. */
export interface PendingCall {
  readonly isMessage: boolean;
  readonly endMs: UnixMs;
  readonly service: string;
  readonly peer: string;
  readonly kind: EdgeKind;
  readonly endSecond: number;
  readonly seconds: number;
  readonly isError: boolean;
  readonly weight: number;
  readonly receivedAtMs: UnixMs;
}

/** The answering half of a call. */
export interface Answer {
  readonly service: string;
  readonly environment: string;
  readonly startMs: UnixMs;
  readonly seconds: number;
  readonly destination: string;
  readonly consumerGroup: string;
  readonly system: string;
  /** How long the message had waited, as its own attributes tell; NaN where they do not. */
  readonly ageSeconds: number;
  /** Whether a message was handled or fetched, not acknowledged or looked for in vain. */
  readonly handlesMessage: boolean;
  readonly weight: number;
  readonly receivedAtMs: UnixMs;
}

const PRODUCER = 4;
const CONSUMER = 5;

/** Reads the calling half from a row that `attributes` stands at. */
export function pendingCall(
  columns: SpanColumns,
  row: number,
  attributes: RequestAttributes,
  receivedAtMs: UnixMs,
  weights: ReadonlyMap<string, number>,
): PendingCall {
  const database = attributes.text("db.system.name", "db.system");
  const messaging = attributes.text("messaging.system");
  const kind: EdgeKind = database !== "" ? "database" : messaging !== "" ? "messaging" : "external";
  return {
    service: resourceOf(columns, row)?.serviceName ?? "",
    isMessage: columns.kind[row] === PRODUCER,
    endMs: columns.endTimeMs[row] ?? 0,
    kind,
    peer: peerName(kind, database, messaging, attributes),
    endSecond: Math.floor((columns.endTimeMs[row] ?? 0) / 1_000),
    seconds: (columns.durationNanos[row] ?? 0) / 1e9,
    isError: isFailure({
      httpStatus: attributes.text("http.response.status_code", "http.status_code"),
      rpcStatus: attributes.text("rpc.grpc.status_code", "rpc.response.status_code"),
      errorType: "",
      isSpanError: columns.statusCode[row] === 2,
    }),
    weight: weightOf(columns, row, weights),
    receivedAtMs,
  };
}

function peerName(
  kind: EdgeKind,
  database: string,
  messaging: string,
  attributes: RequestAttributes,
): string {
  const named = attributes.text("peer.service");
  if (named !== "") return named;
  if (kind === "database") {
    const namespace = attributes.text("db.namespace");
    return namespace === "" ? database : `${database}/${namespace}`;
  }
  if (kind === "messaging") {
    const destination = attributes.text("messaging.destination.name", "messaging.destination");
    return destination === "" ? messaging : `${messaging}/${destination}`;
  }
  return attributes.text("server.address", "net.peer.name");
}

/** Reads the answering half from a server or consumer row; `attributes` is moved there where it is needed. */
export function answerOf(
  columns: SpanColumns,
  row: number,
  attributes: RequestAttributes,
  receivedAtMs: UnixMs,
  weights: ReadonlyMap<string, number>,
): Answer {
  const resource = resourceOf(columns, row);
  const isMessage = columns.kind[row] === CONSUMER;
  if (isMessage) attributes.seek(row);
  const text = (...names: RequestAttribute[]) => (isMessage ? attributes.text(...names) : "");
  return {
    service: resource?.serviceName ?? "",
    environment: resource?.environment ?? "",
    startMs: columns.startTimeMs[row] ?? 0,
    seconds: (columns.durationNanos[row] ?? 0) / 1e9,
    destination: text("messaging.destination.name", "messaging.destination"),
    consumerGroup: text("messaging.consumer.group.name", "messaging.kafka.consumer.group"),
    system: text("messaging.system"),
    ageSeconds: isMessage ? messageAgeSeconds(attributes, columns.startTimeMs[row] ?? 0) : Number.NaN,
    handlesMessage: isMessage && messageRole(attributes) !== "none",
    weight: isMessage ? weightOf(columns, row, weights) : 1,
    receivedAtMs,
  };
}

function weightOf(columns: SpanColumns, row: number, weights: ReadonlyMap<string, number>): number {
  const otherwise = weights.get(resourceOf(columns, row)?.serviceName ?? "");
  const { bytes, traceStateStart, traceStateEnd } = columns;
  const start = traceStateStart[row] ?? 0;
  return start === 0
    ? (otherwise ?? 1)
    : sampledWeight(textAt(bytes, start, traceStateEnd[row] ?? 0), otherwise);
}

function resourceOf({ resources, scopes, scope }: SpanColumns, row: number): OtlpResource | undefined {
  return resources[scopes[scope[row] ?? 0]?.resource ?? 0];
}
