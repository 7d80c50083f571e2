/**
 * The engine's own process: loads the library, opens its sessions and serves them on loopback. It takes its orders from
 * standard input (one line of JSON) and says on standard output (one line of JSON each) what becomes of it. When
 * standard input ends, the parent has closed the engine or died: the process ends too.
 */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { every, messageOf, systemClock } from "@tocsin/model";
import { createShell } from "./http-shell.js";
import { loadNativeEngine } from "./native.js";
import type { ChildMessage, ChildOrders } from "./protocol.js";
import { SessionPool } from "./session-pool.js";
import { Staging } from "./staging.js";

/** How long statements may take to end when the process is asked to. */
const DRAIN_MS = 5_000;

const lines = createInterface({ input: process.stdin });
lines.once("line", (line) => {
  start(JSON.parse(line) as ChildOrders).catch((error: unknown) => {
    say({ kind: "failed", message: messageOf(error) });
    process.exitCode = 1;
    process.stdin.destroy();
  });
});
// Ctrl-C reaches the whole group of the terminal; the parent decides when the engine ends.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});

async function start(orders: ChildOrders): Promise<void> {
  const engine = loadNativeEngine();
  const pool = new SessionPool(engine, { ...orders, directory: join(orders.directory, "data") }, systemClock);
  const staging = await Staging.open(join(orders.directory, "staging"), pool);
  const server = createShell({
    pool,
    staging,
    version: engine.version,
    secret: orders.secret,
    defaultExecutionSeconds: orders.defaultExecutionSeconds,
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  say({ kind: "ready", port: (server.address() as AddressInfo).port, version: engine.version });
  every(systemClock, 10_000, () => {
    const hanging = pool.hangingJob();
    if (hanging === undefined) return;
    say({ kind: "failed", message: `The query ${hanging} ignores its time limit.` });
    endNow();
  });
  lines.once("close", () => {
    setTimeout(endNow, DRAIN_MS).unref();
    server.close();
    server.closeIdleConnections();
    pool.close().then(endNow, endNow);
  });
}

function say(message: ChildMessage): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

/** The library's own end can wait for ever for a query that runs; its files are safe at any moment. */
function endNow(): void {
  process.kill(process.pid, "SIGKILL");
}
