import type { UnixMs } from "@tocsin/model";
import { type SpanColumns, textAt } from "../otlp/index.js";
import { Observation } from "./observation.js";
import { isFailure, sampledWeight } from "./outcome.js";
import { RequestAttributes } from "./request-attributes.js";
import {
  currentStretch,
  emptyTotals,
  figuresOf,
  type RequestFigures,
  RequestWindow,
} from "./request-window.js";

/** What kind of thing is called. */
export type EdgeKind = "service" | "database" | "messaging" | "external";

/** Calls from one service to another, or to something that sends no spans itself. */
export interface GraphEdge extends RequestFigures {
  readonly client: string;
  readonly server: string;
  readonly kind: EdgeKind;
  /** Calls and failed calls since the edge was first seen. */
  readonly requestsTotal: number;
  readonly errorsTotal: number;
}

interface PendingCall {
  readonly service: string;
  readonly peer: string;
  readonly kind: EdgeKind;
  readonly endSecond: number;
  readonly seconds: number;
  readonly isError: boolean;
  readonly weight: number;
  readonly receivedAtMs: UnixMs;
}

interface EdgeBook {
  readonly client: string;
  readonly server: string;
  readonly kind: EdgeKind;
  readonly window: RequestWindow;
  readonly firstSeenMs: UnixMs;
  lastSeenMs: UnixMs;
  requestsTotal: number;
  errorsTotal: number;
}

const SERVER = 2;
const CLIENT = 3;
const PRODUCER = 4;
const CONSUMER = 5;
/** How long one half of a call waits for the other. */
const WAIT_MS = 10_000;
const MAX_WAITING = 50_000;
const MAX_EDGES = 2_000;
const SLOT_SECONDS = 5;

/**
 * Who calls whom, from client spans and the server spans below them. A client span that no server span answers within
 * ten seconds is a call to something outside, named by its attributes. Figures are the client's: what the caller felt.
 */
export class ServiceGraph {
  readonly #waiting = new Map<string, PendingCall>();
  /** Server spans whose client span has not come yet: parent span → service. */
  readonly #unclaimed = new Map<string, { service: string; receivedAtMs: UnixMs }>();
  readonly #edges = new Map<string, EdgeBook>();
  readonly #observation = new Observation();
  /** Calls that were not told apart because too many waited, or there were too many edges. */
  droppedCount = 0;

  observe(columns: SpanColumns, receivedAtMs: UnixMs): void {
    const attributes = new RequestAttributes(columns.attributes);
    const { bytes } = columns;
    for (let row = 0; row < columns.rowCount; row++) {
      const kind = columns.kind[row];
      const service =
        columns.resources[columns.scopes[columns.scope[row] ?? 0]?.resource ?? 0]?.serviceName ?? "";
      if (kind === CLIENT || kind === PRODUCER) {
        attributes.seek(row);
        const call = pendingCall(columns, row, service, attributes, receivedAtMs);
        const id = idAt(bytes, columns.spanId[row] ?? 0);
        const server = this.#unclaimed.get(id);
        if (server) {
          this.#unclaimed.delete(id);
          this.#connect(call, server.service, "service");
        } else if (call.kind === "database") this.#connect(call, call.peer, call.kind);
        else if (this.#waiting.size < MAX_WAITING) this.#waiting.set(id, call);
        else this.droppedCount++;
      } else if (kind === SERVER || kind === CONSUMER) {
        const parent = columns.parentSpanId[row] ?? 0;
        if (parent === 0) continue;
        const id = idAt(bytes, parent);
        const call = this.#waiting.get(id);
        if (call) {
          this.#waiting.delete(id);
          this.#connect(call, service, "service");
        } else if (this.#unclaimed.size < MAX_WAITING) this.#unclaimed.set(id, { service, receivedAtMs });
      }
    }
    this.#settle(receivedAtMs);
  }

  /** Edges with calls in the last minute, busiest first. */
  edges(nowMs: UnixMs): GraphEdge[] {
    this.#settle(nowMs);
    return [...this.#edges.values()]
      .map(({ client, server, kind, window, firstSeenMs, lastSeenMs, requestsTotal, errorsTotal }) => {
        const totals = emptyTotals();
        const { fromSecond, toSecond, seconds } = currentStretch(
          SLOT_SECONDS,
          firstSeenMs,
          lastSeenMs,
          nowMs,
        );
        window.addTo(totals, fromSecond, toSecond);
        return { client, server, kind, ...figuresOf(totals, seconds), requestsTotal, errorsTotal };
      })
      .filter(({ requests }) => requests > 0)
      .sort((a, b) => b.trafficPerSecond - a.trafficPerSecond);
  }

  /** Calls whose other half never came. Maps keep the order of insertion, so the oldest come first. */
  #settle(nowMs: UnixMs): void {
    for (const [id, call] of this.#waiting) {
      if (nowMs - call.receivedAtMs < WAIT_MS) break;
      this.#waiting.delete(id);
      if (call.peer !== "") this.#connect(call, call.peer, call.kind);
    }
    for (const [id, { receivedAtMs }] of this.#unclaimed) {
      if (nowMs - receivedAtMs < WAIT_MS) break;
      this.#unclaimed.delete(id);
    }
  }

  #connect(call: PendingCall, server: string, kind: EdgeKind): void {
    const key = `${call.service}\u0001${server}\u0001${kind}`;
    let edge = this.#edges.get(key);
    if (!edge) {
      if (this.#edges.size >= MAX_EDGES) {
        this.droppedCount++;
        return;
      }
      const firstSeenMs = call.endSecond * 1_000;
      edge = {
        client: call.service,
        server,
        kind,
        window: new RequestWindow(SLOT_SECONDS, 13),
        firstSeenMs,
        lastSeenMs: firstSeenMs,
        requestsTotal: 0,
        errorsTotal: 0,
      };
      this.#edges.set(key, edge);
    }
    const observation = this.#observation;
    observation.fromSecond = call.endSecond;
    observation.toSecond = call.endSecond;
    observation.count = call.weight;
    observation.isError = call.isError;
    observation.latencySeconds = call.seconds;
    edge.window.add(observation);
    edge.lastSeenMs = Math.max(edge.lastSeenMs, (call.endSecond + 1) * 1_000);
    edge.requestsTotal += call.weight;
    if (call.isError) edge.errorsTotal += call.weight;
  }
}

function pendingCall(
  columns: SpanColumns,
  row: number,
  service: string,
  attributes: RequestAttributes,
  receivedAtMs: UnixMs,
): PendingCall {
  const database = attributes.text("db.system.name", "db.system");
  const messaging = attributes.text("messaging.system");
  const kind: EdgeKind = database !== "" ? "database" : messaging !== "" ? "messaging" : "external";
  const traceStateStart = columns.traceStateStart[row] ?? 0;
  const traceState =
    traceStateStart === 0 ? "" : textAt(columns.bytes, traceStateStart, columns.traceStateEnd[row] ?? 0);
  return {
    service,
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
    weight: sampledWeight(traceState),
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

/** The 8 bytes of a span id as a text of 8 characters: cheap to make, and a good key. */
function idAt(bytes: Buffer, offset: number): string {
  return bytes.toString("latin1", offset, offset + 8);
}
