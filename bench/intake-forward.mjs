// A sidecar as fast as it goes: spans received, made durable, counted into signals and passed on, per CPU second.
import { cpuSeconds, load, needLoadGenerator, startCollector, startSink } from "./lib/collector.mjs";

await needLoadGenerator("intake-forward");
const sink = await startSink();
const collector = await startCollector(["--mode", "sidecar", "--forward", sink.url]);
const url = `http://127.0.0.1:${collector.otlpHttpPort}`;
const report = await load(url, ["--retry", "--duration", "15", "--concurrency", "4"], collector.pid);
// What is still in the spool is part of the work.
const metrics = `http://127.0.0.1:${collector.port}/metrics`;
const before = cpuSeconds(collector.pid);
let sent = 0;
let appended = -1;
for (let look = 0; look < 600 && sent !== appended; look++) {
  const text = await (await fetch(metrics)).text();
  sent = sum(text, "tocsin_export_sent_records_total");
  appended = sum(text, "tocsin_spool_appended_records_total");
  if (sent !== appended) await new Promise((resolve) => setTimeout(resolve, 100));
}
const backlogCpuSeconds = cpuSeconds(collector.pid) - before;
await collector.stop();
sink.close();
const cpu = report.totals.accepted / report.target.acceptedPerCpuSecond + backlogCpuSeconds;
console.log(
  JSON.stringify({
    bench: "intake-forward",
    spansPerCpuSecond: Math.round(report.totals.accepted / cpu),
    acceptedPerS: report.acceptedPerS,
    rssMaxMb: report.target.rssMaxMb,
    backlogCpuSeconds: Math.round(backlogCpuSeconds * 100) / 100,
    forwarded: { records: sent, of: appended, megabytes: Math.round(sink.bytes / 1e6) },
    latencyMs: report.latencyMs,
    target: { spansPerCpuSecond: 50_000 },
  }),
);

function sum(text, name) {
  return [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "gm"))].reduce(
    (total, [, value]) => total + Number(value),
    0,
  );
}
