// How long the store's reads take: a trace by id, searches of traces and logs, on millions of rows of one hour.
//
//   node bench/query.mjs [--rows 2000000] [--rounds 15]
//
// Needs a build. Prints one line of JSON with the median and the slowest of the rounds in milliseconds.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Store } from "../packages/collector/dist/store/index.js";
import { logTemplates, traceTemplates } from "./lib/otlp-batches.mjs";

const { values } = parseArgs({
  options: { rows: { type: "string", default: "2000000" }, rounds: { type: "string", default: "15" } },
});
const rows = Number(values.rows);
const folder = mkdtempSync(join(tmpdir(), "tocsin-bench-"));
const store = await Store.open({ config: "embedded", dataDir: folder });
try {
  const endMs = Date.now();
  const startMs = endMs - 3_600_000;
  const templates = { traces: traceTemplates(8, 512), logs: logTemplates(8, 512) };
  const traceIds = [];
  const loadedMs = performance.now();
  const perBatch = 24;
  const batches = Math.ceil(rows / (perBatch * 512));
  for (let batch = 0; batch < batches; batch++) {
    const records = [];
    for (let n = 0; n < perBatch; n++) {
      // Spread evenly over the hour, in the order in which it would have come.
      const atMs = startMs + Math.floor(((batch * perBatch + n) / (batches * perBatch)) * 3_600_000);
      for (const signal of ["traces", "logs"]) {
        const { body, renew } = templates[signal][n % 8];
        const id = renew(atMs);
        if (signal === "traces" && n === 0) traceIds.push(id);
        records.push({ signal, body: Buffer.from(body), receivedAtMs: endMs });
      }
    }
    await store.writer.write({ records, token: `bench-${batch}` });
  }
  const loadSeconds = (performance.now() - loadedMs) / 1000;
  const range = { startMs, endMs };
  const pick = (round) => traceIds[(round * 37) % traceIds.length];
  const queries = {
    traceById: (round) => store.traces.byId(pick(round)),
    traceByUnknownId: (round) => store.traces.byId(`f${round}`.padEnd(32, "0")),
    newestTracesOfService: () => store.traces.search({ ...range, service: "checkout" }, { limit: 20 }),
    slowTracesOfService: () =>
      store.traces.search({ ...range, service: "checkout", minDurationNanos: 395e6 }, { limit: 20 }),
    tracesByAttribute: (round) =>
      store.traces.search(
        { ...range, attributes: [{ key: "enduser.id", value: `user-${round * 31}` }] },
        { limit: 20 },
      ),
    failedTraces: () => store.traces.search({ ...range, status: "error" }, { limit: 100 }),
    newestLogs: () => store.logs.search({ ...range }, { limit: 100 }),
    logsByTwoWords: () => store.logs.search({ ...range, terms: ["timeout", "payment"] }, { limit: 100 }),
    logsByRareWord: (round) =>
      store.logs.search({ ...range, terms: [`order o-${round * 17 + 3} `] }, { limit: 100 }),
    logsOfTrace: (round) => store.logs.search({ ...range, traceId: pick(round) }, { limit: 100 }),
    services: () => store.services.names(range),
    dependencies: () => store.services.dependencies({ startMs: endMs - 600_000, endMs }),
  };
  const milliseconds = {};
  for (const [name, query] of Object.entries(queries)) {
    const times = [];
    for (let round = 0; round < Number(values.rounds); round++) {
      const beganMs = performance.now();
      await query(round);
      times.push(performance.now() - beganMs);
    }
    times.sort((a, b) => a - b);
    milliseconds[name] = { median: Math.round(times[times.length >> 1]), slowest: Math.round(times.at(-1)) };
  }
  const { disk } = await store.status();
  const table = (name) => disk.tables.find((one) => one.table === name);
  console.log(
    JSON.stringify({
      bench: "query",
      spans: table("otel_traces").rows,
      logs: table("otel_logs").rows,
      rowsLoadedPerSecond: Math.round((2 * batches * perBatch * 512) / loadSeconds),
      bytesPerSpan: Math.round(table("otel_traces").bytes / table("otel_traces").rows),
      bytesPerLog: Math.round(table("otel_logs").bytes / table("otel_logs").rows),
      milliseconds,
    }),
  );
} finally {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
}
