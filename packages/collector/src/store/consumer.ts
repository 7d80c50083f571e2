import type { Cancel, Clock, Logger } from "@tocsin/model";
import { CollectorError } from "../errors.js";
import type { SpoolBatch, SpoolConsumer } from "../spool/record.js";
import { steadyCommit } from "../spool/steady-commit.js";

export interface StoreConsumerDeps {
  readonly consumer: SpoolConsumer;
  /** Gives how many records of the batch could not be read. */
  readonly write: (batch: SpoolBatch) => Promise<number>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends the loop after the batch at hand. */
  readonly signal: AbortSignal;
}

/** Bytes of the spool that become one insert at most: ten to twenty thousand spans. */
const BATCH_BYTES = 8 << 20;
/** A batch of this size is worth inserting at once. */
const FULL_BYTES = 2 << 20;
/** Otherwise an insert is made so often at most; every insert is a file that must be merged later. */
const INSERT_PERIOD_MS = 1_000;
const RETRY_FIRST_MS = 200;
const RETRY_MOST_MS = 15_000;

/**
 * Carries batches from the spool to the store until it is told to stop: large ones at once, small ones once a second.
 * While the store is away the same batch is tried again and everything else waits in the spool.
 */
export async function runStoreConsumer(deps: StoreConsumerDeps): Promise<void> {
  const { consumer, clock, logger, signal } = deps;
  const commit = steadyCommit(consumer, logger);
  while (!signal.aborted) {
    const batch = await consumer.read({ maxBytes: BATCH_BYTES, signal });
    if (batch === undefined) return;
    const beganAtMs = clock.now();
    const unreadable = await writeUntilDone(batch, deps);
    if (unreadable === undefined) return;
    const own = batch.records.filter(({ signal: kind }) => kind === "traces" || kind === "logs").length;
    consumer.settle(own - unreadable, "passed_on");
    consumer.settle(batch.records.length - own, "passed_over");
    consumer.settle(unreadable, { dropped: "unreadable" });
    await commit(batch.position);
    const sizeBytes = batch.records.reduce((sum, record) => sum + record.body.length, 0);
    if (sizeBytes < FULL_BYTES) await pause(INSERT_PERIOD_MS - (clock.now() - beganAtMs), clock, signal);
  }
}

/** Undefined when it was told to stop before the store took the batch. */
async function writeUntilDone(batch: SpoolBatch, deps: StoreConsumerDeps): Promise<number | undefined> {
  let pauseMs = RETRY_FIRST_MS;
  while (!deps.signal.aborted) {
    try {
      return await deps.write(batch);
    } catch (error) {
      if (error instanceof CollectorError && error.code === "STORE_CLOSED") return undefined;
      deps.logger.warn(
        { err: error, retryInMs: pauseMs },
        "the store did not take a batch; it waits in the spool",
      );
      await pause(pauseMs, deps.clock, deps.signal);
      pauseMs = Math.min(pauseMs * 2, RETRY_MOST_MS);
    }
  }
  return undefined;
}

/** Waits, unless it is told to stop. */
async function pause(delayMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  if (delayMs <= 0 || signal.aborted) return;
  await new Promise<void>((done) => {
    let cancel: Cancel = () => {};
    const finish = () => {
      cancel();
      signal.removeEventListener("abort", finish);
      done();
    };
    signal.addEventListener("abort", finish);
    cancel = clock.after(delayMs, finish);
  });
}
