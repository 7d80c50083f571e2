// How long the collector's HTTP API takes to answer from its store: a trace by id, p99 per service over every span, log
// search, and the searches that pages make; over millions of spans and as many log records of one hour.
//
//   node bench/query.mjs [--rows N] [--rounds 15] [--data DIR]
//
// Without --rows there are 10 million of each, or 2 million where the disk has no room for more (8 GB) or loading 10 million
// would take longer than 12 minutes. With --data the rows stay in DIR and are used again by the next run. Needs a build and Linux (CPU is read from /proc). Progress on stderr; one
// line of JSON on stdout: median and slowest round in milliseconds, and the CPU milliseconds of collector and engine per
// answer, which other work on the machine disturbs least. No peer: ClickHouse's server, Jaeger, Tempo and Loki are in neither
// npm nor Debian.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Store } from "../packages/collector/dist/store/index.js";
import { cpuSeconds, startCollector } from "./lib/collector.mjs";
import { logTemplates, traceTemplates } from "./lib/otlp-batches.mjs";

const HOUR_MS = 3_600_000;
const ROOM_BYTES = 8e9;
const MANY = 10_000_000;
const FEWER = 2_000_000;
const LOADING_LIMIT_S = 720;
/** CPU milliseconds of collector and engine for one answer. */
const TARGET = { traceById: 100, p99PerService: 500, logsByTwoWords: 200, logsByRareWord: 500 };
const DAY_MS = 24 * HOUR_MS;
const RETENTION = { traces: 30 * DAY_MS, logs: 30 * DAY_MS, metrics: 30 * DAY_MS, max_disk: 100e9 };
const say = (text) => process.stderr.write(`${text}\n`);

const { values } = parseArgs({
  options: { rows: { type: "string" }, rounds: { type: "string", default: "15" }, data: { type: "string" } },
});
const folder = values.data ?? mkdtempSync(join(tmpdir(), "tocsin-bench-"));
mkdirSync(folder, { recursive: true });
process.on("exit", () => values.data ?? rmSync(folder, { recursive: true, force: true }));

const facts = await loaded(join(folder, "bench.json"));
const config = join(folder, "tocsin.yaml");
writeFileSync(config, "retention: {traces: 30d, logs: 30d, metrics: 30d, max_disk: 100GB}\n");
const collector = await startCollector(["--config", config], folder);
try {
  const { store } = await (await fetch(`${collector.url}/api/v1/status`)).json();
  const table = (name) => store.disk.tables.find((one) => one.table === name);
  const [spans, logs] = [table("otel_traces"), table("otel_logs")];
  say(
    `${spans.rows} spans and ${logs.rows} log records of at most an hour, ${Math.round(store.disk.bytes / 1e6)} MB on disk`,
  );
  const answers = {};
  for (const [name, path] of Object.entries(queries(facts))) {
    answers[name] = await measure(name, path, [collector.pid, store.engine.pid]);
  }
  console.log(
    JSON.stringify({
      bench: "query",
      spans: spans.rows,
      logs: logs.rows,
      rowsLoadedPerSecond: facts.rowsPerSecond,
      bytesPerSpan: Math.round(spans.bytes / spans.rows),
      bytesPerLog: Math.round(logs.bytes / logs.rows),
      answers,
      target: { cpuMs: TARGET },
      met: Object.entries(TARGET).every(([name, most]) => answers[name].cpuMs <= most),
    }),
  );
} finally {
  await collector.stop();
}

