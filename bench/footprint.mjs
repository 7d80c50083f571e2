// A sidecar: how soon it is ready, and its memory idle and under 5,000 spans/s; the same with tail sampling, which holds what
// it decides on for ten seconds.
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load, needLoadGenerator, rssBytes, startCollector, startSink } from "./lib/collector.mjs";

const TAIL = `sample:
  tail:
    decision_wait: 10s
    policies:
      - { name: failed, type: status_code, status_code: { status_codes: [ERROR] } }
      - { name: slow, type: latency, latency: { threshold_ms: 100 } }
      - { name: some, type: probabilistic, probabilistic: { sampling_percentage: 10 } }
`;
await needLoadGenerator("footprint");
const sink = await startSink();
const sidecar = ["--mode", "sidecar", "--forward", sink.url];
const readyMs = [];
for (let round = 0; round < 4; round++) {
  const collector = await startCollector(sidecar);
  readyMs.push(Math.round(collector.readyMs));
  await collector.stop();
}
const plain = await underLoad([]);
const config = join(tmpdir(), `tocsin-footprint-${process.pid}.yaml`);
await writeFile(config, TAIL);
const tailSampling = await underLoad(["--config", config]);
sink.close();
const target = { readyMs: 1_000, loadedMaxMb: 96 };
const result = { bench: "footprint", readyMs: Math.min(...readyMs), ...plain };
const met = result.readyMs <= target.readyMs && result.loadedMaxMb <= target.loadedMaxMb;
console.log(JSON.stringify({ ...result, tailSampling, target, met }));

async function underLoad(args) {
  const collector = await startCollector([...sidecar, ...args]);
  const idle = rssBytes(collector.pid);
  const url = `http://127.0.0.1:${collector.otlpHttpPort}`;
  const report = await load(url, ["--rate", "5000", "--batch", "100", "--duration", "20"], collector.pid);
  await collector.stop();
  return {
    idleMb: Math.round(idle / 1e6),
    loadedMaxMb: Math.round((report.target.rssMaxMb * 1_048_576) / 1e6),
    cpuCores: report.target.cpuCores,
    acceptedPerS: report.acceptedPerS,
    latencyMs: report.latencyMs,
  };
}
