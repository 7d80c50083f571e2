import type { UnixMs } from "@tocsin/model";
import type { SpanColumns } from "../otlp/index.js";
import { DurationCounts, type DurationCountsState } from "./duration-counts.js";
import { type Answer, answerOf, type EdgeKind, type PendingCall, pendingCall } from "./graph-call.js";
import { Observation } from "./observation.js";
import { RequestAttributes } from "./request-attributes.js";
import {
  currentStretch,
  emptyTotals,
  figuresOf,
  type RequestFigures,
  RequestWindow,
} from "./request-window.js";

/** Calls from one service to another, or to something that sends no spans itself. */
export interface GraphEdge extends RequestFigures {
  readonly client: string;
  readonly server: string;
  readonly kind: EdgeKind;
  /** Calls and failed calls since the edge was first seen. */
  readonly requestsTotal: number;
  readonly errorsTotal: number;
}

/** What one edge counted since it was first seen; for series. */
export interface EdgeTotals {
  readonly client: string;
  readonly server: string;
  /** As OpenTelemetry's service graph connector calls it; "" between two services that both send spans. */
  readonly connectionType: ConnectionType;
  readonly firstSeenMs: UnixMs;
  readonly requestsTotal: number;
  readonly errorsTotal: number;
  /** As the caller felt it. */
  readonly clientDurations: DurationCounts;
  /** As the called service measured it; empty where nothing answered by a span. */
  readonly serverDurations: DurationCounts;
}

/** A message whose age is known when it is handled: its attributes tell when it was sent, or its sender's span does. */
export interface FollowedMessage {
  readonly service: string;
  readonly environment: string;
  readonly destination: string;
  readonly consumerGroup: string;
  readonly system: string;
  /** From sending to the beginning of handling; clocks that differ make it 0 at least. */
  readonly ageSeconds: number;
  readonly weight: number;
  /** When it was handled. */
  readonly second: number;
}

interface ServiceGraphOptions {
  readonly onMessage?: (message: FollowedMessage) => void;
  readonly weights?: ReadonlyMap<string, number>;
}

type ConnectionType = "" | "messaging_system" | "database" | "virtual_node";

interface EdgeBook extends EdgeTotals {
  readonly kind: EdgeKind;
  readonly window: RequestWindow;
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
/** A consumer that is behind takes a message long after the call that sent it was settled. */
const FOLLOW_MS = 3_600_000;
const MAX_FOLLOWED = 20_000;
const MAX_EDGES = 2_000;
const SLOT_SECONDS = 5;
/** An edge without a call for so long is forgotten. */
const FORGET_AFTER_MS = 24 * 3_600_000;

/**
 * Who calls whom, from client spans and the server spans below them. A client span that no server span answers within
 * ten seconds is a call to something outside, named by its attributes. Figures are the client's: what the caller felt.
 * One piece, because calls, answers and messages wait for one another and are given up by the same clock.
 */
export class ServiceGraph {
  readonly #waiting = new Map<string, PendingCall>();
  /** Server spans whose client span has not come yet: parent span → service. */
  readonly #unclaimed = new Map<string, Answer>();
  /** Messages that were sent and not yet handled: span of the sender → when it ended. */
  readonly #sent = new Map<string, UnixMs>();
  readonly #edges = new Map<string, EdgeBook>();
  readonly #observation = new Observation();
  readonly #onMessage: (message: FollowedMessage) => void;
  readonly #weights: ReadonlyMap<string, number>;
  /** Calls that were not told apart because too many waited, or there were too many edges. */
  droppedCount = 0;

  /**
   * @param options.onMessage is told of every message whose age is known
   * @param options.weights for how many calls one span stands, by service, where `tracestate` does not say
   */
  constructor({ onMessage = () => {}, weights = new Map() }: ServiceGraphOptions = {}) {
    this.#onMessage = onMessage;
    this.#weights = weights;
  }

