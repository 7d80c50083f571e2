#!/usr/bin/env node
// Rule queries and dashboard ranges over the head, and over a real Prometheus with the same samples in the same run.
// usage: node bench/promql.mjs [--series 10000] [--rounds 5]
//
// Ours is timed in process with the answer written as JSON; Prometheus over loopback HTTP until its last byte, which adds
// a fraction of a millisecond to every one of its answers.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { Head } from "../packages/collector/dist/head/index.js";
import { Engine } from "../packages/promql/dist/index.js";
import { remoteWrite, startPrometheus } from "../packages/promql/test/differential/prometheus.mjs";

const option = (name, fallback) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const seriesCount = option("series", 10_000);
const rounds = option("rounds", 5);
const samplesEach = 60;
const gapMs = 15_000;
const binary = process.env.TOCSIN_PROMETHEUS ?? "prometheus";

try {
  execFileSync(binary, ["--version"], { stdio: "ignore" });
} catch {
  console.log(JSON.stringify({ bench: "promql", skipped: `no Prometheus server called "${binary}"` }));
  process.exit(0);
}

const endMs = Math.floor(Date.now() / gapMs) * gapMs;
const startMs = endMs - (samplesEach - 1) * gapMs;
const bounds = ["0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "+Inf"];

/** Half counters, three eighths classic buckets, the rest gauges; a thousand instances, fifty paths, ten jobs. */
function labelsOf(i) {
  const common = { job: `job-${i % 10}`, instance: `10.0.${(i >> 3) % 4}.${(i >> 5) % 250}:8080` };
  if (i % 8 < 4) {
    return {
      __name__: "http_requests_total",
      ...common,
      code: String(200 + 100 * (i % 4)),
      path: `/path/${i % 50}`,
      id: `${i}`,
    };
  }
  if (i % 8 < 7)
    return {
      __name__: "http_request_duration_seconds_bucket",
      ...common,
      le: bounds[(i >> 3) % 8],
      id: `${i >> 6}`,
    };
  return { __name__: "process_resident_memory_bytes", ...common, id: `${i}` };
}

const valueAt = (i, k) =>
  i % 8 === 7 ? 1e7 + ((i * 31 + k * 7) % 1000) * 4096 : k * (1 + (i % 13)) + (i % 97);

const RULES = [
  "sum by (job) (rate(http_requests_total[5m]))",
  'sum by (job) (rate(http_requests_total{code=~"5.."}[5m])) / sum by (job) (rate(http_requests_total[5m]))',
  "sum without (instance, id) (rate(http_requests_total[2m]))",
  "histogram_quantile(0.99, sum by (job, le) (rate(http_request_duration_seconds_bucket[5m])))",
  "max by (job) (process_resident_memory_bytes)",
  'count(http_requests_total{path="/path/7"}) > 0',
  "avg_over_time(process_resident_memory_bytes[10m]) > 1e12",
  "topk(5, sum by (path) (rate(http_requests_total[5m])))",
  'increase(http_requests_total{job="job-3", code="200"}[10m]) > 1e9',
  "absent(nothing_at_all)",
];
const RANGES = [
  "sum by (job) (rate(http_requests_total[1m]))",
  'sum by (code) (rate(http_requests_total{job="job-1"}[5m]))',
  'histogram_quantile(0.9, sum by (le) (rate(http_request_duration_seconds_bucket{job="job-2"}[5m])))',
  'max_over_time(process_resident_memory_bytes{job="job-3"}[5m])',
  'http_requests_total{path="/path/9", job="job-9"}',
];

const residentBytes = (pid) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;

const server = await startPrometheus(binary);
try {
  const emptyServer = residentBytes(server.pid);
  globalThis.gc?.();
  const emptyOurs = residentBytes(process.pid);
  const clock = { now: () => endMs, after: () => () => {} };
  const head = new Head(
    { retentionMs: 3 * 3_600_000, outOfOrderMs: 600_000, maxSeries: 10_000_000, maxLabels: 64 },
    { clock },
  );
  for (let i = 0; i < seriesCount; i++) {
    const series = head.series(labelsOf(i));
    if (typeof series === "string") throw new Error(series);
    for (let k = 0; k < samplesEach; k++) head.append(series, startMs + k * gapMs, valueAt(i, k));
  }
  head.setCompleteFrom(0);
  globalThis.gc?.();
  const oursBytes = residentBytes(process.pid) - emptyOurs;
  // In slices of series, so that this side never holds all samples twice; in order of time within each slice.
  for (let from = 0; from < seriesCount; from += 5_000) {
    const slice = Array.from({ length: Math.min(5_000, seriesCount - from) }, (_, j) => ({
      labels: labelsOf(from + j),
      samples: Array.from({ length: samplesEach }, (_, k) => [startMs + k * gapMs, valueAt(from + j, k)]),
    }));
    await remoteWrite(server.url, slice);
  }
  const serverBytes = residentBytes(server.pid) - emptyServer;

  const engine = new Engine({ timeoutMs: 600_000 });
  const ask = {
    instant: async (query) => JSON.stringify(await engine.instantQuery(head, query, endMs)),
    range: async (query) => JSON.stringify(await engine.rangeQuery(head, query, startMs, endMs, gapMs)),
  };
  const askServer = {
    instant: (query) => fetchText("query", { query, time: endMs / 1000 }),
    range: (query) =>
      fetchText("query_range", { query, start: startMs / 1000, end: endMs / 1000, step: gapMs / 1000 }),
  };
  const fetchText = async (path, parameters) => {
    const response = await fetch(`${server.url}/api/v1/${path}`, {
      method: "POST",
      body: new URLSearchParams(parameters),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(text);
    return text;
  };

  const results = { instant: [], range: [] };
  for (const kind of ["instant", "range"]) {
    for (const query of kind === "instant" ? RULES : RANGES) {
      const ours = await median(() => ask[kind](query));
      const theirs = await median(() => askServer[kind](query));
      results[kind].push(ours / theirs);
      console.log(
        `${kind.padEnd(8)} ${ours.toFixed(2).padStart(9)} ms  prometheus ${theirs.toFixed(2).padStart(9)} ms  ×${(ours / theirs).toFixed(2)}  ${query}`,
      );
    }
  }
  const middle = (list) => Number([...list].sort((a, b) => a - b)[Math.floor(list.length / 2)].toFixed(2));
  console.log(
    JSON.stringify({
      bench: "promql",
      series: seriesCount,
      samples: seriesCount * samplesEach,
      medianRatioInstant: middle(results.instant),
      goalInstant: 1,
      medianRatioRange: middle(results.range),
      goalRange: 2,
      residentBytesPerSeries: Math.round(oursBytes / seriesCount),
      prometheusResidentBytesPerSeries: Math.round(serverBytes / seriesCount),
      sampleBytes: Number((head.samples.sizeBytes / (seriesCount * samplesEach)).toFixed(2)),
    }),
  );
} finally {
  await server.close();
}

async function median(run) {
  const times = [];
  for (let round = 0; round <= rounds; round++) {
    const started = performance.now();
    await run();
    // The first round warms both up.
    if (round > 0) times.push(performance.now() - started);
  }
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
}
