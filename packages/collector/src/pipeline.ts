import { setImmediate as turn } from "node:timers/promises";
import { type Cancel, type Clock, every, type Logger, messageOf, type UnixMs } from "@tocsin/model";
import { Counter, type Registry } from "prom-client";
import { decodeMetrics } from "./otlp/decode-metrics.js";
import { decodeTraces } from "./otlp/decode-traces.js";
import type { DecodeOptions, MetricColumns, SpanColumns } from "./otlp/index.js";
import { readSnapshot, type Snapshot, writeSnapshot } from "./snapshot.js";
import {
  comparePositions,
  type SpoolConsumer,
  type SpoolPosition,
  type SpoolRecord,
} from "./spool/record.js";

/** What is told of every record of the spool, once and in order. */
export interface Observers {
  traces(columns: SpanColumns, receivedAtMs: UnixMs): void;
  /** @param origin whether they came as OTLP, or as samples by remote write or a scrape */
  metrics(columns: MetricColumns, receivedAtMs: UnixMs, origin: "otlp" | "samples"): void;
}

/** State that must survive a restart: it goes into the snapshot and comes back from it. */
export interface Stateful {
  snapshot(): Uint8Array;
  /**
   * In place of `snapshot` where the state is large: pieces that each take little time to make, and that tell of the
   * state as it was when `freeze` was called, although it goes on changing while they are made.
   */
  freeze?(): { pieces(): Iterable<Uint8Array> };
  restore(bytes: Uint8Array): unknown;
  /** A number that changes when the state did by other means than the records of the spool. */
  revision?(): number;
}

export interface PipelineOptions {
  readonly consumer: SpoolConsumer;
  /** Which attributes of spans the observers read. */
  readonly spans: DecodeOptions;
  readonly observers: Observers;
  /**
   * What observers read of a record of samples, as an OTLP metrics request; undefined where it holds nothing for them.
   * Left out in a collector that takes no samples.
   */
  readonly readSamples?: ((body: Uint8Array) => Uint8Array | undefined) | undefined;
  /** By the name under which the state is kept. */
  readonly state: Readonly<Record<string, Stateful>>;
  readonly snapshotFile: string;
  /** Default 10 s: what is replayed after a crash. A large state is written less often, see `SHARE_OF_TIME`. */
  readonly snapshotEveryMs?: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
}

/** How much is decoded before the event loop gets its turn. */
const BATCH_BYTES = 512 * 1024;
/** How long pieces of a snapshot are made before the event loop gets its turn. */
const SLICE_MS = 5;
/** Making snapshots takes no more of the time than this: after a long one the next waits longer, up to a minute. */
const SHARE_OF_TIME = 0.02;
const LONGEST_WAIT_MS = 60_000;

/** Snapshots that only make room in the spool take at most this share of the time, and come no faster than this. */
const EARLY_SHARE = 0.1;
const EARLY_LEAST_MS = 500;

/**
 * The way from the spool into memory: signals and SLOs. It starts where the last snapshot was taken and sees
 * every record behind it again, so that after a crash each count is what it would have been without one.
 */
export class SignalsPipeline {
  readonly #options: PipelineOptions;
  readonly #records: Counter<"signal">;
  readonly #dropped: Counter<"signal" | "reason">;
  readonly #stopping = new AbortController();
  #position: SpoolPosition;
  #saved: SpoolPosition;
  #savedRevisions: string;
  #savedMs = Number.NEGATIVE_INFINITY;
  /** How long the last snapshot kept the event loop. */
  #sliceMs = 0;
  #running: Promise<void> | undefined;
  #saving: Promise<void> = Promise.resolve();
  #hasCaughtUp = false;
  #cancelTimer: Cancel | undefined;
  /** When the snapshot may be written again before its time. */
  #nextEarlyMs = 0;

