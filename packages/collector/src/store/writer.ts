import { type Logger, messageOf } from "@tocsin/model";
import { decodeLogs } from "../otlp/index.js";
import type { SpoolBatch } from "../spool/record.js";
import type { BatchEncoder } from "./encode/encoded-batch.js";
import type { LogTail } from "./logs/log-tail.js";
import type { StoreMetrics } from "./metrics.js";
import type { Shards } from "./shards.js";
import { TableWriter } from "./table-writer.js";

export interface WriterDeps {
  readonly encoder: BatchEncoder;
  readonly shards: Shards;
  /** Is shown the records of each batch once it is written. */
  readonly tail: LogTail;
  readonly metrics: StoreMetrics;
  readonly logger: Logger;
}

/**
 * Turns batches of the spool into inserts.
 *
 * The batch's token names the inserts, so a batch that is written again (the process died before it could commit its
 * place in the spool) adds nothing. A batch is held in memory about three times: as the spool's bytes, as columns over
 * them (with an encoder in a thread, over a copy of them) and as the block.
 */
export class StoreWriter {
  readonly #deps: WriterDeps;
  readonly #tables: TableWriter;
  /** The first batch may be one that a former process has written and not committed. */
  #mayBeRepeat = true;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(deps: WriterDeps) {
    this.#deps = deps;
    this.#tables = new TableWriter(deps);
  }

  /**
   * Resolves when every row of the batch is in its table, or counted as dropped.
   *
   * @returns how many records of the batch could not be read
   * @throws {CollectorError} STORE_NOT_READY, STORE_WRITE_FAILED or STORE_ENCODER_FAILED (retryable): nothing is lost,
   *   write it again
   */
  write(batch: SpoolBatch): Promise<number> {
    const done = this.#writing.then(() => this.#write(batch));
    // One after the other; whether this one failed is for its caller.
    this.#writing = done.then(
      () => {},
      () => {},
    );
    return done;
  }

  async #write(batch: SpoolBatch): Promise<number> {
    const { encoder, metrics } = this.#deps;
    const { traces, logs } = await encoder.encode(batch);
    const stopTimer = metrics.insertSeconds.startTimer();
    const mayBeRepeat = this.#mayBeRepeat;
    this.#mayBeRepeat = true;
    // Both end before this does, also when one fails: no insert of this attempt may still run beside the next.
    const [spansDone, logsDone] = await Promise.allSettled([
      this.#tables.write(traces, batch.token, mayBeRepeat),
      this.#tables.write(logs, batch.token, mayBeRepeat),
    ]);
    if (spansDone.status === "rejected") throw spansDone.reason;
    if (logsDone.status === "rejected") throw logsDone.reason;
    this.#mayBeRepeat = false;
    stopTimer();
    this.#tables.count(spansDone.value);
    this.#tables.count(logsDone.value);
    this.#publish(batch);
    return traces.malformed + logs.malformed;
  }

  /** Shows log records to those who follow them; without followers nothing is decoded for it. */
  #publish({ records }: SpoolBatch): void {
    const { tail, logger } = this.#deps;
    if (!tail.hasFollowers) return;
    for (const { signal, body, receivedAtMs } of records) {
      if (signal !== "logs") continue;
      try {
        tail.publish(decodeLogs(body), receivedAtMs);
      } catch (error) {
        // The writer has counted it already.
        logger.debug({ reason: messageOf(error) }, "a record could not be shown to followers");
      }
    }
  }
}
