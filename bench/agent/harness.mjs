// What both parts of the bench share: the variants, their processes, and the load.
import { fork, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

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

export const VARIANTS = {
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

export function installPeers() {
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

export const ask = async (child) => {
  const answer = once(child, "message");
  child.send("?");
  return (await answer)[0];
};
export const helper = async (name) => {
  const child = fork(here(name), { execArgv: [], stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const [{ port }] = await once(child, "message");
  return { child, url: `http://127.0.0.1:${port}` };
};

export async function startService(name, sink, downstream, node = process.execPath) {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !/^(OTEL_|DD_|TOCSIN_|NODE_OPTIONS|npm_)/.test(key)),
  );
  const startedMs = performance.now();
  const child = spawn(node, [...VARIANTS[name].args, here("service.cjs")], {
    env: {
      ...env,
      NODE_ENV: "production",
      PEERS: peers,
      DOWNSTREAM: downstream.url,
      ...VARIANTS[name].env(sink.url),
    },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const [{ port, cpuUs }] = await once(child, "message");
  return { child, port, startMs: performance.now() - startedMs, startCpuMs: cpuUs / 1000 };
}

/** A closed loop over a few kept-alive connections. */
export async function load(port, forMs, connections) {
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
export const quiet = (list) => sorted(list)[Math.floor(list.length * 0.2)] ?? Number.NaN;
export const median = (list) => sorted(list)[Math.floor(list.length / 2)] ?? Number.NaN;
export const round = (number, digits = 1) =>
  Number.isFinite(number) ? Number(number.toFixed(digits)) : null;
