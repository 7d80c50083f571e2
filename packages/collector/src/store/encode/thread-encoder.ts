import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { type Clock, type Logger, messageOf } from "@tocsin/model";
import { CollectorError } from "../../errors.js";
import type { SpoolBatch } from "../../spool/record.js";
import type { BatchEncoder, EncodedBatch, EncoderSettings } from "./encoded-batch.js";
import { InlineEncoder } from "./inline-encoder.js";
import { type EncodedMessage, packBatch } from "./messages.js";

export interface ThreadEncoderDeps {
  readonly settings: EncoderSettings;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told when a thread ended that should not have; the next batch starts another. */
  readonly onCrash: () => void;
  /** The thread's compiled file; else the one beside this. */
  readonly threadUrl?: URL;
}

interface Asked {
  readonly id: number;
  readonly resolve: (encoded: EncodedBatch) => void;
  readonly reject: (error: CollectorError) => void;
}

/** The largest batch takes about a tenth of a second. */
const ANSWER_LIMIT_MS = 30_000;

/** A batch at which the thread fails so often is encoded in the main thread. */
const MAX_FAILURES = 3;

/** Columns are outside of the thread's heap, so little is in it; a fault that fills it ends the thread, not the process. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 192, maxYoungGenerationSizeMb: 16 };

/**
 * Encodes batches in a thread of its own, so that the event loop has its time for requests and rules.
 *
 * The thread starts with the first batch and does not keep the process alive. Should it crash or not answer, the batch
 * fails and may be tried again: it stays in the spool, and whoever carries it waits longer each time.
 */
export class ThreadEncoder implements BatchEncoder {
  readonly #deps: ThreadEncoderDeps;
  readonly #inline: InlineEncoder;
  #worker: Worker | undefined;
  #asked: Asked | undefined;
  #lastId = 0;
  #failed = { token: "", times: 0 };
  #previous: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(deps: ThreadEncoderDeps) {
    this.#deps = deps;
    this.#inline = new InlineEncoder(deps.settings);
  }

  encode(batch: Pick<SpoolBatch, "records" | "token">): Promise<EncodedBatch> {
    // One batch at a time: this is what bounds the memory of both sides.
    const encoded = this.#previous.then(() => this.#encode(batch));
    this.#previous = encoded.catch(() => {});
    return encoded;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const worker = this.#worker;
    this.#end(new CollectorError("STORE_CLOSED", "The store is closed."));
    await worker?.terminate();
  }

  async #encode(batch: Pick<SpoolBatch, "records" | "token">): Promise<EncodedBatch> {
    if (this.#isClosed) throw new CollectorError("STORE_CLOSED", "The store is closed.");
    const { token, times } = this.#failed;
    if (token === batch.token && times >= MAX_FAILURES) {
      this.#deps.logger.error(
        { token, times },
        "the encoder's thread fails at a batch; it is encoded without",
      );
      return this.#inline.encode(batch);
    }
    try {
      return await this.#ask(batch);
    } catch (error) {
      this.#failed = { token: batch.token, times: token === batch.token ? times + 1 : 1 };
      throw error;
    }
  }

  #ask(batch: Pick<SpoolBatch, "records" | "token">): Promise<EncodedBatch> {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId;
      this.#worker ??= this.#start();
      const cancelLimit = this.#deps.clock.after(ANSWER_LIMIT_MS, () =>
        this.#crashed(`it gave no answer within ${ANSWER_LIMIT_MS / 1_000} s`),
      );
      this.#asked = {
        id,
        resolve: (encoded) => {
          cancelLimit();
          resolve(encoded);
        },
        reject: (error) => {
          cancelLimit();
          reject(error);
        },
      };
      const message = packBatch(id, batch);
      this.#worker.postMessage(message, [message.bytes, message.index.buffer]);
    });
  }

  #start(): Worker {
    const worker = new Worker(this.#deps.threadUrl ?? threadEntry(), {
      name: "store-encoder",
      workerData: this.#deps.settings,
      resourceLimits: RESOURCE_LIMITS,
      env: {},
    });
    worker.unref();
    worker.on("message", ({ id, encoded }: EncodedMessage) => {
      if (this.#worker !== worker || this.#asked?.id !== id) return;
      const { resolve } = this.#asked;
      this.#asked = undefined;
      resolve(encoded);
    });
    worker.on("error", (error) => this.#worker === worker && this.#crashed(messageOf(error)));
    worker.on("exit", (code) => this.#worker === worker && this.#crashed(`it ended with code ${code}`));
    return worker;
  }

  #crashed(reason: string): void {
    this.#deps.onCrash();
    const worker = this.#worker;
    this.#end(
      new CollectorError(
        "STORE_ENCODER_FAILED",
        `The thread that encodes rows for the store failed: ${reason}. The batch is tried again.`,
        { retryable: true },
      ),
    );
    void worker?.terminate();
  }

  #end(error: CollectorError): void {
    const asked = this.#asked;
    this.#worker = undefined;
    this.#asked = undefined;
    asked?.reject(error);
  }
}

/** The compiled file of the thread; from the sources (tests) it is the one of the last build. */
function threadEntry(): URL {
  const here = fileURLToPath(new URL("./encoder-thread.js", import.meta.url));
  return pathToFileURL(here.replace(join("collector", "src", "store"), join("collector", "dist", "store")));
}
