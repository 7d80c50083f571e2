import type { Logger } from "@tocsin/model";
import type { LogColumns, SpanColumns } from "../otlp/index.js";
import type { SpoolBatch } from "../spool/record.js";
import type { LogTail } from "./logs/log-tail.js";
import type { StoreMetrics } from "./metrics.js";
import { logSource, spanSource } from "./row-source.js";
import type { Signal } from "./schema/table.js";
import type { Shards } from "./shards.js";
import { TableWriter } from "./table-writer.js";

export interface WriterDeps {
  readonly shards: Shards;
  /** Is shown the records of each batch once it is written. */
  readonly tail: LogTail;
  readonly metrics: StoreMetrics;
  readonly logger: Logger;
  readonly retentionMs: Readonly<Record<Signal, number>>;
}

/**
 * Turns batches of the spool into inserts.
 *
 * The batch's token names the inserts, so a batch that is written again (the process died before it could commit its
 * place in the spool) adds nothing. A batch is held in memory about three times: as the spool's bytes, as columns over
 * them and as the block.
 */
export class StoreWriter {
  readonly #deps: WriterDeps;
  readonly #spans: TableWriter<SpanColumns>;
  readonly #logs: TableWriter<LogColumns>;
  /** The first batch may be one that a former process has written and not committed. */
  #mayBeRepeat = true;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(deps: WriterDeps) {
    const { shards, metrics, logger, retentionMs } = deps;
    this.#deps = deps;
    this.#spans = new TableWriter(spanSource(), { shards, metrics, logger, retentionMs: retentionMs.traces });
    this.#logs = new TableWriter(logSource(), { shards, metrics, logger, retentionMs: retentionMs.logs });
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
    const mayBeRepeat = this.#mayBeRepeat;
    this.#mayBeRepeat = true;
    // Both end before this does, also when one fails: the blocks must be free for the next attempt.
    const [spans, logs] = await Promise.allSettled([
      this.#spans.write(batch, mayBeRepeat),
      this.#logs.write(batch, mayBeRepeat),
    ]);
    if (spans.status === "rejected") throw spans.reason;
    if (logs.status === "rejected") throw logs.reason;
    this.#mayBeRepeat = false;
    stopTimer();
    this.#spans.count(spans.value);
    this.#logs.count(logs.value);
    for (const { columns, receivedAtMs } of logs.value.decoded)
      this.#deps.tail.publish(columns, receivedAtMs);
  }
}
