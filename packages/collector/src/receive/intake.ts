import { type Clock, type Logger, silentLogger, systemClock } from "@tocsin/model";
import { Registry } from "prom-client";
import type { OtlpSignal } from "../otlp/columns.js";
import { limitRequest } from "../otlp/limit.js";
import { serviceOfRequest } from "../otlp/service-of.js";
import { validPart } from "../otlp/valid-part.js";
import { validateRequest } from "../otlp/validate.js";
import type { SpoolPosition, SpoolRecord } from "../spool/record.js";
import { Admission, type Backpressure, type Reservation } from "./admission.js";
import type { LimitsConfig } from "./config.js";
import { FaultLog, type Remembered } from "./fault-log.js";
import { HoldBack } from "./hold-back.js";
import { ReceiveMetrics, type Transport } from "./metrics.js";
import { Refusal, type RefusalReason, refusalOf } from "./refusal.js";

/** What intake needs of the spool. */
export interface Appender {
  append(record: SpoolRecord): Promise<SpoolPosition>;
}

export interface IntakeLimits {
  readonly maxRequestBytes: number;
  readonly maxInFlightBytes: number;
  readonly maxInFlightBytesPerSender: number;
  /** Requests that may wait for room at once, and for how long. */
  readonly maxWaiting: number;
  readonly maxWaitMs: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerSender: number;
  readonly retryAfterSeconds: number;
  /** Attributes of one item; those beyond are cut. */
  readonly maxAttributes: number;
  /** Bytes of one attribute's text; longer ones are cut. */
  readonly maxAttributeLength: number;
  /** Levels of nesting in one attribute or body. */
  readonly maxDepth: number;
  /** Items of one request. */
  readonly maxItems: number;
}

/** Limits as the configuration gives them. */
export function limitsOf(config: LimitsConfig): IntakeLimits {
  return {
    maxRequestBytes: config.max_request_size,
    maxInFlightBytes: config.max_in_flight,
    maxInFlightBytesPerSender: config.max_in_flight_per_sender,
    maxWaiting: config.max_waiting,
    maxWaitMs: config.max_wait,
    maxConnections: config.max_connections,
    maxConnectionsPerSender: config.max_connections_per_sender,
    retryAfterSeconds: config.retry_after,
    maxAttributes: config.max_attributes,
    maxAttributeLength: config.max_attribute_length,
    maxDepth: config.max_depth,
    maxItems: config.max_items,
  };
}

export const DEFAULT_LIMITS: IntakeLimits = {
  maxRequestBytes: 8 * 1024 * 1024,
  maxInFlightBytes: 64 * 1024 * 1024,
  maxInFlightBytesPerSender: 32 * 1024 * 1024,
  maxWaiting: 256,
  maxWaitMs: 2_000,
  maxConnections: 2_000,
  maxConnectionsPerSender: 1_000,
  retryAfterSeconds: 1,
  maxAttributes: 256,
  maxAttributeLength: 64 * 1024,
  maxDepth: 32,
  maxItems: 100_000,
};

/** Knows which points of a metrics request will not be kept, so that their sender can be told. */
export interface SeriesGate {
  /** @returns undefined when all will be */
  refused(body: Buffer): { readonly points: number; readonly reason: string } | undefined;
}

export interface IntakeDeps {
  readonly spool: Appender;
  readonly gate?: SeriesGate | undefined;
  /** Tells when nothing more should be let in. Without it only the limits do. */
  readonly backpressure?: Backpressure;
  readonly limits?: Partial<IntakeLimits>;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Where `tocsin_receive_*` are registered. */
  readonly registry?: Registry;
}

/** What became of an acknowledged request. */
export interface Accepted {
  readonly items: number;
  readonly rejected: number;
  /** For `partial_success`; "" when nothing was rejected. */
  readonly reason: string;
}

interface RefusedFor {
  readonly sender: string;
  readonly transport: Transport;
  readonly reason: RefusalReason;
  readonly message: string;
}

/** What one sender was refused for. A sender with several faults comes once for each. */
export type RefusedSender = Remembered<RefusedFor>;

interface Cut {
  readonly service: string;
  readonly reason: "attributes" | "attribute_length" | "invalid";
}

/** What was left out of what one service sent: attributes dropped or shortened, items that are invalid. */
export type CutItems = Remembered<Cut>;

/**
 * The one door behind all receivers: checks a request, makes it durable, and only then lets it be acknowledged.
 * It counts everything that comes in, whatever becomes of it.
 */
export class Intake {
  readonly limits: IntakeLimits;
  readonly clock: Clock;
  /** What becomes of the connections of senders that were refused. */
  readonly holdBack: HoldBack;
  readonly #spool: Appender;
  readonly #metrics: ReceiveMetrics;
  readonly #gate: SeriesGate | undefined;
  readonly #admission: Admission;
  readonly #refusals: FaultLog<RefusedFor>;
  readonly #cuts: FaultLog<Cut>;