  observe(columns: SpanColumns, receivedAtMs: UnixMs): void {
    const attributes = new RequestAttributes(columns.attributes);
    const { bytes } = columns;
    for (let row = 0; row < columns.rowCount; row++) {
      const kind = columns.kind[row];
      if (kind === CLIENT || kind === PRODUCER) {
        attributes.seek(row);
        const call = pendingCall(columns, row, attributes, receivedAtMs, this.#weights);
        const id = idAt(bytes, columns.spanId[row] ?? 0);
        const answer = this.#unclaimed.get(id);
        if (answer) {
          this.#unclaimed.delete(id);
          this.#join(call, answer);
        } else if (call.kind === "database") this.#connect(call, call.peer, undefined);
        else if (this.#waiting.size < MAX_WAITING) this.#waiting.set(id, call);
        else this.droppedCount++;
      } else if (kind === SERVER || kind === CONSUMER) {
        const parent = columns.parentSpanId[row] ?? 0;
        if (parent === 0 && kind === SERVER) continue;
        const answer = answerOf(columns, row, attributes, receivedAtMs, this.#weights);
        if (kind === CONSUMER && !Number.isNaN(answer.ageSeconds)) this.#follow(answer, answer.ageSeconds);
        if (parent === 0) continue;
        const id = idAt(bytes, parent);
        const call = this.#waiting.get(id);
        const sentMs = kind === CONSUMER ? this.#sent.get(id) : undefined;
        if (call) {
          this.#waiting.delete(id);
          this.#join(call, answer);
        } else if (sentMs !== undefined) this.#followFrom(sentMs, answer);
        else if (this.#unclaimed.size < MAX_WAITING) this.#unclaimed.set(id, answer);
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

  /** What every edge counted, for series. */
  totals(): IterableIterator<EdgeTotals> {
    return this.#edges.values();
  }

  forget(nowMs: UnixMs): void {
    for (const [key, { lastSeenMs }] of this.#edges) {
      if (nowMs - lastSeenMs > FORGET_AFTER_MS) this.#edges.delete(key);
    }
    for (const [id, sentMs] of this.#sent) {
      if (nowMs - sentMs < FOLLOW_MS) break;
      this.#sent.delete(id);
    }
  }

  /** Totals of the edges. Halves of calls that wait are not part of it. */
  toJSON(): ServiceGraphState {
    return [...this.#edges.values()].map((edge) => ({
      ends: [edge.client, edge.server, edge.kind, edge.connectionType],
      seenMs: [edge.firstSeenMs, edge.lastSeenMs],
      totals: [edge.requestsTotal, edge.errorsTotal],
      durations: [edge.clientDurations.toJSON(), edge.serverDurations.toJSON()],
    }));
  }

  load(state: ServiceGraphState): void {
    this.#edges.clear();
    for (const { ends, seenMs, totals, durations } of state) {
      const [client, server, kind, connectionType] = ends;
      const edge = newEdge(client, server, kind, connectionType, seenMs[0]);
      edge.lastSeenMs = seenMs[1];
      [edge.requestsTotal, edge.errorsTotal] = totals;
      edge.clientDurations.load(durations[0]);
      edge.serverDurations.load(durations[1]);
      this.#edges.set(edgeKey(edge), edge);
    }
  }

  /** Calls whose other half never came. Maps keep the order of insertion, so the oldest come first. */
  #settle(nowMs: UnixMs): void {
    for (const [id, call] of this.#waiting) {
      if (nowMs - call.receivedAtMs < WAIT_MS) break;
      this.#waiting.delete(id);
      if (call.isMessage) this.#remember(id, call.endMs);
      if (call.peer !== "") this.#connect(call, call.peer, undefined);
    }
    for (const [id, { receivedAtMs }] of this.#unclaimed) {
      if (nowMs - receivedAtMs < WAIT_MS) break;
      this.#unclaimed.delete(id);
    }
  }

  #join(call: PendingCall, answer: Answer): void {
    this.#connect(call, answer.service, answer);
    if (call.isMessage) this.#followFrom(call.endMs, answer);
  }

  #followFrom(sentMs: UnixMs, answer: Answer): void {
    // What the message itself tells has been told already.
    if (Number.isNaN(answer.ageSeconds)) this.#follow(answer, Math.max(0, answer.startMs - sentMs) / 1_000);
  }

  #follow(answer: Answer, ageSeconds: number): void {
    const { service, environment, destination, consumerGroup, system, weight, startMs } = answer;
    if (!answer.handlesMessage || startMs <= 0) return;
    // A clock that is ahead must not write over what comes now.
    const second = Math.floor(Math.min(startMs, answer.receivedAtMs) / 1_000);
    const who = { service, environment, destination, consumerGroup, system };
    this.#onMessage({ ...who, ageSeconds, weight, second });
  }

  #remember(id: string, sentMs: UnixMs): void {
    const [oldest] = this.#sent.keys();
    if (this.#sent.size >= MAX_FOLLOWED && oldest !== undefined) this.#sent.delete(oldest);
    this.#sent.set(id, sentMs);
  }

  /** @param answer undefined when the called one sends no spans */
  #connect(call: PendingCall, server: string, answer: Answer | undefined): void {
    const kind = answer ? "service" : call.kind;
    const connectionType = connectionTypeOf(call, kind);
    const key = edgeKey({ client: call.service, server, kind, connectionType });
    let edge = this.#edges.get(key);
    if (!edge) {
      if (this.#edges.size >= MAX_EDGES) {
        this.droppedCount++;
        return;
      }
      edge = newEdge(call.service, server, kind, connectionType, call.endSecond * 1_000);
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
    edge.clientDurations.record(call.seconds, call.weight);
    if (answer) edge.serverDurations.record(answer.seconds, call.weight);
  }
}

export type ServiceGraphState = {
  ends: [client: string, server: string, kind: EdgeKind, connectionType: ConnectionType];
  seenMs: [first: UnixMs, last: UnixMs];
  totals: [requests: number, errors: number];
  durations: [client: DurationCountsState, server: DurationCountsState];
}[];

function newEdge(
  client: string,
  server: string,
  kind: EdgeKind,
  connectionType: ConnectionType,
  firstSeenMs: UnixMs,
): EdgeBook {
  return {
    ...{ client, server, kind, connectionType, firstSeenMs },
    window: new RequestWindow(SLOT_SECONDS, 13),
    lastSeenMs: firstSeenMs,
    requestsTotal: 0,
    errorsTotal: 0,
    clientDurations: new DurationCounts(),
    serverDurations: new DurationCounts(),
  };
}

function edgeKey({
  client,
  server,
  kind,
  connectionType,
}: Pick<EdgeBook, "client" | "server" | "kind" | "connectionType">): string {
  return `${client}\u0001${server}\u0001${kind}\u0001${connectionType}`;
}

/** @see OpenTelemetry Collector, servicegraph connector: connection_type. */
function connectionTypeOf(call: PendingCall, kind: EdgeKind): ConnectionType {
  if (kind === "database") return "database";
  if (kind === "messaging" || call.isMessage) return "messaging_system";
  return kind === "external" ? "virtual_node" : "";
}

/** The 8 bytes of a span id as a text of 8 characters: cheap to make, and a good key. */
function idAt(bytes: Buffer, offset: number): string {
  return bytes.toString("latin1", offset, offset + 8);
}
