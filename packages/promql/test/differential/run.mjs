#!/usr/bin/env node
// Asks this engine and a real Prometheus server the same generated queries over the same samples and compares the answers.
// usage: node run.mjs [--queries N] [--seed N] [--verbose]
import { Engine, MemoryStorage, STALE_MARKER } from "../../dist/index.js";
import { difference } from "./compare.mjs";
import { END_MS, makeSeries, STALE, START_MS } from "./data.mjs";
import { explanationOf } from "./explain.mjs";
import { generator } from "./generate.mjs";
import { prometheusVersion, remoteWrite, startPrometheus } from "./prometheus.mjs";
import { seeded } from "./random.mjs";

const option = (name, fallback) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const count = option("queries", 5_000);
const seed = option("seed", 42);
const isVerbose = process.argv.includes("--verbose");
const binary = process.env.TOCSIN_PROMETHEUS ?? "prometheus";

const version = prometheusVersion(binary);
if (version === undefined) {
  console.log(
    `SKIPPED: no Prometheus server called "${binary}". Install the Debian package prometheus or set TOCSIN_PROMETHEUS.`,
  );
  process.exit(0);
}

const series = makeSeries(seed);
const storage = new MemoryStorage();
for (const { labels, samples } of series) {
  for (const [t, v] of samples) storage.append(labels, t, v === STALE ? STALE_MARKER : v);
}
const engine = new Engine();
const server = await startPrometheus({
  binary,
  config: "global: {evaluation_interval: 1m}\n",
  args: ["--storage.tsdb.retention.time=100y"],
});
const started = Date.now();
const tally = { agreed: 0, bothFailed: 0, empty: 0, differences: 0 };
const explained = new Map();
try {
  await remoteWrite(server.url, series);
  const random = seeded(seed + 1);
  const next = generator(random);
  for (let i = 0; i < count; i++) {
    const query = next();
    // Half past the second: see data.mjs.
    const tMs = START_MS + random.below((END_MS - START_MS) / 1000) * 1000 + 500;
    const isRange = random.chance(0.5);
    const stepMs = random.pick([15, 60, 67, 300]) * 1000;
    const request = isRange
      ? { query, start: tMs / 1000, end: (tMs + stepMs * random.below(20)) / 1000, step: stepMs / 1000 }
      : { query, time: tMs / 1000 };
    const [ours, theirs] = await Promise.all([askUs(request), askServer(request)]);
    if (ours.error !== undefined && theirs.error !== undefined) {
      tally.bothFailed++;
      continue;
    }
    const why =
      ours.error !== undefined || theirs.error !== undefined
        ? `ours: ${ours.error ?? "an answer"}; theirs: ${theirs.error ?? "an answer"}`
        : difference(ours.data, theirs.data, 1e-7);
    if (why === undefined) {
      tally.agreed++;
      if (ours.data.result.length === 0) tally.empty++;
      continue;
    }
    const explanation = explanationOf(request, why, ours, theirs);
    if (explanation !== undefined) explained.set(explanation, (explained.get(explanation) ?? 0) + 1);
    else {
      tally.differences++;
      if (tally.differences <= 20 || isVerbose) console.log(`DIFFERENT ${JSON.stringify(request)}\n  ${why}`);
    }
  }
} finally {
  await server.close();
}
for (const [explanation, times] of explained) console.log(`explained, ${times} times: ${explanation}`);
const total = [...explained.values()].reduce((sum, times) => sum + times, 0);
console.log(
  JSON.stringify({
    differential: "promql",
    prometheus: version,
    seed,
    queries: count,
    ...tally,
    explained: total,
    seconds: (Date.now() - started) / 1000,
  }),
);
process.exitCode = tally.differences > 0 ? 1 : 0;

async function askUs({ query, time, start, end, step }) {
  try {
    const result =
      time === undefined
        ? await engine.rangeQuery(storage, query, start * 1000, end * 1000, step * 1000)
        : await engine.instantQuery(storage, query, time * 1000);
    return { data: JSON.parse(JSON.stringify(result)) };
  } catch (error) {
    if (error?.kind === undefined) throw error;
    return { error: error.message };
  }
}

async function askServer(request) {
  const path = request.time === undefined ? "query_range" : "query";
  const response = await fetch(`${server.url}/api/v1/${path}`, {
    method: "POST",
    body: new URLSearchParams(request),
  });
  const body = await response.json();
  return body.status === "success" ? { data: body.data } : { error: body.error };
}
