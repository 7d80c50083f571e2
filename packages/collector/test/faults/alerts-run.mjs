// Faults that a page must live through: `npm run faults:alerts [-- --rounds N]`. A process with a firing rule is killed
// at every step between fire and sent, while the receiver misbehaves; after the restart everybody must have been told.
// Ends with "lost 0" and exit 0, or tells what went wrong and exits 1.
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "200" } } });
const CHILD = join(dirname(fileURLToPath(import.meta.url)), "alerts-child.mjs");
const LIMIT_MS = 30_000;
/** Steps of one notification: state, two queued, two sent; each before and after its write. */
const CRASH_POINTS = 10;
const dir = await mkdtemp(join(tmpdir(), "tocsin-faults-alerts-"));
let lost = 0;
let repeated = 0;

try {
  const rounds = Number(values.rounds);
  for (let round = 0; round < rounds; round++) await killRound(round);
  console.log(
    `${lost === 0 ? "ok" : "FAILED"}  kill -9 between fire and sent, ${rounds} rounds: ${repeated} told more than once`,
  );
  const [calm, hanging, dripping] = [
    await otherDelay("ok"),
    await otherDelay("hang"),
    await otherDelay("drip"),
  ];
  // A tenth, and what the scheduler of a busy machine needs.
  const limit = calm * 1.1 + 150;
  const isUnchanged = hanging <= limit && dripping <= limit;
  if (!isUnchanged) lost += 1;
  console.log(
    `${isUnchanged ? "ok" : "FAILED"}  delay of another receiver: ${calm} ms beside a healthy one, ${hanging} ms beside a hanging, ${dripping} ms beside a dripping one`,
  );
} finally {
  await rm(dir, { recursive: true, force: true });
}
console.log(`lost ${lost}`);
process.exitCode = lost > 0 ? 1 : 0;

async function killRound(round) {
  const faults = [["ok"], ["500", "500"], ["429"], ["die"], ["reset"]][round % 5];
  const hook = await receiver([...faults]);
  const other = await receiver([]);
  const journal = join(dir, `round-${round}.log`);
  const first = start(journal, hook, other, 1 + (round % CRASH_POINTS));
  // It may be killed at its crash point, or at any moment after, before it gets there.
  const timer = setTimeout(() => first.kill("SIGKILL"), 1_500);
  await once(first, "exit");
  clearTimeout(timer);
  const second = start(journal, hook, other, 0);
  const told = await until(() => hook.accepted.length > 0 && other.accepted.length > 0);
  if (!told) {
    lost += 1;
    console.log(
      `FAILED  round ${round} (${faults}): hook ${hook.accepted.length}, other ${other.accepted.length}`,
    );
  }
  repeated += Number(hook.accepted.length > 1) + Number(other.accepted.length > 1);
  await end(second);
  await Promise.all([hook.close(), other.close()]);
}

/** How long another receiver waits for its notification while this one behaves as told. */
async function otherDelay(behaviour) {
  const hook = await receiver(Array.from({ length: 50 }, () => behaviour));
  const other = await receiver([]);
  const child = start(join(dir, `delay-${behaviour}.log`), hook, other, 0);
  await once(child, "message");
  const startedMs = performance.now();
  await until(() => other.accepted.length > 0);
  const delayMs = Math.round(performance.now() - startedMs);
  child.kill("SIGKILL");
  await once(child, "exit");
  await Promise.all([hook.close(), other.close()]);
  return delayMs;
}

function start(journal, hook, other, crashAt) {
  return fork(CHILD, [journal, hook.url, other.url, String(crashAt)], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
}

async function end(child) {
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
  await exited;
  clearTimeout(timer);
}

async function until(isDone) {
  const endMs = performance.now() + LIMIT_MS;
  while (!isDone()) {
    if (performance.now() > endMs) return false;
    await sleep(10);
  }
  return true;
}

/** A webhook receiver that behaves as listed, once each, and well afterwards. */
async function receiver(behaviours) {
  const accepted = [];
  const server = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("error", () => {});
    request.on("end", () => {
      const behaviour = behaviours.shift() ?? "ok";
      const { status } = JSON.parse(Buffer.concat(chunks).toString());
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
        if (status === "firing") accepted.push(performance.now());
        response.end();
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    accepted,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(resolve);
      }),
  };
}
