// PromQL over our head and over a real Prometheus: the same samples by remote write, the same queries over HTTP, in one
// run. Prints one JSON line. Usage: node bench/promql/run.mjs [--series 10000,100000] [--minutes 45] [--rounds 7]
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import snappy from "snappyjs";
import {
  encodeLabels,
  writeWriteRequest,
} from "../../packages/collector/dist/remote-write/write-request-writer.js";
import { prometheusVersion, startPrometheus } from "../../packages/promql/test/differential/prometheus.mjs";
import { rssBytes } from "../lib/collector.mjs";
import { RANGES, RULES, seriesLabels, valueAt } from "./data.mjs";

const { values: flags } = parseArgs({
  options: {
    series: { type: "string", default: "10000,100000" },
    minutes: { type: "string", default: "45" },
    rounds: { type: "string", default: "7" },
  },
});
const STEP_MS = 15_000;
const SERIES_PER_REQUEST = 10_000;

const version = prometheusVersion();
if (version === undefined) {
  console.error(
    "There is no `prometheus` here (Debian: apt-get install prometheus): only our own times are measured.",
  );
}

const talk = (text) => process.stderr.write(`${text}\n`);
const results = [];
for (const count of flags.series.split(",").map(Number)) results.push(await measure(count));
console.log(
  JSON.stringify({
    bench: "promql",
    node: process.version,
    peer: version ? `prometheus ${version}` : null,
    results,
  }),
);

async function measure(count) {
  const peers = {
    tocsin: await startTocsin(),
    ...(version ? { prometheus: await prometheusPeer() } : {}),
  };
  try {
    const before = await memories(peers);
    const steps = Math.floor((Number(flags.minutes) * 60_000) / STEP_MS);
    const endMs = Math.floor(Date.now() / STEP_MS) * STEP_MS;
    const loadSeconds = await load(peers, count, steps, endMs);
    const after = await memories(peers);
    const outcome = { series: count, samplesPerSeries: steps, loadSeconds };
    for (const [kind, list, ask] of [
      ["rules", RULES, (base, query) => instant(base, query, endMs)],
      ["ranges", RANGES, (base, query) => range(base, query, endMs)],
    ]) {
      const table = [];
      for (const query of list) table.push(await compare(peers, query, ask));
      outcome[kind] = table;
      outcome[`${kind}MedianRatio`] = version ? median(table.map((row) => row.ratio)) : null;
    }
    outcome.memory = Object.fromEntries(
      Object.keys(peers).map((name) => {
        const bytes = after[name].rss - before[name].rss;
        const own =
          after[name].samples === undefined
            ? {}
            : { sampleBytesPerSample: round(after[name].samples / count / steps) };
        return [
          name,
          {
            rssBytesPerSeries: Math.round(bytes / count),
            rssBytesPerSample: round(bytes / count / steps),
            ...own,
          },
        ];
      }),
    );
    return outcome;
  } finally {
    for (const peer of Object.values(peers)) await peer.stop();
  }
}

async function load(peers, count, steps, endMs) {
  const labels = [...seriesLabels(count)];
  const encoded = labels.map((one) => encodeLabels(one));
  const seconds = Object.fromEntries(Object.keys(peers).map((name) => [name, 0]));
  // Few samples a request in the order of time, as a scraper sends them.
  const perRequest = 10;
  for (let step = 0; step < steps; step += perRequest) {
    for (let from = 0; from < count; from += SERIES_PER_REQUEST) {
      const series = [];
      for (let index = from; index < Math.min(count, from + SERIES_PER_REQUEST); index++) {
        const samples = [];
        for (let at = step; at < Math.min(steps, step + perRequest); at++) {
          samples.push({
            timeMs: endMs - (steps - 1 - at) * STEP_MS,
            value: valueAt(labels[index], index, at),
          });
        }
        series.push({ labels: encoded[index], samples });
      }
      const body = snappy.compress(writeWriteRequest(series));
      for (const [name, { base }] of Object.entries(peers)) {
        const began = performance.now();
        const response = await fetch(`${base}/api/v1/write`, {
          method: "POST",
          body,
          headers: { "content-encoding": "snappy", "content-type": "application/x-protobuf" },
        });
        if (!response.ok) throw new Error(`${name} answered ${response.status}: ${await response.text()}`);
        seconds[name] += (performance.now() - began) / 1_000;
      }
    }
    if (step % 50 === 0) talk(`loading ${count} series: ${Math.round((100 * step) / steps)} %`);
  }
  return Object.fromEntries(Object.entries(seconds).map(([name, value]) => [name, round(value)]));
}

async function compare(peers, query, ask) {
  const times = Object.fromEntries(Object.keys(peers).map((name) => [name, []]));
  const sizes = {};
  // The first round is a warm-up for both. Then by turns, so that a disturbance hits both.
  for (let turn = 0; turn <= Number(flags.rounds); turn++) {
    for (const [name, { base }] of Object.entries(peers)) {
      const began = performance.now();
      const answer = await ask(base, query);
      if (turn > 0) times[name].push(performance.now() - began);
      sizes[name] = answer.data.result.length;
    }
  }
  if (version && sizes.tocsin !== sizes.prometheus) {
    throw new Error(`${query}: ${sizes.tocsin} series here, ${sizes.prometheus} there`);
  }
  const ms = Object.fromEntries(Object.entries(times).map(([name, list]) => [name, round(median(list))]));
  const ratio = version ? round(ms.tocsin / ms.prometheus) : null;
  talk(`${query}\n    ${JSON.stringify(ms)} ratio ${ratio}`);
  return { query, series: sizes.tocsin, ms, ratio };
}

function instant(base, query, timeMs) {
  return post(`${base}/api/v1/query`, { query, time: timeMs / 1_000 });
}

function range(base, query, endMs) {
  return post(`${base}/api/v1/query_range`, {
    query,
    start: endMs / 1_000 - 1_800,
    end: endMs / 1_000,
    step: 15,
  });
}

async function post(url, form) {
  const response = await fetch(url, { method: "POST", body: new URLSearchParams(form) });
  const answer = await response.json();
  if (answer.status !== "success") throw new Error(`${form.query}: ${answer.error}`);
  return answer;
}

async function startTocsin() {
  const child = spawn(
    process.execPath,
    ["--expose-gc", "--max-old-space-size=8000", fileURLToPath(new URL("server.mjs", import.meta.url))],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const [line] = await once(child.stdout, "data");
  const base = `http://127.0.0.1:${Number(String(line))}`;
  return { base, memory: async () => (await fetch(`${base}/memory`)).json(), stop: () => stop(child) };
}

async function prometheusPeer() {
  const { url, pid, close } = await startPrometheus({ args: ["--query.max-samples=500000000"] });
  return { base: url, memory: async () => ({ rss: rssBytes(pid) }), stop: close };
}

async function stop(child) {
  if (child.exitCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}

async function memories(peers) {
  const all = {};
  for (const [name, peer] of Object.entries(peers)) all[name] = await peer.memory();
  return all;
}

function median(list) {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

function round(value) {
  return Number(value.toPrecision(3));
}
