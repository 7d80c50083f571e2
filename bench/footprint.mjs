// A sidecar: how soon it is ready, and its memory idle and under 5,000 spans/s.
import { load, needLoadGenerator, rssBytes, startCollector, startSink } from "./lib/collector.mjs";

await needLoadGenerator("footprint");
const sink = await startSink();
const readyMs = [];
for (let round = 0; round < 4; round++) {
  const collector = await startCollector(["--mode", "sidecar", "--forward", sink.url]);
  readyMs.push(Math.round(collector.readyMs));
  await collector.stop();
}
const collector = await startCollector(["--mode", "sidecar", "--forward", sink.url]);
const idle = rssBytes(collector.pid);
const url = `http://127.0.0.1:${collector.otlpHttpPort}`;
const report = await load(url, ["--rate", "5000", "--batch", "100", "--duration", "20"], collector.pid);
await collector.stop();
sink.close();
console.log(
  JSON.stringify({
    bench: "footprint",
    readyMs: Math.min(...readyMs),
    idleMb: Math.round(idle / 1e6),
    loadedMaxMb: Math.round((report.target.rssMaxMb * 1_048_576) / 1e6),
    cpuCores: report.target.cpuCores,
    acceptedPerS: report.acceptedPerS,
    latencyMs: report.latencyMs,
    target: { readyMs: 1_000, loadedMaxMb: 96 },
  }),
);
