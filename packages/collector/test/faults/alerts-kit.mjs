// What the drills of alerting share: receivers that misbehave, and processes that may be killed.
import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const CHILD = join(dirname(fileURLToPath(import.meta.url)), "alerts-child.mjs");
const LIMIT_MS = 30_000;

/** Every way in which a receiver may fail; `ok` is none. */
export const BEHAVIOURS = ["ok", "500", "429", "hang", "drip", "die", "reset"];

/**
 * A webhook receiver that behaves as listed, once each, and well afterwards.
 *
 * @param behaviours names out of BEHAVIOURS
 * @param onRequest called with the number of the request, from 1, before it is answered
 * @param onAnswer called once it was answered
 */
export async function receiver(behaviours = [], { onRequest = () => {}, onAnswer = () => {} } = {}) {
  /** Messages that it took; those of requests that it left unanswered are in `seen` only. */
  const accepted = [];
  const seen = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      return;
    }
    const behaviour = behaviours.shift() ?? "ok";
    const message = {
      ...JSON.parse(Buffer.concat(chunks).toString()),
      id: request.headers["webhook-id"],
      atMs: Date.now(),
      behaviour,
    };
    seen.push(message);
    onRequest(seen.length);
    if (behaviour === "500") response.writeHead(500).end();
    else if (behaviour === "429") response.writeHead(429, { "retry-after": "1" }).end();
    // It has taken the message, and nobody will ever know.
    else if (behaviour === "die") response.destroy();
    else if (behaviour === "reset") request.socket.resetAndDestroy();
    else if (behaviour === "drip") {
      response.writeHead(200);
      const timer = setInterval(() => response.write("."), 100);
      response.on("close", () => clearInterval(timer));
    } else if (behaviour !== "hang") {
      accepted.push(message);
      response.end(() => onAnswer(seen.length));
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    accepted,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(resolve);
      }),
  };
}

/** An alerting in a process of its own. */
export function startChild(options) {
  return fork(CHILD, [JSON.stringify(options)], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
}

export function hasEnded(child) {
  return child.exitCode !== null || child.signalCode !== null;
}

export async function kill(child) {
  if (hasEnded(child)) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

export async function until(isDone, limitMs = LIMIT_MS) {
  const endMs = performance.now() + limitMs;
  while (!(await isDone())) {
    if (performance.now() > endMs) return false;
    await sleep(10);
  }
  return true;
}

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