  private constructor(options: PipelineOptions, position: SpoolPosition) {
    this.#options = options;
    this.#position = position;
    this.#saved = position;
    this.#savedRevisions = this.#revisions();
    const registers = [options.registry];
    this.#records = new Counter({
      name: "tocsin_pipeline_records_total",
      help: "Requests taken from the spool into signals and SLOs.",
      labelNames: ["signal"],
      registers,
    });
    this.#dropped = new Counter({
      name: "tocsin_pipeline_dropped_total",
      help: "Requests of the spool that could not be used, by reason: unreadable.",
      labelNames: ["signal", "reason"],
      registers,
    });
  }

  /** Brings the state back from the snapshot; nothing is read before `start`. */
  static async open(options: PipelineOptions): Promise<SignalsPipeline> {
    const { consumer, logger, snapshotFile, state } = options;
    const snapshot = await readSnapshot(snapshotFile);
    if (snapshot === "damaged") {
      logger.error(
        { file: `${snapshotFile}.damaged` },
        "the snapshot was damaged and set aside; counting anew",
      );
    } else if (snapshot) {
      restore(snapshot, state, logger);
      consumer.seek(snapshot.position);
    }
    return new SignalsPipeline(options, consumer.position);
  }

  /** Place up to which everything has been observed. */
  get position(): SpoolPosition {
    return this.#position;
  }

  /** Whether everything has been observed once that was in the spool at the start. */
  get hasCaughtUp(): boolean {
    return this.#hasCaughtUp;
  }

  start(): void {
    const { clock, logger, snapshotEveryMs = 10_000 } = this.#options;
    this.#running ??= this.#run();
    this.#cancelTimer ??= every(clock, snapshotEveryMs, () => {
      const waitMs = Math.min(this.#sliceMs / SHARE_OF_TIME, LONGEST_WAIT_MS);
      if (clock.now() - this.#savedMs < waitMs) return;
      this.save().catch((error) =>
        logger.error({ error: messageOf(error) }, "cannot write the snapshot, will retry"),
      );
    });
  }

  /** Writes the snapshot now, if anything has changed since the last one. */
  save(): Promise<void> {
    this.#saving = this.#saving.catch(() => {}).then(() => this.#save());
    return this.#saving;
  }

  /** Ends after the records in hand and saves; what is behind them in the spool is seen at the next start. */
  async close(): Promise<void> {
    this.#cancelTimer?.();
    this.#stopping.abort();
    await this.#running;
    await this.save();
  }

  async #run(): Promise<void> {
    const { consumer } = this.#options;
    const { signal } = this.#stopping;
    for (;;) {
      const batch = await consumer.read({ maxBytes: BATCH_BYTES, signal, wait: this.#hasCaughtUp });
      if (!batch) {
        if (this.#hasCaughtUp || signal.aborted) return;
        this.#hasCaughtUp = true;
        continue;
      }
      for (const record of batch.records) this.#observe(record);
      this.#position = batch.position;
      if (consumer.isOverdue) await this.#saveEarly();
      await turn();
    }
  }

  /** Makes room in the spool before it is time; a state that takes long to write is not written all the time for it. */
  async #saveEarly(): Promise<void> {
    const { clock, logger } = this.#options;
    const beganMs = clock.now();
    if (beganMs < this.#nextEarlyMs) return;
    await this.save().catch((error) =>
      logger.error({ error: messageOf(error) }, "cannot write the snapshot, will retry"),
    );
    const nowMs = clock.now();
    this.#nextEarlyMs = nowMs + Math.max(EARLY_LEAST_MS, (nowMs - beganMs) / EARLY_SHARE);
  }

  #observe(record: SpoolRecord): void {
    const { consumer } = this.#options;
    this.#records.inc({ signal: record.signal });
    try {
      consumer.settle(1, this.#dispatch(record) ? "passed_on" : "passed_over");
    } catch (error) {
      // The receiver checks what it takes, so this is a fault of ours; the rest of the spool must not suffer for it.
      consumer.settle(1, { dropped: "unreadable" });
      this.#dropped.inc({ signal: record.signal, reason: "unreadable" });
      this.#options.logger.error(
        { signal: record.signal, err: error },
        "a record of the spool could not be used",
      );
    }
  }

  /** False for what is not for signals: most samples are read by the head alone, logs by the store. */
  #dispatch({ signal, body, receivedAtMs }: SpoolRecord): boolean {
    const { observers, spans } = this.#options;
    switch (signal) {
      case "traces":
        observers.traces(decodeTraces(body, spans), receivedAtMs);
        return true;
      case "metrics":
        observers.metrics(decodeMetrics(body), receivedAtMs, "otlp");
        return true;
      case "samples": {
        const metrics = this.#options.readSamples?.(body);
        if (metrics) observers.metrics(decodeMetrics(metrics), receivedAtMs, "samples");
        return metrics !== undefined;
      }
      case "logs":
        return false;
    }
  }

  async #save(): Promise<void> {
    const position = this.#position;
    const revisions = this.#revisions();
    if (comparePositions(position, this.#saved) === 0 && revisions === this.#savedRevisions) return;
    // The state is fixed in one go, between two records, so that it belongs to exactly this position.
    const frozen = Object.entries(this.#options.state).map(
      ([name, part]) => [name, part.freeze?.().pieces() ?? [part.snapshot()]] as const,
    );
    this.#savedMs = this.#options.clock.now();
    const parts: Record<string, readonly Uint8Array[]> = {};
    this.#sliceMs = 0;
    for (const [name, pieces] of frozen) parts[name] = await this.#collect(pieces);
    await writeSnapshot(this.#options.snapshotFile, { position, parts });
    await this.#options.consumer.commit(position);
    this.#saved = position;
    this.#savedRevisions = revisions;
  }

  /** Makes pieces, with turns of the event loop in between. */
  async #collect(pieces: Iterable<Uint8Array>): Promise<readonly Uint8Array[]> {
    const made: Uint8Array[] = [];
    let startMs = performance.now();
    for (const piece of pieces) {
      made.push(piece);
      const tookMs = performance.now() - startMs;
      if (tookMs < SLICE_MS) continue;
      this.#sliceMs += tookMs;
      await turn();
      startMs = performance.now();
    }
    this.#sliceMs += performance.now() - startMs;
    return made;
  }

  #revisions(): string {
    return Object.values(this.#options.state)
      .map((part) => part.revision?.() ?? 0)
      .join();
  }
}

function restore(snapshot: Snapshot, state: PipelineOptions["state"], logger: Logger): void {
  for (const [name, part] of Object.entries(state)) {
    const bytes = snapshot.parts[name];
    if (!bytes) continue;
    try {
      part.restore(bytes);
    } catch (error) {
      logger.error(
        { part: name, error: messageOf(error) },
        "a part of the snapshot cannot be read; counting anew",
      );
    }
  }
}