  constructor(deps: IntakeDeps) {
    const { spool, limits, clock = systemClock, logger = silentLogger, registry = new Registry() } = deps;
    this.limits = { ...DEFAULT_LIMITS, ...limits };
    this.#spool = spool;
    this.#gate = deps.gate;
    this.clock = clock;
    this.holdBack = new HoldBack(clock);
    this.#admission = new Admission(this.limits, clock, deps.backpressure);
    this.#metrics = new ReceiveMetrics(registry, this.#admission);
    this.#refusals = new FaultLog(clock, (refused) =>
      logger.warn({ refused }, "requests were refused in the last minute"),
    );
    this.#cuts = new FaultLog(clock, (cut) =>
      logger.warn({ cut }, "parts of what was sent were left out in the last minute"),
    );
  }

  /** Room for the bytes of one request; to be asked for before they are read. */
  reserve(sender: string): Reservation {
    return this.#admission.reserve(sender);
  }

  /**
   * Takes an OTLP protobuf request.
   *
   * @param body kept by the spool's memory: it must not be written to afterwards
   * @returns when the request is durable
   * @throws {Refusal} too_many_items
   * @throws {CollectorError} OTLP_MALFORMED, OTLP_TOO_DEEP, SPOOL_FULL, SPOOL_WRITE_FAILED, …
   */
  async accept(transport: Transport, signal: OtlpSignal, body: Buffer): Promise<Accepted> {
    const { items, rejected, reason, isOverLimit } = validateRequest(signal, body, this.limits);
    if (items + rejected > this.limits.maxItems) throw tooManyItems(items + rejected, this.limits.maxItems);
    this.#metrics.receivedItems.inc({ signal }, items + rejected);
    if (items > 0) {
      try {
        const valid = rejected > 0 ? validPart(signal, body) : body;
        const kept = isOverLimit ? this.#limited(signal, valid) : valid;
        await this.#spool.append({ signal, body: kept, receivedAtMs: this.clock.now() });
      } catch (error) {
        this.#metrics.failedItems.inc({ signal }, items + rejected);
        throw error;
      }
    }
    if (rejected > 0) {
      this.#metrics.rejectedItems.inc({ signal, reason: "invalid" }, rejected);
      this.#noteCut(serviceOfRequest(body), "invalid", rejected);
    }
    // Golden signals count such points all the same; what is refused is to keep them as series.
    const refused = signal === "metrics" && items > 0 ? this.#gate?.refused(body) : undefined;
    const unkept = refused?.points ?? 0;
    if (unkept > 0) this.#metrics.rejectedItems.inc({ signal, reason: "series_limit" }, unkept);
    this.#metrics.acceptedItems.inc({ signal }, items - unkept);
    const all = rejected + unkept;
    this.#metrics.requests.inc({ transport, signal, answer: all > 0 ? "partial" : "ok" });
    const reasons = [reason, refused?.reason ?? ""].filter((text) => text !== "");
    return { items: items - unkept, rejected: all, reason: reasons.join("; ") };
  }

  #limited(signal: OtlpSignal, body: Buffer): Buffer {
    const limited = limitRequest(signal, body, this.limits);
    this.#metrics.cut.inc({ what: "attributes" }, limited.droppedAttributes);
    this.#metrics.cut.inc({ what: "attribute_length" }, limited.shortenedAttributes);
    const service = serviceOfRequest(body);
    this.#noteCut(service, "attributes", limited.droppedAttributes);
    this.#noteCut(service, "attribute_length", limited.shortenedAttributes);
    return limited.body;
  }

  #noteCut(service: string, reason: Cut["reason"], count: number): void {
    this.#cuts.note(`${reason} ${service}`, { service, reason }, count);
  }

  /** Shows how many connections a port has. */
  watchConnections(transport: Transport, port: { readonly connections: number }): void {
    this.#metrics.connectionsOf.set(transport, () => port.connections);
  }

  /** Counts bytes as they came over the wire. */
  countBytes(transport: Transport, bytes: number): void {
    this.#metrics.bytes.inc({ transport }, bytes);
  }

  /** Counts a refused request and remembers it for the log; returns what to tell the sender. */
  refuse(transport: Transport, signal: OtlpSignal | "", sender: string, error: unknown): Refusal {
    const refusal = refusalOf(error);
    this.#metrics.requests.inc({ transport, signal, answer: "refused" });
    this.#metrics.refused.inc({ transport, reason: refusal.reason });
    const { reason, message } = refusal;
    this.#refusals.note(`${sender} ${transport} ${reason}`, { sender, transport, reason, message });
    return refusal;
  }

  /** Who was refused lately and why, newest first. */
  refusedSenders(): RefusedSender[] {
    return this.#refusals.list();
  }

  /** Whose data were cut lately and why, the latest first. */
  cutItems(): CutItems[] {
    return this.#cuts.list();
  }

  close(): void {
    this.#admission.close();
    this.#refusals.close();
    this.#cuts.close();
  }
}

function tooManyItems(items: number, limit: number): Refusal {
  return new Refusal(
    "too_many_items",
    `The request has ${items} spans, log records or data points, the limit is ${limit}. Send smaller batches, or raise limits.max_items.`,
  );
}
