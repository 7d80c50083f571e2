import { type Clock, type Logger, silentLogger, systemClock } from "@tocsin/model";
import { Registry } from "prom-client";
import type { OtlpSignal } from "../otlp/columns.js";
import type { SpoolBatch, SpoolConsumer, SpoolPosition, SpoolSignal } from "../spool/record.js";
import { steadyCommit } from "../spool/steady-commit.js";
import type { Endpoint } from "./endpoint.js";
import { EndpointChooser, type Wait } from "./endpoint-chooser.js";
import { ExportMetrics } from "./metrics.js";
import { type Piece, Pieces, type Transform } from "./pieces.js";

export interface ForwarderOptions {
  /** For metrics and logs. */
  readonly name: string;
  readonly consumer: SpoolConsumer;
  /** In order of preference. */
  readonly endpoints: readonly Endpoint[];
  /** What is sent of what the consumer reads; the rest is passed over. Default: traces, metrics and logs. */
  readonly signals?: readonly SpoolSignal[];
  /** Redaction, resource attributes, sampling. Without it bytes go out as they came in. */
  readonly transform?: Transform;
  /** Requests are joined up to this size. Default 2 MiB. */
  readonly maxRequestBytes?: number;
  /** Batches of that size under way at once while there is a backlog, so that a distant endpoint keeps up. Default 4. */
  readonly maxUnderWay?: number;
  /** Longest wait of our own between tries. Default 60 s. */
  readonly maxBackoffMs?: number;
  readonly clock?: Clock;
  /** 0 to 1. */
  readonly random?: () => number;
  readonly logger?: Logger;
  /** Where `tocsin_export_*` are registered. */
  readonly registry?: Registry;
}

/** State of a forwarder for status pages. */
export interface ForwarderStatus {
  readonly name: string;
  /** The endpoint that took the last request. */
  readonly endpoint: string | undefined;
  /** Why nothing goes out at the moment; undefined while it does. */
  readonly fault: string | undefined;
}

/**
 * Sends what the spool holds to an OTLP endpoint, each record at least once; the place in the spool moves on in order.
 * Metrics also arrive in order; traces and logs may overtake one another while there is a backlog.
 *
 * OTLP requests of one signal are joined by putting their bytes behind one another, which is what the protobuf encoding
 * makes of it; nothing is decoded. An endpoint that cannot take them is tried again for as long as it needs.
 */
export class Forwarder {
  readonly name: string;
  #consumer: SpoolConsumer;
  readonly #commit: (position: SpoolPosition) => Promise<void>;
  #chooser: EndpointChooser;
  readonly #pieces: Pieces;
  #maxRequestBytes: number;
  #maxUnderWay: number;
  #clock: Clock;
  #logger: Logger;
  #metrics: ExportMetrics;
  #ending = new AbortController();
  #isDraining = false;
  #endpoint: string | undefined;
  #fault: string | undefined;
  /** The last request whose turn it is after the one before it. */
  #inOrder: Promise<boolean> = Promise.resolve(true);
  #running: Promise<void>;
  #closing: Promise<void> | undefined;
  /** Ends the read that waits for records. */
  #reading = new AbortController();

