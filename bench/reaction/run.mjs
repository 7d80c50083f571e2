// From the bad requests that burn an SLO to the webhook that says so: what the collector and the agent add to what
// the window arithmetic demands. A real service with the agent, a real collector, a real receiver of webhooks.
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { Agent, createServer, get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { startCollector } from "../lib/collector.mjs";
import { demandedAt } from "./arithmetic.mjs";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "50" } } });
const ROUNDS = Number(values.rounds);
const OBJECTIVE = 0.99;
const BURN_RATE = 10;
const PAIR = { shortMs: 10_000, longMs: 60_000, limit: BURN_RATE * (1 - OBJECTIVE) };
/** Requests of one round come this often. */
const EVERY_MS = 50;
/** A round begins with so much good traffic. */
const HEALTHY_MS = 15_000;
/** Rounds begin this far apart, so that they meet every phase of the timers on the way. */
const APART_MS = 2_130;
const GIVE_UP_MS = 30_000;

/** Alerts by the name of their SLO: when the webhook came, and since when it fires by the collector's word. */
async function startReceiver() {
  const heard = new Map();
  const server = createServer(async (request, response) => {
    const receivedMs = Date.now();
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    response.end();
    for (const { status, startsAt, labels } of JSON.parse(Buffer.concat(chunks).toString()).alerts) {
      if (status !== "firing" || heard.has(labels.slo)) continue;
      heard.set(labels.slo, { receivedMs, firedMs: Date.parse(startsAt) });
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { heard, url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

function configOf(pagerUrl) {
  const slos = Array.from({ length: ROUNDS }, (_, round) => ({
    name: `round-${round}`,
    service: "reaction",
    objective: OBJECTIVE,
    window: "1d",
    sli: { type: "availability", routes: [`/round-${round}`] },
    // The gate asks for more than the windows do; what it asks for is not delay.
    alerting: {
      evidence_gate: false,
      pairs: [{ severity: "page", short: "10s", long: "60s", burn_rate: BURN_RATE }],
    },
  }));
  const route = { receiver: "pager", group_by: ["slo"], group_wait: "0s", group_interval: "1s" };
  const receivers = [{ name: "pager", webhook_configs: [{ url: pagerUrl, send_resolved: false }] }];
  return JSON.stringify({ slos, alerting: { route, receivers } });
}

async function startService(otlpUrl) {
  const child = fork(fileURLToPath(new URL("service.mjs", import.meta.url)), {
    execArgv: ["--import", "@tocsin/agent/register"],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    env: {
      ...process.env,
      ROUNDS: String(ROUNDS),
      OTEL_SERVICE_NAME: "reaction",
      OTEL_EXPORTER_OTLP_ENDPOINT: otlpUrl,
    },
  });
  process.on("exit", () => child.kill("SIGKILL"));
  const [{ port }] = await once(child, "message");
  return {
    port,
    async stop() {
      child.disconnect();
      await once(child, "exit");
    },
  };
}

/** Good traffic, then bad traffic until the webhook comes; the times of the round in milliseconds. */
async function runRound(round, port, heard, agent) {
  const requests = [];
  const beganMs = Date.now();
  const ask = () => {
    const bad = Date.now() - beganMs >= HEALTHY_MS;
    const path = `/round-${round}${bad ? "?fail" : ""}`;
    get({ host: "127.0.0.1", port, path, agent }, (response) => {
      response.resume().once("end", () => requests.push({ atMs: Date.now(), bad }));
    }).on("error", () => {
      // A kept connection that a starved machine let go: the request was answered nowhere and counts nowhere.
    });
  };
  const timer = setInterval(ask, EVERY_MS);
  const name = `round-${round}`;
  while (!heard.has(name) && Date.now() - beganMs < HEALTHY_MS + GIVE_UP_MS) await sleep(EVERY_MS);
  clearInterval(timer);
  const alert = heard.get(name);
  const demandedMs = demandedAt(requests, PAIR);
  const firstBadMs = requests.find(({ bad }) => bad)?.atMs;
  if (alert === undefined || demandedMs === undefined || firstBadMs === undefined) return undefined;
  return {
    demanded: demandedMs - firstBadMs,
    firing: alert.firedMs - demandedMs,
    webhook: alert.receivedMs - demandedMs,
    notifying: alert.receivedMs - alert.firedMs,
  };
}

/** Seconds, by nearest rank: with 50 rounds p99 is the slowest. */
function quantile(milliseconds, share) {
  const sorted = milliseconds.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] / 1_000;
}

const dir = await mkdtemp(join(tmpdir(), "tocsin-reaction-"));
const receiver = await startReceiver();
const config = join(dir, "tocsin.yaml");
await writeFile(config, configOf(receiver.url));
const collector = await startCollector(["--config", config]);
const service = await startService(`http://127.0.0.1:${collector.otlpHttpPort}`);
const agent = new Agent({ keepAlive: true });
const running = [];
for (let round = 0; round < ROUNDS; round++) {
  running.push(runRound(round, service.port, receiver.heard, agent));
  await sleep(APART_MS);
}
const results = (await Promise.all(running)).filter((result) => result !== undefined);
agent.destroy();
await service.stop();
await collector.stop();
receiver.close();
await rm(dir, { recursive: true, force: true });

const of = (what) => results.map((result) => result[what]);
const p99 = quantile(of("webhook"), 0.99);
console.log(
  JSON.stringify({
    bench: "reaction",
    unit: "s after the windows demand it",
    rounds: results.length,
    missed: ROUNDS - results.length,
    p50: quantile(of("webhook"), 0.5),
    p99,
    min: quantile(of("webhook"), 0),
    firing: { p50: quantile(of("firing"), 0.5), p99: quantile(of("firing"), 0.99) },
    notifying: { p50: quantile(of("notifying"), 0.5), p99: quantile(of("notifying"), 0.99) },
    demanded: { p50: quantile(of("demanded"), 0.5) },
    target: { p99: 3 },
  }),
);
process.exitCode = results.length === ROUNDS && p99 <= 3 ? 0 : 1;
