// Does the agent's memory stay flat? A service under a low steady load, its resident memory over time, as one line of JSON.
//
//   node packages/agent/test/soak.mjs [--minutes 25] [--rate 50] [--sample 10] [--dead]
//
// The service is express with pino, prom-client and an outgoing call per second request; telemetry goes to a receiver in this
// process that counts and forgets, or with --dead to a port where nobody listens. The slopes are least squares, in MB per
// hour, over the second half of the samples: what the first half fills (compiled code, pools, the young generation) is no leak.
// SIGINT and SIGTERM end it early with what it has.
import { spawn } from "node:child_process";
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
const service = spawn(
  process.execPath,
  ["--expose-gc", "--import", register, fileURLToPath(new URL("fixtures/soaked.cjs", import.meta.url))],
  {
    env: { ...env, NODE_ENV: "production", TOCSIN_URL: url, TOCSIN_LOG: "silent" },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  },
);
const gone = once(service, "exit");
const [{ port }] = await once(service, "message");

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => stop.abort());
service.once("exit", () => stop.abort());

const agent = new Agent({ keepAlive: true, maxSockets: 8 });
const load = { requests: 0, failed: 0 };
const ask = (path) =>
  get({ host: "127.0.0.1", port, path, agent }, (answer) => answer.resume()).on("error", () => {
    load.failed += 1;
  });
const PATHS = ["/hello", "/orders/1", "/hello", "/orders/2", "/hello", "/orders/3", "/fail"];
const timer = setInterval(() => ask(PATHS[load.requests++ % PATHS.length]), 1000 / rate);

const startedMs = performance.now();
const samples = [];
for (let n = 1; !stop.signal.aborted && n * sampleSeconds <= minutes * 60; n++) {
  const waitMs = startedMs + n * sampleSeconds * 1000 - performance.now();
  await sleep(Math.max(0, waitMs), undefined, { signal: stop.signal }).catch(() => undefined);
  if (stop.signal.aborted) break;
  const answer = once(service, "message");
  service.send("?");
  const [sizes] = await answer;
  samples.push({ s: Math.round((performance.now() - startedMs) / 1000), ...sizes });
}
clearInterval(timer);
agent.destroy();
const isAlive = service.exitCode === null && service.signalCode === null;
if (isAlive) service.disconnect();
await gone;
sink.close();
sink.closeAllConnections();

const settled = samples.slice(Math.floor(samples.length / 2));
/** MB per hour. */
function slope(key) {
  const n = settled.length;
  if (n < 3) return null;
  const meanX = settled.reduce((sum, { s }) => sum + s, 0) / n;
  const meanY = settled.reduce((sum, sample) => sum + sample[key], 0) / n;
  const up = settled.reduce((sum, sample) => sum + (sample.s - meanX) * (sample[key] - meanY), 0);
  const down = settled.reduce((sum, { s }) => sum + (s - meanX) ** 2, 0);
  return Number(((up / down) * 3600).toFixed(2));
}
const every = Math.max(1, Math.floor(samples.length / 30));
console.log(
  JSON.stringify({
    node: process.version,
    minutes: Number(((samples.at(-1)?.s ?? 0) / 60).toFixed(1)),
    rate,
    ...load,
    isServiceAlive: isAlive,
    received,
    slopeMbPerHour: { rss: slope("rssMb"), heap: slope("heapMb"), external: slope("externalMb") },
    rssMb: {
      first: samples[0]?.rssMb,
      middle: settled[0]?.rssMb,
      last: samples.at(-1)?.rssMb,
      max: Math.max(...samples.map(({ rssMb }) => rssMb)),
    },
    samples: samples.filter((_, n) => n % every === 0 || n === samples.length - 1),
  }),
);
process.exitCode = isAlive ? 0 : 1;