/** Paths by what they ask; the number of the round chooses among values, so that no answer is asked for twice. */
function queries({ startMs, endMs, traceIds, logTraceIds }) {
  const range = `start=${startMs}&end=${endMs}`;
  const one = (list, round) => list[(round * 37) % list.length];
  const api = "/api/v1";
  return {
    traceById: (round) => `${api}/traces/${one(traceIds, round)}`,
    traceByUnknownId: (round) => `${api}/traces/${`f${round}`.padEnd(32, "0")}`,
    p99PerService: () => `${api}/traces/summary?by=service&${range}`,
    p99PerRouteOfService: () => `${api}/traces/summary?by=route&service=checkout&${range}`,
    newestTracesOfService: () => `${api}/traces?service=checkout&${range}`,
    slowTracesOfService: () => `${api}/traces?service=checkout&min_duration=398ms&${range}`,
    tracesByAttribute: (round) => `${api}/traces?attribute=enduser.id%3Duser-${round * 31}&${range}`,
    tracesByAbsentAttribute: () => `${api}/traces?attribute=enduser.id%3Dnobody&${range}`,
    failedTraces: () => `${api}/traces?status=error&limit=100&${range}`,
    newestLogs: () => `${api}/logs?${range}`,
    logsByTwoWords: () => `${api}/logs?q=timeout+payment&${range}`,
    logsByRareWord: (round) => `${api}/logs?q=%22order+o-${round * 17 + 3}+%22&${range}`,
    logsByAbsentWord: (round) => `${api}/logs?q=nowhere-${round}&${range}`,
    errorLogsOfService: () => `${api}/logs?severity=error&service=checkout&${range}`,
    logsByAttribute: (round) => `${api}/logs?attribute=order.id%3Do-${round * 17}&${range}`,
    logsOfTrace: (round) => `${api}/logs?trace_id=${one(logTraceIds, round)}&${range}`,
    jaegerSearch: () =>
      `/jaeger/api/traces?service=checkout&start=${startMs * 1000}&end=${endMs * 1000}&limit=20`,
    jaegerServices: () => "/jaeger/api/services",
    jaegerDependencies: () => `/jaeger/api/dependencies?endTs=${endMs}&lookback=600000`,
  };
}

async function measure(name, path, pids) {
  const times = [];
  const rounds = Number(values.rounds);
  const cpuOf = () => pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  const cpuBefore = cpuOf();
  let bytes = 0;
  let status = 0;
  for (let round = 0; round < rounds; round++) {
    const beganMs = performance.now();
    const response = await fetch(`${collector.url}${path(round)}`);
    bytes = (await response.arrayBuffer()).byteLength;
    times.push(performance.now() - beganMs);
    status = response.status;
    if (status >= 400 && status !== 404) throw new Error(`${path(round)} was answered ${status}`);
  }
  const cpuMs = Math.round(((cpuOf() - cpuBefore) * 1000) / rounds);
  times.sort((a, b) => a - b);
  const answer = { medianMs: Math.round(times[rounds >> 1]), slowestMs: Math.round(times.at(-1)), cpuMs };
  say(`${name.padEnd(24)} ${JSON.stringify({ ...answer, bytes, status })}`);
  return answer;
}

/** Fills the store, or finds it filled by an earlier run. */
async function loaded(factsFile) {
  if (existsSync(factsFile)) return JSON.parse(readFileSync(factsFile, "utf8"));
  const { bavail, bsize } = statfsSync(folder);
  const rows = Number(values.rows ?? (bavail * bsize > ROOM_BYTES ? MANY : FEWER));
  const store = await Store.open({ config: "embedded", dataDir: folder, retention: RETENTION });
  let endMs = Date.now();
  const startMs = endMs - HOUR_MS;
  const templates = { traces: traceTemplates(8, 512), logs: logTemplates(8, 512) };
  const ids = { traces: [], logs: [] };
  const perBatch = 24;
  const batches = Math.ceil(rows / (perBatch * 512));
  const enough = Math.ceil(FEWER / (perBatch * 512));
  const beganMs = performance.now();
  let batch = 0;
  for (; batch < batches; batch++) {
    if (batch === enough && values.rows === undefined) {
      const takesS = ((performance.now() - beganMs) / 1000) * (batches / enough);
      if (takesS > LOADING_LIMIT_S) {
        say(`loading ${rows} of each would take ${Math.round(takesS / 60)} minutes; going on with ${FEWER}`);
        endMs = startMs + Math.ceil((batch / batches) * HOUR_MS);
        break;
      }
    }
    const records = [];
    for (let n = 0; n < perBatch; n++) {
      // Spread evenly over the hour, in the order in which it would have come.
      const atMs = startMs + Math.floor(((batch * perBatch + n) / (batches * perBatch)) * HOUR_MS);
      for (const signal of ["traces", "logs"]) {
        const { body, renew } = templates[signal][n % 8];
        const id = renew(atMs);
        if (n === 0) ids[signal].push(id);
        records.push({ signal, body: Buffer.from(body), receivedAtMs: endMs });
      }
    }
    await store.writer.write({ records, token: `bench-${batch}` });
    if (batch % Math.ceil(batches / 20) === 0) say(`loading: ${Math.round((100 * batch) / batches)} %`);
  }
  const seconds = (performance.now() - beganMs) / 1000;
  await store.close();
  const facts = {
    startMs,
    endMs,
    traceIds: ids.traces,
    logTraceIds: ids.logs,
    rowsPerSecond: Math.round((2 * batch * perBatch * 512) / seconds),
  };
  writeFileSync(factsFile, JSON.stringify(facts));
  return facts;
}
