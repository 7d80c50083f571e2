import { type Logger, messageOf } from "@tocsin/model";
import { CollectorError } from "../errors.js";
import { decodeLogs, decodeTraces } from "../otlp/index.js";
import type { SpoolBatch, SpoolRecord } from "../spool/record.js";
import type { LogTail } from "./logs/log-tail.js";
import type { StoreMetrics } from "./metrics.js";
import type { Block } from "./native/block.js";
import { LogBlock } from "./native/log-block.js";
import { SpanBlock } from "./native/span-block.js";
import { TimeWindow } from "./native/time-window.js";
import type { Signal } from "./schema/table.js";
import type { Shards } from "./shards.js";

export interface WriterDeps {
  readonly shards: Shards;
  /** Is shown the records of each batch once it is written. */
  readonly tail: LogTail;
  readonly metrics: StoreMetrics;
  readonly logger: Logger;
  readonly retentionMs: Readonly<Record<Signal, number>>;
}

/**
 * Turns batches of the spool into one insert per table.
 *
 * The batch's token names the insert, so a batch that is written again (the process died before it could commit its
 * place in the spool) adds nothing. A batch is held in memory about twice: as the spool's bytes and as the block.
 */
export class StoreWriter {
  readonly #deps: WriterDeps;
  readonly #spans = new SpanBlock();
  readonly #logs = new LogBlock();
  #writing: Promise<unknown> = Promise.resolve();

  constructor(deps: WriterDeps) {
    this.#deps = deps;
  }

  /**
   * Resolves when every row of the batch is in its table, or counted as dropped.
   *
   * @throws {CollectorError} STORE_NOT_READY or STORE_WRITE_FAILED (retryable): nothing is lost, write it again
   */
  write(batch: SpoolBatch): Promise<void> {
    const done = this.#writing.then(() => this.#write(batch));
    // The next batch uses the same blocks, so it waits; whether this one failed is for its caller.
    this.#writing = done.catch(() => {});
    return done;
  }

  async #write(batch: SpoolBatch): Promise<void> {
    const stopTimer = this.#deps.metrics.insertSeconds.startTimer();
    const spans = this.#fill("otel_traces", batch.records, "traces", this.#spans.block, (record, window) => {
      const columns = decodeTraces(record.body);
      return { rows: columns.rowCount, skipped: this.#spans.append(columns, window) };
    });
    const passing: (() => void)[] = [];
    const logs = this.#fill("otel_logs", batch.records, "logs", this.#logs.block, (record, window) => {
      const columns = decodeLogs(record.body);
      passing.push(() => this.#deps.tail.publish(columns, record.receivedAtMs));
      return { rows: columns.rowCount, skipped: this.#logs.append(columns, window, record.receivedAtMs) };
    });
    await Promise.all([
      this.#insert("otel_traces", this.#spans.block, batch.token, spans),
      this.#insert("otel_logs", this.#logs.block, batch.token, logs),
    ]);
    for (const publish of passing) publish();
    stopTimer();
  }

  /** Fills a block and returns what to count once it is written: a repeated attempt must not count twice. */
  #fill(
    table: string,
    records: readonly SpoolRecord[],
    signal: "traces" | "logs",
    block: Block,
    append: (record: SpoolRecord, window: TimeWindow) => { rows: number; skipped: number },
  ): Tally {
    block.clear();
    const tally: Tally = { accepted: 0, time: 0, malformed: 0 };
    for (const record of records) {
      if (record.signal !== signal) continue;
      const window = new TimeWindow(record.receivedAtMs, this.#deps.retentionMs[signal]);
      try {
        const { rows, skipped } = append(record, window);
        tally.accepted += rows;
        tally.time += skipped;
      } catch (error) {
        // Receivers check what they take; this is a record from before a check was added.
        tally.accepted += 1;
        tally.malformed += 1;
        this.#deps.logger.warn(
          { table, reason: messageOf(error) },
          "a record could not be decoded and was left out",
        );
      }
    }
    return tally;
  }

  async #insert(table: string, block: Block, token: string, tally: Tally): Promise<void> {
    const { shards, metrics, logger } = this.#deps;
    let refused = 0;
    try {
      if (block.rowCount > 0) {
        const insert = { table, columns: block.names, parts: block.parts(), token: `${token}/${table}` };
        await shards.forToken(token).insertNative(insert);
      }
    } catch (error) {
      const code = error instanceof CollectorError ? error.code : "STORE_WRITE_FAILED";
      metrics.insertFailures.inc({ code });
      if (!(error instanceof CollectorError) || error.retryable) throw error;
      refused = block.rowCount;
      logger.error(
        { table, rows: refused, reason: error.message },
        "the engine refused rows; they are left out",
      );
    }
    metrics.accepted.inc({ table }, tally.accepted);
    metrics.written.inc({ table }, block.rowCount - refused);
    for (const [reason, count] of Object.entries({ time: tally.time, malformed: tally.malformed, refused })) {
      if (count > 0) metrics.dropped.inc({ table, reason }, count);
    }
  }
}

interface Tally {
  accepted: number;
  time: number;
  malformed: number;
}