  constructor(options: ForwarderOptions) {
    this.name = options.name;
    this.#consumer = options.consumer;
    this.#maxRequestBytes = options.maxRequestBytes ?? 2 * 1024 * 1024;
    this.#maxUnderWay = options.maxUnderWay ?? 4;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#commit = steadyCommit(this.#consumer, this.#logger);
    this.#metrics = new ExportMetrics(options.registry ?? new Registry());
    this.#pieces = new Pieces({
      name: this.name,
      consumer: this.#consumer,
      // Prometheus samples have an exporter of their own; where all is sent, it is told that they were not.
      signals: options.signals ?? ["traces", "metrics", "logs", "samples"],
      transform: options.transform,
      metrics: this.#metrics,
      logger: this.#logger,
    });
    this.#chooser = new EndpointChooser(options.endpoints, {
      maxBackoffMs: options.maxBackoffMs ?? 60_000,
      random: options.random ?? Math.random,
    });
    this.#running = this.#run();
  }

  status(): ForwarderStatus {
    return { name: this.name, endpoint: this.#endpoint, fault: this.#fault };
  }

  /** Sends what is there, for at most `drainMs`, then stops; what is left stays in the spool. Callable twice. */
  close(drainMs = 5_000): Promise<void> {
    this.#closing ??= (async () => {
      this.#isDraining = true;
      this.#reading.abort();
      const cancel = this.#clock.after(drainMs, () => this.#ending.abort());
      if (this.#fault !== undefined) this.#ending.abort();
      await this.#running;
      cancel();
      this.#chooser.close();
    })();
    return this.#closing;
  }

  async #run(): Promise<void> {
    // The batches under way, oldest first; each is done when it and all before it are committed.
    const underWay: Promise<boolean>[] = [];
    let previous: Promise<boolean> = Promise.resolve(true);
    let isBehind = false;
    while (!this.#ending.signal.aborted) {
      // While there is no more than what one request takes, what comes during that request joins the next one.
      const most = isBehind ? this.#maxUnderWay : 1;
      while (underWay.length >= most) await underWay.shift();
      const isLast = this.#isDraining;
      const maxBytes = this.#maxRequestBytes;
      const batch = await this.#consumer.read(
        isLast ? { maxBytes, wait: false } : { maxBytes, signal: this.#reading.signal },
      );
      if (!batch) {
        // A wait that was ended by closing is followed by looks that do not wait.
        if (isLast || !this.#isDraining) break;
        continue;
      }
      isBehind = batch.records.reduce((sum, { body }) => sum + body.length, 0) > maxBytes / 2;
      previous = this.#passOn(batch, previous);
      underWay.push(previous);
    }
    await previous;
  }

  /** @returns false when it, or a batch before it, was given up because of closing */
  async #passOn(batch: SpoolBatch, before: Promise<boolean>): Promise<boolean> {
    const sending = [...this.#pieces.bySignal(batch.records)].map(([signal, pieces]) =>
      signal === "metrics" ? this.#sendInOrder(signal, pieces) : this.#sendJoined(signal, pieces),
    );
    const isSent = (await Promise.all(sending)).every(Boolean);
    if (!(await before) || !isSent) return false;
    await this.#commit(batch.position);
    return true;
  }

  /** Points of one series must not overtake one another: many backends refuse what is older than what they have. */
  #sendInOrder(signal: OtlpSignal, pieces: readonly Piece[]): Promise<boolean> {
    this.#inOrder = this.#inOrder.then((isGoing) => isGoing && this.#sendJoined(signal, pieces));
    return this.#inOrder;
  }

  /** @returns false when it was given up because of closing */
  async #sendJoined(signal: OtlpSignal, pieces: readonly Piece[]): Promise<boolean> {
    const joined = Buffer.concat(pieces.map(({ body }) => body));
    for (;;) {
      const sent = await this.#sendOnce(signal, joined, pieces);
      if (sent === "sent") return true;
      if (sent === "closing") return false;
      if (sent === "again") continue;
      // One bad request among many must not take the others with it.
      if (pieces.length > 1) {
        const middle = pieces.length >>> 1;
        return (
          (await this.#sendJoined(signal, pieces.slice(0, middle))) &&
          (await this.#sendJoined(signal, pieces.slice(middle)))
        );
      }
      this.#pieces.drop(1, "refused");
      this.#pieces.dropItems(signal, pieces[0].items, "refused");
      return true;
    }
  }

  async #sendOnce(
    signal: OtlpSignal,
    body: Buffer,
    pieces: readonly Piece[],
  ): Promise<"sent" | "again" | "refused" | "closing"> {
    const choice = this.#chooser.choose(this.#clock.now());
    if (choice.kind === "wait") {
      await this.#sleep(choice);
      return this.#ending.signal.aborted ? "closing" : "again";
    }
    const outcome = await choice.endpoint.send(signal, body, this.#ending.signal);
    if (outcome.kind === "retry") {
      if (this.#ending.signal.aborted) return "closing";
      this.#chooser.failed(choice.endpoint, this.#clock.now(), outcome.afterMs);
      this.#metrics.retries.inc({ exporter: this.name });
      this.#noteFault(choice.endpoint, outcome.message);
      return "again";
    }
    this.#chooser.worked(choice.endpoint, this.#clock.now());
    if (outcome.kind === "refused") {
      if (pieces.length === 1) {
        this.#logger.warn(
          { exporter: this.name, endpoint: choice.endpoint.name, signal, answer: outcome.message },
          "endpoint refused a request for good, dropped it",
        );
      }
      return "refused";
    }
    this.#noteSent(choice.endpoint, body, pieces.length);
    const items = pieces.reduce((sum, piece) => sum + piece.items, 0);
    // What an endpoint says is not to be trusted with our sums.
    const rejected = Math.min(outcome.rejectedItems, items);
    this.#metrics.sentItems.inc({ exporter: this.name, signal }, items - rejected);
    this.#pieces.dropItems(signal, rejected, "rejected");
    if (outcome.rejectedItems > 0) {
      this.#logger.warn(
        { exporter: this.name, rejected: outcome.rejectedItems, answer: outcome.message },
        "endpoint rejected part of a request",
      );
    }
    return "sent";
  }

  #noteSent(endpoint: Endpoint, body: Buffer, records: number): void {
    if (this.#fault !== undefined) {
      this.#logger.info({ exporter: this.name, endpoint: endpoint.name }, "endpoint takes requests again");
    }
    this.#fault = undefined;
    this.#endpoint = endpoint.name;
    this.#metrics.up.set({ exporter: this.name }, 1);
    this.#metrics.sentRecords.inc({ exporter: this.name }, records);
    this.#metrics.sentBytes.inc({ exporter: this.name }, body.length);
    this.#consumer.settle(records, "passed_on");
  }

  #noteFault(endpoint: Endpoint, message: string): void {
    if (this.#fault === undefined) {
      this.#logger.warn(
        { exporter: this.name, endpoint: endpoint.name, answer: message },
        "endpoint does not take requests, will retry; the spool keeps them",
      );
    }
    this.#fault = message;
    this.#metrics.up.set({ exporter: this.name }, 0);
    // While stopping there is no time to wait for it.
    if (this.#isDraining && this.#chooser.choose(this.#clock.now()).kind === "wait") this.#ending.abort();
  }

  #sleep(wait: Wait): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        this.#ending.signal.removeEventListener("abort", end);
        resolve();
      };
      const cancel = this.#clock.after(Math.max(0, wait.untilMs - this.#clock.now()), end);
      this.#ending.signal.addEventListener("abort", end, { once: true });
      if (this.#ending.signal.aborted) end();
    });
  }
}
