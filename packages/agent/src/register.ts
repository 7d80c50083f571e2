// `node --import @tocsin/agent/register server.js`, or the first import of a service.
import { isMainThread, workerData } from "node:worker_threads";
import { start } from "./start.js";

// The agent's own thread must not watch itself.
const isOwnThread = !isMainThread && (workerData as { kind?: string } | null)?.kind === "tocsin-sender";
if (!isOwnThread) {
  try {
    start();
  } catch (error) {
    process.stderr.write(`tocsin: could not start, the service runs without it: ${String(error)}\n`);
  }
}
