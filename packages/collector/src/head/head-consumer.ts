import { setImmediate as turn } from "node:timers/promises";
import { type Clock, type Logger, messageOf } from "@tocsin/model";
import { decodeMetrics } from "../otlp/index.js";
import {
  type Settlement,
  type SpoolConsumer,
  type SpoolPosition,
  type SpoolRecord,
  steadyCommit,
} from "../spool/index.js";
import type { Head } from "./head.js";
import { OtlpAppender, type OtlpAppenderOptions } from "./otlp/otlp-appender.js";
import { loadSnapshot, removeSnapshot, saveSnapshot } from "./snapshot-file.js";
import { WriteRequestAppender } from "./write-request-appender.js";

export interface HeadConsumerOptions extends OtlpAppenderOptions {
  /** Folder of the snapshot; undefined keeps nothing over a restart. */
  readonly dir: string | undefined;
  /** Least time between two snapshots. */
  readonly snapshotIntervalMs: number;
}

export interface HeadConsumerDeps {
  readonly head: Head;
  readonly spool: SpoolConsumer;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Writing a snapshot takes at most this share of the time. */
const SNAPSHOT_SHARE = 0.05;
/** A snapshot that only makes room in the spool comes no faster than this. */
const EARLY_LEAST_MS = 1_000;
/** How much is appended before the event loop gets its turn. */
const MAX_BATCH_BYTES = 512 * 1024;

/**
 * Fills the head from the spool. Its durable place in the spool is the snapshot's: after a kill the snapshot is loaded
 * and the spool read on from there, and what is read twice counts once.
 */
export class HeadConsumer {
  readonly #head: Head;
  readonly #spool: SpoolConsumer;
  readonly #commit: (position: SpoolPosition) => Promise<void>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #options: HeadConsumerOptions;
  readonly #otlp: OtlpAppender;
  readonly #samples: WriteRequestAppender;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #position: SpoolPosition | undefined;
  #nextSnapshotMs = 0;
  /** When a snapshot may be taken before its time, because the spool needs room. */
  #nextEarlyMs = 0;
  /** Whether anything was appended since the last snapshot. */
  #isChanged = true;

  constructor(options: HeadConsumerOptions, { head, spool, clock, logger }: HeadConsumerDeps) {
    this.#options = options;
    this.#head = head;
    this.#spool = spool;
    this.#commit = steadyCommit(spool, logger);
    this.#clock = clock;
    this.#logger = logger;
    this.#otlp = new OtlpAppender(head, options);
    this.#samples = new WriteRequestAppender(head);
  }

  /** Loads the snapshot and begins to read. Returns once the snapshot is loaded. */
  async start(): Promise<void> {
    await this.#load();
    this.#nextSnapshotMs = this.#clock.now() + this.#options.snapshotIntervalMs;
    this.#head.start();
    this.#running = this.#run();
  }

  /** Stops reading, then takes a last snapshot. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#head.close();
    await this.#snapshot();
    this.#position = undefined;
  }

  /** Appends one record; also for owners that read the spool themselves. */
  append(record: SpoolRecord): Settlement {
    if (record.signal !== "metrics" && record.signal !== "samples") return "passed_over";
    this.#isChanged = true;
    try {
      if (record.signal === "metrics") this.#otlp.append(decodeMetrics(record.body));
      else this.#samples.append(record.body);
      return "passed_on";
    } catch (error) {
      // Receivers check what they acknowledge, so this is a record that was damaged later.
      this.#logger.error(
        { signal: record.signal, error: messageOf(error) },
        "metrics record could not be read",
      );
      return { dropped: "unreadable" };
    }
  }

  async #load(): Promise<void> {
    const { dir } = this.#options;
    if (dir === undefined) return;
    try {
      const mark = (await loadSnapshot(this.#head, dir)) as SpoolPosition | undefined;
      if (mark !== undefined) this.#spool.seek(mark);
    } catch (error) {
      this.#logger.warn({ error: messageOf(error) }, "snapshot of recent metrics is not used");
      await removeSnapshot(dir);
    }
  }

  async #run(): Promise<void> {
    for (;;) {
      const isFirst = this.#position === undefined;
      const batch = await this.#spool.read({ maxBytes: MAX_BATCH_BYTES, signal: this.#stop.signal });
      if (batch === undefined) return;
      if (isFirst) this.#reachBackTo(batch.records);
      for (const record of batch.records) this.#spool.settle(1, this.append(record));
      this.#position = batch.position;
      if (this.#clock.now() >= this.#nextSnapshotMs) await this.#snapshot();
      else if (this.#spool.isOverdue) await this.#makeRoom(batch.position);
      await turn();
    }
  }

  /** Lets the spool delete what was read, before it is time for a snapshot. */
  async #makeRoom(position: SpoolPosition): Promise<void> {
    if (this.#isChanged) {
      if (this.#clock.now() >= this.#nextEarlyMs) await this.#snapshot();
      return;
    }
    // Nothing of it is in the head (traces, logs), so the snapshot there is stays good.
    await this.#commit(position);
  }

  /** What is read again from the spool is complete from its first record on, snapshot or not. */
  #reachBackTo([first]: readonly SpoolRecord[]): void {
    if (first === undefined) return;
    this.#head.setCompleteFrom(Math.min(this.#head.completeFromMs, first.receivedAtMs));
  }

  async #snapshot(): Promise<void> {
    const position = this.#position;
    if (position === undefined) return;
    const beganMs = this.#clock.now();
    try {
      if (this.#options.dir !== undefined)
        await saveSnapshot(this.#head, this.#options.dir, position, beganMs);
      this.#isChanged = false;
      await this.#spool.commit(position);
    } catch (error) {
      this.#logger.error({ error: messageOf(error) }, "snapshot of recent metrics could not be written");
    }
    this.#otlp.sweep();
    this.#samples.sweep();
    const tookMs = this.#clock.now() - beganMs;
    this.#nextEarlyMs = beganMs + Math.max(EARLY_LEAST_MS, tookMs / SNAPSHOT_SHARE);
    this.#nextSnapshotMs = Math.max(this.#nextEarlyMs, beganMs + this.#options.snapshotIntervalMs);
  }
}
