// A sidecar as fast as it goes: spans received, made durable, counted into signals and passed on, per CPU second.
//
//   node bench/intake-forward.mjs [--delay 0]
//
// With --delay the backend answers that many milliseconds later, as one far away does; `backlogPerS` tells what this costs.
import { parseArgs } from "node:util";
import { cpuSeconds, load, needLoadGenerator, startCollector, startSink } from "./lib/collector.mjs";

const BATCH = 512;
await needLoadGenerator("intake-forward");
const { values } = parseArgs({ options: { delay: { type: "string", default: "0" } } });
const sink = await startSink({ delayMs: Number(values.delay) });
const collector = await startCollector(["--mode", "sidecar", "--forward", sink.url]);
const url = `http://127.0.0.1:${collector.otlpHttpPort}`;
const report = await load(
  url,
  ["--retry", "--duration", "15", "--concurrency", "4", "--batch", String(BATCH)],
  collector.pid,
);
// What is still in the spool is part of the work.
const metrics = `http://127.0.0.1:${collector.port}/metrics`;
const before = cpuSeconds(collector.pid);
const beganMs = performance.now();
let sent = 0;
let appended = -1;
let waiting = 0;
for (let look = 0; look < 1_200 && sent !== appended; look++) {
  const text = await (await fetch(metrics)).text();
  sent = sum(text, "tocsin_export_sent_records_total");
  appended = sum(text, "tocsin_spool_appended_records_total");
  if (look === 0) waiting = appended - sent;
  if (sent !== appended) await new Promise((resolve) => setTimeout(resolve, 50));
}
const backlogS = (performance.now() - beganMs) / 1_000;
const backlogCpuSeconds = cpuSeconds(collector.pid) - before;
await collector.stop();
sink.close();
const cpu = report.totals.accepted / report.target.acceptedPerCpuSecond + backlogCpuSeconds;
const spansPerCpuSecond = Math.round(report.totals.accepted / cpu);
const target = { spansPerCpuSecond: 50_000 };
console.log(
  JSON.stringify({
    bench: "intake-forward",
    spansPerCpuSecond,
    acceptedPerS: report.acceptedPerS,
    rssMaxMb: report.target.rssMaxMb,
    delayMs: Number(values.delay),
    backlogPerS: Math.round((waiting * BATCH) / backlogS),
    backlogCpuSeconds: Math.round(backlogCpuSeconds * 100) / 100,
    forwarded: { records: sent, of: appended, megabytes: Math.round(sink.bytes / 1e6) },
    latencyMs: report.latencyMs,
    target,
    met: spansPerCpuSecond >= target.spansPerCpuSecond && sent === appended,
  }),
);

function sum(text, name) {
  return [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "gm"))].reduce(
    (total, [, value]) => total + Number(value),
    0,
  );
}
