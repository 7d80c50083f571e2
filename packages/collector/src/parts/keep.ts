import { type Clock, messageOf } from "@tocsin/model";
import type { Storage } from "@tocsin/promql";
import type { SpoolConsumer } from "../spool/record.js";
import { runStoreConsumer } from "../store/consumer.js";
import { type CopySource, Store, type StoreConfig } from "../store/index.js";
import { metricsEngineOf } from "./metrics-engine.js";
import type { PartContext } from "./parts.js";

/** Where traces, logs and history are kept. */
export interface Keep {
  /** Undefined while the store is being opened, when it cannot be, and where none is wanted. */
  readonly store: () => Store | undefined;
  /** Why there is no store at the moment; undefined when there is one, or none is wanted. */
  readonly fault: () => string | undefined;
  /** Settles when the first attempt to open the store has ended, well or not. */
  readonly settled: Promise<void>;
}

const RETRY_FIRST_MS = 1_000;
const RETRY_MOST_MS = 30_000;

/** Samples in memory, to be copied into the store. */
export interface KeptSamples {
  readonly source: Storage & CopySource;
  /** Settles when memory holds again what it held when the last process ended: copying begins no earlier. */
  readonly loaded: Promise<void>;
}

/**
 * Opens the store beside everything else and carries the spool, and the samples of memory, into it. Intake does not wait
 * for it: what arrives meanwhile is in the spool. A store that cannot be opened is tried again, unless trying cannot help.
 */
export function createKeep(
  context: PartContext,
  config: Exclude<StoreConfig, "none">,
  consumer: SpoolConsumer,
  samples: KeptSamples,
): Keep {
  const { clock, logger, closers } = context;
  const copiesSamples = metricsEngineOf(context.config) === undefined;
  if (copiesSamples) samples.source.holdUntilCopied();
  const stopping = new AbortController();
  let store: Store | undefined;
  let fault: string | undefined = "the store is starting";
  let firstAttemptEnded: () => void = () => {};
  const settled = new Promise<void>((resolve) => {
    firstAttemptEnded = resolve;
  });

  const attempt = async (): Promise<boolean> => {
    try {
      const opened = await Store.open({ ...context, config, retention: context.config.retention });
      store = opened;
      if (copiesSamples) {
        const lagMs = context.config.metrics.out_of_order;
        void samples.loaded.then(() => opened.keepSamples(samples.source, lagMs));
      }
      fault = undefined;
      return true;
    } catch (error) {
      fault = messageOf(error);
      const isFinal = (error as { code?: unknown }).code === "STORE_ENGINE_UNAVAILABLE";
      logger.error(
        { error: fault, retry: !isFinal },
        "the store cannot be opened; intake goes on into the spool",
      );
      if (isFinal) stopping.abort();
      return false;
    } finally {
      firstAttemptEnded();
    }
  };
  const run = async (): Promise<void> => {
    for (let pauseMs = RETRY_FIRST_MS; !(await attempt()); pauseMs = Math.min(2 * pauseMs, RETRY_MOST_MS)) {
      await pause(clock, pauseMs, stopping.signal);
      if (stopping.signal.aborted) return;
    }
    const opened = store;
    if (!opened || stopping.signal.aborted) return;
    await runStoreConsumer({
      consumer,
      write: (batch) => opened.writer.write(batch),
      clock,
      logger,
      signal: stopping.signal,
    });
  };
  const running = run();
  closers.add("store", {
    async close() {
      stopping.abort();
      await running;
      await store?.close();
    },
  });
  return { store: () => store, fault: () => fault, settled };
}

/** Waits, unless it is told to stop. */
function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const cancel = clock.after(delayMs, resolve);
    signal.addEventListener(
      "abort",
      () => {
        cancel();
        resolve();
      },
      { once: true },
    );
  });
}
