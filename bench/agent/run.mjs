// What an agent costs: CPU added per request by Tocsin's, by stock OpenTelemetry and by dd-trace, in one run.
//
//   node bench/agent/run.mjs [--rounds 15] [--seconds 1] [--variants none,tocsin,otel,datadog] [--esm]
//
// All variants live at once and take the load in short turns, so that whatever else the machine does falls on all alike.
// CPU is counted in all threads from the start of one turn of a variant to the start of its next, so that what is put off
// until the service is idle counts too. "Quiet" is the 20th percentile over turns. Prints one line of JSON.
import { fork, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "15" },
    seconds: { type: "string", default: "1" },
    variants: { type: "string", default: "none,tocsin,otel,datadog" },
    connections: { type: "string", default: "16" },
    node: { type: "string", default: process.execPath },
  },
});
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const register = new URL("../../packages/agent/dist/register.js", import.meta.url).href;
const stock = "@opentelemetry/auto-instrumentations-node";
/** Peers are installed apart from this repository: its lock file knows nothing of them. */
const peers = join(tmpdir(), "tocsin-bench-agent");
const VERSIONS = {
  [stock]: "0.81.2",
  "@opentelemetry/api": "1.9.1",
  "dd-trace": "5.132.0",
  express: "5.3.0",
  pino: "10.4.0",
};

const VARIANTS = {
  none: { args: [], env: () => ({}) },
  tocsin: { args: ["--import", register], env: (url) => ({ TOCSIN_URL: url, TOCSIN_LOG: "silent" }) },
  otel: {
    args: ["--require", join(peers, "node_modules", stock, "build/src/register.js")],
    env: (url) => ({
      OTEL_EXPORTER_OTLP_ENDPOINT: url,
      OTEL_TRACES_EXPORTER: "otlp",
      OTEL_METRICS_EXPORTER: "otlp",
      OTEL_LOGS_EXPORTER: "otlp",
    }),
  },
  datadog: {
    args: ["--require", join(peers, "node_modules/dd-trace/init.js")],
    env: (url) => ({ DD_TRACE_AGENT_URL: url }),
  },
};

/** Fifty requests: one fails, the rest alternate between the two routes. */
const PATHS = Array.from({ length: 50 }, (_, n) =>
  n === 49 ? "/fail" : n % 2 === 0 ? "/hello" : `/orders/${n}`,
);
/** Spans that the agent makes for each: one per request served, one per request sent. */
const spansFor = (path) => (path.startsWith("/orders") ? 2 : 1);

function installPeers() {
  mkdirSync(peers, { recursive: true });
  writeFileSync(join(peers, "package.json"), JSON.stringify({ private: true, dependencies: VERSIONS }));
  if (existsSync(join(peers, "node_modules", "dd-trace", "init.js"))) return;
  process.stderr.write("installing the peers to compare with…\n");
  const made = spawnSync("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: peers,
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (made.status !== 0) throw new Error("the peers could not be installed");
}

const ask = async (child) => {
  const answer = once(child, "message");
  child.send("?");
  return (await answer)[0];
};
const helper = async (name) => {
  const child = fork(here(name), { execArgv: [], stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const [{ port }] = await once(child, "message");
  return { child, url: `http://127.0.0.1:${port}` };
};

async function startService(name, sink, downstream) {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !/^(OTEL_|DD_|TOCSIN_|NODE_OPTIONS|npm_)/.test(key)),
  );
  const startedMs = performance.now();
  const child = spawn(values.node, [...VARIANTS[name].args, here("service.cjs")], {
    env: {
      ...env,
      NODE_ENV: "production",
      PEERS: peers,
      DOWNSTREAM: downstream.url,
      ...VARIANTS[name].env(sink.url),
    },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const [{ port }] = await once(child, "message");
  return { child, port, startMs: performance.now() - startedMs };
}

/** A closed loop over a few kept-alive connections. */
async function load(port, forMs, connections) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const endMs = performance.now() + forMs;
  let requests = 0;
  let spans = 0;
  const one = (path) =>
    new Promise((resolve, reject) => {
      get({ host: "127.0.0.1", port, path, agent }, (answer) => {
        answer.resume();
        answer.on("end", resolve);
      }).on("error", reject);
    });
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (performance.now() < endMs) {
        const path = PATHS[requests++ % PATHS.length];
        spans += spansFor(path);
        await one(path);
      }
    }),
  );
  agent.destroy();
  return { requests, spans };
}

