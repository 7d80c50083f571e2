// Does the agent's memory stay flat, and the event loop free? A service under a low steady load beside the same service without
// the agent, over time, as one line of JSON.
//
//   node packages/agent/test/soak.mjs [--minutes 25] [--rate 50] [--sample 10] [--dead] [--node PATH]
//
// The service is express with pino, prom-client and an outgoing call per second request; telemetry goes to a receiver in this
// process that counts and forgets, or with --dead to a port where nobody listens. Both services take the load in turns, request
// by request. The slopes are least squares, in MB per hour, over the second half of the samples: what the first half fills
// (compiled code, pools, the young generation) is no leak. Event-loop delay is that of the second half too.
// SIGINT and SIGTERM end it early with what it has.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { Agent, createServer, get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "25" },
    rate: { type: "string", default: "50" },
    sample: { type: "string", default: "10" },
    dead: { type: "boolean", default: false },
    node: { type: "string", default: process.execPath },
  },
});
const [minutes, rate, sampleSeconds] = [values.minutes, values.rate, values.sample].map(Number);
if (!(minutes > 0 && rate > 0 && sampleSeconds > 0))
  throw new Error("--minutes, --rate and --sample must be numbers above zero");
const register = new URL("../dist/register.js", import.meta.url).href;

const received = { requests: 0, bytes: 0 };
const sink = createServer((request, response) => {
  request.on("data", (part) => {
    received.bytes += part.length;
  });
  request.on("end", () => {
    received.requests += 1;
    response.setHeader("content-type", "application/x-protobuf");
    response.end();
  });
}).listen(0, "127.0.0.1");
await once(sink, "listening");
const url = `http://127.0.0.1:${sink.address().port}`;
if (values.dead) sink.close();

const env = Object.fromEntries(
  Object.entries(process.env).filter(([key]) => !/^(OTEL_|TOCSIN_|NODE_OPTIONS|npm_)/.test(key)),
);
/** One of the two services: its process, its port, what it said, and its sizes over time. */
async function serve(nodeArgs) {
  const child = spawn(
    values.node,
    ["--expose-gc", ...nodeArgs, fileURLToPath(new URL("fixtures/soaked.cjs", import.meta.url))],
    { env: { ...env, NODE_ENV: "production", TOCSIN_URL: url }, stdio: ["ignore", "ignore", "pipe", "ipc"] },
  );
  const service = {
    child,
    port: 0,
    failed: 0,
    failures: [],
    lines: [],
    samples: [],
    gone: once(child, "exit"),
  };
  child.stderr.setEncoding("utf8").on("data", (text) => service.lines.push(...text.trimEnd().split("\n")));
  [{ port: service.port }] = await once(child, "message");
  return service;
}
const watched = await serve(["--import", register]);
const control = await serve([]);
const both = [watched, control];

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => stop.abort());
for (const { child } of both) child.once("exit", () => stop.abort());

// In turns, so that no connection idles until the service closes it, which a request that is under way may meet.
const agent = new Agent({ keepAlive: true, maxSockets: 8, scheduling: "fifo" });
let requests = 0;
let isOver = false;
const ask = (path) => {
  for (const service of both) {
    const request = get({ host: "127.0.0.1", port: service.port, path, agent }, (answer) => answer.resume());
    request.on("error", ({ code, message }) => {
      if (isOver) return;
      service.failed += 1;
      const { reusedSocket } = request;
      if (service.failures.length < 20)
        service.failures.push({ s: secondsIn(), path, code, message, reusedSocket });
    });
  }
};
const startedMs = performance.now();
const secondsIn = () => Math.round((performance.now() - startedMs) / 1000);
const PATHS = ["/hello", "/orders/1", "/hello", "/orders/2", "/hello", "/orders/3", "/fail"];
const timer = setInterval(() => ask(PATHS[requests++ % PATHS.length]), 1000 / rate);

const rounds = Math.floor((minutes * 60) / sampleSeconds);
for (let n = 1; !stop.signal.aborted && n <= rounds; n++) {
  const waitMs = startedMs + n * sampleSeconds * 1000 - performance.now();
  await sleep(Math.max(0, waitMs), undefined, { signal: stop.signal }).catch(() => undefined);
  if (stop.signal.aborted) break;
  for (const { child, samples } of both) {
    const answer = once(child, "message");
    child.send("?");
    const [sizes] = await answer;
    samples.push({ s: secondsIn(), ...sizes });
    if (n === Math.ceil(rounds / 2)) child.send("settled");
  }
}
clearInterval(timer);
isOver = true;
agent.destroy();
const isServiceAlive = watched.child.exitCode === null && watched.child.signalCode === null;
for (const { child } of both) if (child.connected) child.disconnect();
await Promise.all(both.map(({ gone }) => gone));
sink.close();
sink.closeAllConnections();

/** The second half of the samples. */
const settledOf = ({ samples }) => samples.slice(Math.floor(samples.length / 2));
/** MB per hour. */
function slope(service, key) {
  const settled = settledOf(service);
  const n = settled.length;
  if (n < 3) return null;
  const meanX = settled.reduce((sum, { s }) => sum + s, 0) / n;
  const meanY = settled.reduce((sum, sample) => sum + sample[key], 0) / n;
  const up = settled.reduce((sum, sample) => sum + (sample.s - meanX) * (sample[key] - meanY), 0);
  const down = settled.reduce((sum, { s }) => sum + (s - meanX) ** 2, 0);
  return Number(((up / down) * 3600).toFixed(2));
}

function figuresOf(service) {
  const { samples, failed, failures } = service;
  return {
    failed,
    failures,
    slopeMbPerHour: {
      rss: slope(service, "rssMb"),
      heap: slope(service, "heapMb"),
      external: slope(service, "externalMb"),
    },
    rssMb: {
      first: samples[0]?.rssMb,
      middle: settledOf(service)[0]?.rssMb,
      last: samples.at(-1)?.rssMb,
      max: Math.max(...samples.map(({ rssMb }) => rssMb)),
    },
    loopDelayP99Ms: samples.at(-1)?.loopDelayP99Ms,
  };
}

const every = Math.max(1, Math.floor(watched.samples.length / 30));
console.log(
  JSON.stringify({
    node: spawnSync(values.node, ["--version"]).stdout.toString().trim(),
    minutes: Number(((watched.samples.at(-1)?.s ?? 0) / 60).toFixed(1)),
    rate,
    isDead: values.dead,
    requests,
    isServiceAlive,
    received,
    watched: figuresOf(watched),
    control: figuresOf(control),
    linesSaid: watched.lines.length,
    lastSaid: watched.lines.at(-1),
    samples: watched.samples.filter((_, n) => n % every === 0 || n === watched.samples.length - 1),
  }),
);
process.exitCode = isServiceAlive ? 0 : 1;
