import { type Clock, type Logger, silentLogger, systemClock } from "@tocsin/model";
import { Registry } from "prom-client";
import type { OtlpSignal } from "../otlp/columns.js";
import { countItems } from "../otlp/count-items.js";
import type { SpoolConsumer, SpoolRecord, SpoolSignal } from "../spool/record.js";
import type { Endpoint } from "./endpoint.js";
import { EndpointChooser, type Wait } from "./endpoint-chooser.js";
import { ExportMetrics } from "./metrics.js";

/** Changes a request on its way out, once; undefined when nothing of it is left. */
export type Transform = (signal: OtlpSignal, body: Buffer) => Buffer | undefined;

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
  /** Longest wait of our own between tries. Default 60 s. */
  readonly maxBackoffMs?: number;
  readonly clock?: Clock;
  /** 0 to 1. */
  readonly random?: () => number;
  readonly logger?: Logger;
  /** Where `tocsin_export_*` are registered. */
  readonly registry?: Registry;
}

/** What is to be sent of one record. */
interface Piece {
  readonly body: Buffer;
  readonly items: number;
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
 * Sends what the spool holds to an OTLP endpoint, in order, each record at least once.
 *
 * OTLP requests of one signal are joined by putting their bytes behind one another, which is what the protobuf encoding
 * makes of it; nothing is decoded. An endpoint that cannot take them is tried again for as long as it needs.
 */
export class Forwarder {
  readonly name: string;
  #consumer: SpoolConsumer;
  #chooser: EndpointChooser;
  #signals: readonly SpoolSignal[];
  #transform: Transform | undefined;
  #maxRequestBytes: number;
  #clock: Clock;
  #logger: Logger;
  #metrics: ExportMetrics;
  #ending = new AbortController();
  #isDraining = false;
  #endpoint: string | undefined;
  #fault: string | undefined;
  #running: Promise<void>;
  #closing: Promise<void> | undefined;
  /** Ends the read that waits for records. */
  #reading = new AbortController();

  constructor(options: ForwarderOptions) {
    this.name = options.name;
    this.#consumer = options.consumer;
    // Prometheus samples have an exporter of their own; where all is sent, it is told that they were not.
    this.#signals = options.signals ?? ["traces", "metrics", "logs", "samples"];
    this.#transform = options.transform;
    this.#maxRequestBytes = options.maxRequestBytes ?? 2 * 1024 * 1024;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#metrics = new ExportMetrics(options.registry ?? new Registry());
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
    while (!this.#ending.signal.aborted) {
      const isLast = this.#isDraining;
      const maxBytes = this.#maxRequestBytes;
      const batch = await this.#consumer.read(
        isLast ? { maxBytes, wait: false } : { maxBytes, signal: this.#reading.signal },
      );
      if (!batch) {
        // A wait that was ended by closing is followed by looks that do not wait.
        if (isLast || !this.#isDraining) return;
        continue;
      }
      for (const [signal, pieces] of this.#bySignal(batch.records)) {
        if (!(await this.#sendJoined(signal, pieces))) return;
      }
      await this.#consumer.commit(batch.position).catch(() => {
        // The place is not durable: after a crash this batch goes out again. Sending on matters more.
      });
    }
  }

  /** What is to be sent of each signal. */
  #bySignal(records: readonly SpoolRecord[]): Map<OtlpSignal, Piece[]> {
    const groups = new Map<OtlpSignal, Piece[]>();
    for (const { signal, body } of records) {
      if (!this.#signals.includes(signal)) {
        this.#consumer.settle(1, "passed_over");
        continue;
      }
      this.#metrics.readRecords.inc({ exporter: this.name });
      if (signal === "samples") {
        this.#drop(1, "not_otlp");
        continue;
      }
      const piece = this.#pieceOf(signal, body);
      if (piece === undefined) continue;
      const group = groups.get(signal);
      if (group) group.push(piece);
      else groups.set(signal, [piece]);
    }
    return groups;
  }

  #pieceOf(signal: OtlpSignal, body: Buffer): Piece | undefined {
    // One that cannot be counted is sent all the same: who takes it may understand it.
    const items = itemsOf(signal, body) ?? 0;
    this.#metrics.readItems.inc({ exporter: this.name, signal }, items);
    if (!this.#transform) return { body, items };
    try {
      const changed = this.#transform(signal, body);
      const left = changed === undefined ? 0 : changed === body ? items : countItems(signal, changed);
      this.#dropItems(signal, items - left, "sampled");
      if (changed !== undefined) return { body: changed, items: left };
      this.#drop(1, "sampled");
    } catch (error) {
      // The receiver checks what it takes, so this is a fault of ours. Unredacted it must not go out.
      this.#drop(1, "unreadable");
      this.#dropItems(signal, items, "unreadable");
      this.#logger.error(
        { exporter: this.name, signal, err: error },
        "a request could not be rewritten, dropped it",
      );
    }
    return undefined;
  }

  #drop(records: number, reason: string): void {
    this.#metrics.droppedRecords.inc({ exporter: this.name, reason }, records);
    this.#consumer.settle(records, { dropped: reason });
  }

  #dropItems(signal: OtlpSignal, items: number, reason: string): void {
    if (items > 0) this.#metrics.droppedItems.inc({ exporter: this.name, signal, reason }, items);
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
      this.#drop(1, "refused");
      this.#dropItems(signal, pieces[0].items, "refused");
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
    this.#chooser.worked(choice.endpoint);
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
    this.#dropItems(signal, rejected, "rejected");
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

/** Undefined for bytes that are not OTLP, which the receiver lets nobody send. */
function itemsOf(signal: OtlpSignal, body: Buffer): number | undefined {
  try {
    return countItems(signal, body);
  } catch {
    return undefined;
  }
}
