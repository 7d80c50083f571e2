/** The thread in which batches are encoded; what it is asked and how it answers stands in `messages.ts`. */
import { parentPort, workerData } from "node:worker_threads";
import type { EncoderSettings } from "./encoded-batch.js";
import { InlineEncoder } from "./inline-encoder.js";
import { type BatchMessage, buffersOf, type EncodedMessage, unpackBatch } from "./messages.js";

const encoder = new InlineEncoder(workerData as EncoderSettings);

parentPort?.on("message", (message: BatchMessage) => {
  const encoded = encoder.encodeNow(unpackBatch(message));
  const answer: EncodedMessage = { id: message.id, encoded };
  parentPort?.postMessage(answer, buffersOf(encoded));
});
