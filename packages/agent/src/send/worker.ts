// Runs in a worker thread of the agent: encodes log lines, posts OTLP requests, retries. It ends with the process.
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { encodeLogLine } from "../logs/encode-log-line.js";
import { type LogLines, readLogLines } from "../logs/log-lines.js";
import { type HideSecrets, secretHider } from "../logs/secret-fields.js";
import { ByteWriter } from "../otlp/byte-writer.js";
import { Outbox } from "./outbox.js";
import { Poster } from "./post.js";
import {
  type AttributeLimits,
  type SenderInit,
  Shared,
  SIGNALS,
  type Signal,
  type ToWorker,
} from "./protocol.js";
import { logsRequest, tracesRequest } from "./requests.js";

if (!isMainThread && isInit(workerData) && parentPort !== null) {
  const init = workerData;
  const shared = new Shared(init.shared);
  const hide = secretHider(init.redaction);
  const outboxes = new Map(SIGNALS.map((signal) => [signal, outboxFor(init, shared, signal)]));
  parentPort.on("message", (message: ToWorker) => {
    if (message.kind === "flush") {
      void Promise.all([...outboxes.values()].map((outbox) => outbox?.flush(message.deadlineMs))).then(() =>
        shared.setFlushed(message.ticket),
      );
      return;
    }
    const { signal, parts } = encode(init, hide, message);
    const outbox = outboxes.get(signal);
    if (outbox === undefined) shared.addPending(-message.bytes);
    else outbox.add({ parts, count: message.count, pendingBytes: message.bytes });
  });
}

function isInit(data: unknown): data is SenderInit {
  return typeof data === "object" && data !== null && "kind" in data && data.kind === "tocsin-sender";
}

function outboxFor(init: SenderInit, shared: Shared, signal: Signal): Outbox | undefined {
  const destination = init.destinations[signal];
  if (destination === undefined) return undefined;
  const poster = new Poster(destination);
  return new Outbox({
    signal,
    shared,
    note: (note) => init.notes.postMessage(note),
    post: (parts, timeoutMs) => poster.post(parts, timeoutMs),
    now: () => performance.now(),
    random: Math.random,
    wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  });
}

function encode(
  init: SenderInit,
  hide: HideSecrets,
  message: Exclude<ToWorker, { kind: "flush" }>,
): { signal: Signal; parts: readonly Uint8Array[] } {
  switch (message.kind) {
    case "spans":
      return { signal: "traces", parts: tracesRequest(init.resource, message.scopes) };
    case "metrics":
      return { signal: "metrics", parts: [message.body] };
    case "logRecords":
      return { signal: "logs", parts: [message.body] };
    case "logs":
      return {
        signal: "logs",
        parts: logsRequest(init.resource, init.logScope, encodeLines(message.logs, init.logLimits, hide)),
      };
  }
}

/** Used for one batch of lines after the other, which come in one size at most. */
const writer = new ByteWriter(0);

function encodeLines(lines: LogLines, limits: AttributeLimits, hide: HideSecrets): Uint8Array {
  writer.at = 0;
  for (const line of readLogLines(lines)) encodeLogLine(writer, line, limits, hide);
  return writer.finished();
}
