// How many spans a standalone collector takes and stores: OTLP/HTTP in, rows in the embedded engine counted afterwards;
// and how long others wait meanwhile: the event loop, and whoever asks the API. Rows are encoded in a thread of its own,
// then, in a second collector, on the event loop.
//
//   node bench/intake-store.mjs [--spans 1000000] [--concurrency 4] [--rate 0] [--encode thread,inline] [--shards 0]
//
// With --shards the collector is a gateway and the engines are processes of their own, reached by ClickHouse's HTTP
// protocol as servers would be: independent shards behind one configuration.
//
// With --rate (spans/s) senders keep to a schedule; without it they send as fast as they are answered. Needs a build and
// Linux (CPU is read from /proc). Prints one line of JSON; compare the figures per CPU second, which other work on the
// machine disturbs least.
import { readFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { EngineSupervisor } from "../packages/collector/dist/store/engine/supervisor.js";
import { startCollector } from "./lib/collector.mjs";
import { processUsage, traceTemplates } from "./lib/otlp-batches.mjs";

const { values } = parseArgs({
  options: {
    spans: { type: "string", default: "1000000" },
    concurrency: { type: "string", default: "4" },
    rate: { type: "string", default: "0" },
    encode: { type: "string", default: "thread,inline" },
    shards: { type: "string", default: "0" },
  },
});
const SECRET = "bench";
const outsideFolder = join(tmpdir(), `tocsin-intake-store-${process.pid}`);
const SIZE = 512;
const wanted = Number(values.spans);
const rate = Number(values.rate);

const result = {};
for (const encode of values.encode.split(",")) result[encode] = await run(encode);
const target = { spansPerCpuSecond: 30_000 };
const met = Object.values(result).every(
  ({ spans, rowsStored, spansPerCpuSecond }) =>
    rowsStored === spans && spansPerCpuSecond >= target.spansPerCpuSecond,
);
console.log(
  JSON.stringify({
    bench: "intake-store",
    rate: rate || "as fast as answered",
    shards: Number(values.shards),
    ...result,
    target,
    met,
  }),
);

async function run(encode) {
  const config = join(tmpdir(), `tocsin-intake-store-${process.pid}.yaml`);
  const engines = await outsideEngines();
  const urls = JSON.stringify(engines.map(({ endpoint }) => endpoint.url));
  const outside = `mode: gateway\nstore: { clickhouse: { url: ${urls}, username: default, password: ${SECRET} }, encode: ${encode} }\n`;
  await writeFile(config, engines.length > 0 ? outside : `store: { embedded: {}, encode: ${encode} }\n`);
  const collector = await startCollector(["--config", config]);
  const { url, otlpHttpPort } = collector;
  const status = async () => (await fetch(`${url}/api/v1/status`)).json();
  const send = sender(otlpHttpPort);
  const enginePids =
    engines.length > 0 ? engines.map((engine) => engine.status().pid) : [(await status()).store.engine.pid];
  const usage = () => {
    const all = enginePids.map((pid) => processUsage(pid, readFileSync));
    const sum = (what) => all.reduce((total, one) => total + one[what], 0);
    const engine = { cpuSeconds: sum("cpuSeconds"), rssBytes: sum("rssBytes") };
    return [processUsage(collector.pid, readFileSync), engine];
  };
  // Reading the metrics begins a new stretch for what they say of the event loop.
  await eventLoopDelay(url);
  const before = usage();
  const api = askEvery(50, `${url}/api/v1/services`);
  let accepted = 0;
  let begun = 0;
  let refused = 0;
  let peakRss = 0;
  const beganMs = performance.now();
  await Promise.all(
    Array.from({ length: Number(values.concurrency) }, async () => {
      const templates = traceTemplates(4, SIZE);
      for (let n = 0; begun < wanted; n++) {
        const dueMs = rate ? beganMs + (begun / rate) * 1000 : 0;
        begun += SIZE;
        const waitMs = dueMs - performance.now();
        if (waitMs > 0) await new Promise((next) => setTimeout(next, waitMs));
        const { body, size, renew } = templates[n % templates.length];
        renew(Date.now());
        const code = await send(body);
        if (code === 200) accepted += size;
        else {
          refused += 1;
          begun -= SIZE;
          await new Promise((next) => setTimeout(next, 100));
        }
        peakRss = Math.max(peakRss, processUsage(collector.pid, readFileSync).rssBytes);
      }
    }),
  );
  const acceptedMs = performance.now() - beganMs;
  const { latenciesMs } = await api.stop();
  const delay = await eventLoopDelay(url);
  let table;
  do {
    await new Promise((next) => setTimeout(next, 100));
    table = (await status()).store.disk?.tables.find((one) => one.table === "otel_traces");
  } while ((table?.rows ?? 0) < accepted);
  const storedMs = performance.now() - beganMs;
  const after = usage();
  const [collectorCpu, engineCpu] = after.map((one, at) => one.cpuSeconds - before[at].cpuSeconds);
  await collector.stop();
  for (const engine of engines) await engine.close();
  await rm(outsideFolder, { recursive: true, force: true });
  return {
    spans: accepted,
    rowsStored: table.rows,
    refusedRequests: refused,
    acceptedPerSecond: Math.round(accepted / (acceptedMs / 1000)),
    storedPerSecond: Math.round(accepted / (storedMs / 1000)),
    spansPerCpuSecond: Math.round(accepted / (collectorCpu + engineCpu)),
    spansPerCollectorCpuSecond: Math.round(accepted / collectorCpu),
    spansPerEngineCpuSecond: Math.round(accepted / engineCpu),
    eventLoopDelayMs: delay,
    apiMs: quantiles(latenciesMs),
    collectorPeakRssMiB: Math.round(peakRss / 2 ** 20),
    engineRssMiB: Math.round(after[1].rssBytes / 2 ** 20),
    bytesPerSpan: Math.round(table.bytes / table.rows),
  };
}

/** Engines that stand for servers, each with its own data. */
async function outsideEngines() {
  const start = (_, n) =>
    EngineSupervisor.start({ directory: join(outsideFolder, String(n)), secret: SECRET });
  return await Promise.all(Array.from({ length: Number(values.shards) }, start));
}

function sender(port) {
  const agent = new Agent({ keepAlive: true });
  return (body) =>
    new Promise((resolve, reject) => {
      const outgoing = request(
        {
          port,
          host: "127.0.0.1",
          path: "/v1/traces",
          method: "POST",
          agent,
          headers: { "content-type": "application/x-protobuf", "content-length": body.length },
        },
        (response) => {
          response.resume();
          response.on("end", () => resolve(response.statusCode));
        },
      );
      outgoing.on("error", reject);
      outgoing.end(body);
    });
}

/** Asks again and again, at fixed times whatever the answers take. */
function askEvery(periodMs, url) {
  const latenciesMs = [];
  const asked = new Set();
  const timer = setInterval(() => {
    const beganMs = performance.now();
    const one = fetch(url)
      .then((response) => response.arrayBuffer())
      .then(() => latenciesMs.push(performance.now() - beganMs))
      .finally(() => asked.delete(one));
    asked.add(one);
  }, periodMs);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(asked);
      return { latenciesMs };
    },
  };
}

/** What the collector says of its event loop since the last time it was asked, in milliseconds. */
async function eventLoopDelay(url) {
  const text = await (await fetch(`${url}/metrics`)).text();
  const read = (name) =>
    Math.round(Number(new RegExp(`^nodejs_eventloop_lag_${name}_seconds (.*)$`, "m").exec(text)?.[1]) * 1e4) /
    10;
  return { mean: read("mean"), p50: read("p50"), p99: read("p99"), max: read("max") };
}

function quantiles(list) {
  const sorted = [...list].sort((left, right) => left - right);
  const at = (q) =>
    Math.round((sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0) * 10) / 10;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}