const sorted = (list) => list.filter(Number.isFinite).sort((a, b) => a - b);
const quiet = (list) => sorted(list)[Math.floor(list.length * 0.2)] ?? Number.NaN;
const median = (list) => sorted(list)[Math.floor(list.length / 2)] ?? Number.NaN;
const round = (number, digits = 1) => (Number.isFinite(number) ? Number(number.toFixed(digits)) : null);

installPeers();
const names = values.variants.split(",").filter((name) => name in VARIANTS);
const downstream = await helper("downstream.mjs");
const live = [];
for (const name of names) {
  const sink = await helper("sink.mjs");
  live.push({
    name,
    sink,
    ...(await startService(name, sink, downstream)),
    turns: [],
    sent: { requests: 0, spans: 0 },
  });
}
const connections = Number(values.connections);
for (let turn = -2; turn <= Number(values.rounds); turn++)
  for (const variant of live) {
    const before = await ask(variant.child);
    const last = variant.turns.at(-1);
    if (last !== undefined) last.cpuUs = before.cpuUs - last.fromUs;
    if (turn === Number(values.rounds)) continue;
    const ms = turn < 0 ? 2000 : Number(values.seconds) * 1000;
    const startedMs = performance.now();
    const done = await load(variant.port, ms, connections);
    variant.sent.requests += done.requests;
    variant.sent.spans += done.spans;
    if (turn < 0) continue;
    const perSecond = done.requests / ((performance.now() - startedMs) / 1000);
    variant.turns.push({ fromUs: before.cpuUs, cpuUs: Number.NaN, requests: done.requests, perSecond });
  }
const figures = {};
for (const variant of live) {
  const { rssBytes } = await ask(variant.child);
  const ended = once(variant.child, "exit");
  const stoppedMs = performance.now();
  variant.child.kill("SIGTERM");
  await ended;
  const stopMs = performance.now() - stoppedMs;
  const { spans, bytes } = await ask(variant.sink.child);
  variant.sink.child.disconnect();
  const perRequest = variant.turns.map(({ cpuUs, requests }) => cpuUs / requests);
  figures[variant.name] = {
    cpuUsPerRequest: round(quiet(perRequest)),
    cpuUsPerRequestMedian: round(median(perRequest)),
    requestsPerSecond: round(median(variant.turns.map(({ perSecond }) => perSecond)), 0),
    rssMegabytes: round(rssBytes / 2 ** 20),
    startMs: round(variant.startMs, 0),
    stopMs: round(stopMs, 0),
    bytesPerRequest: round(bytes / variant.sent.requests, 0),
    ...(variant.name === "tocsin" ? { deliveredRatio: round(spans / variant.sent.spans, 4) } : {}),
  };
}
downstream.child.disconnect();
const base = figures.none;
for (const [name, figure] of Object.entries(figures)) {
  if (base === undefined || name === "none") continue;
  figure.addedCpuUs = round(figure.cpuUsPerRequest - base.cpuUsPerRequest);
  figure.addedRssMegabytes = round(figure.rssMegabytes - base.rssMegabytes);
  figure.throughputRatio = round(figure.requestsPerSecond / base.requestsPerSecond, 2);
}
const ratio = (peer) => {
  const own = figures.tocsin?.addedCpuUs;
  const other = figures[peer]?.addedCpuUs;
  return own === undefined || other === undefined ? null : round(own / other, 3);
};
const node = spawnSync(values.node, ["--version"]).stdout.toString().trim();
process.stdout.write(
  `${JSON.stringify({ bench: "agent", node, rounds: Number(values.rounds), figures, addedToOpenTelemetry: ratio("otel"), addedToDatadog: ratio("datadog"), target: 0.25 })}\n`,
);
