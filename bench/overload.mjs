// Ten times the senders that keep a sidecar busy, then a hundred times, none of which ever waits or slows down by itself:
// memory stays bounded, and what arrives at the backend stays near the best. Forty senders are held, for want of places a
// part of four hundred is refused and sends again at once.
//
//   node bench/overload.mjs [--seconds 60]
//
// Goodput is what the backend has, not what was acknowledged: the spool takes a burst faster than it can be passed on, and
// a short run would measure the spool. So the spool is small here and full long before the measuring begins, at the peak
// as under overload. Collector, senders and backend share the machine's cores; the figures per CPU second of the
// collector tell what it made of its own share.
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { cpuSeconds, load, needLoadGenerator, startCollector, startSink } from "./lib/collector.mjs";

const { values } = parseArgs({ options: { seconds: { type: "string", default: "60" } } });
await needLoadGenerator("overload");
const BATCH = 512;
const sink = await startSink();
const config = join(tmpdir(), `tocsin-overload-${process.pid}.yaml`);
await writeFile(config, "spool:\n  max_size: 128MiB\n");
const collector = await startCollector(["--mode", "sidecar", "--config", config, "--forward", sink.url]);

const peak = await phase(4, 20);
const over = await phase(40, Number(values.seconds));
const storm = await phase(400, 20);
await collector.stop();
sink.close();
const result = {
  bench: "overload",
  unit: "spans/s at the backend",
  peak,
  overload: over,
  storm,
  goodputRatio: ratio(over.goodputPerS, peak.goodputPerS),
  goodputPerCpuSecondRatio: ratio(over.goodputPerCpuSecond, peak.goodputPerCpuSecond),
  stormGoodputRatio: ratio(storm.goodputPerS, peak.goodputPerS),
};
const target = { goodputRatio: 0.8, rssMaxMb: 512 };
const met =
  result.goodputRatio >= target.goodputRatio &&
  [over, storm].every(({ rssMaxMb }) => rssMaxMb <= target.rssMaxMb);
console.log(JSON.stringify({ ...result, target, met }));

async function phase(senders, seconds) {
  const url = `http://127.0.0.1:${collector.otlpHttpPort}`;
  const warmup = 10;
  const sending = load(
    url,
    ["--duration", String(seconds), "--warmup", String(warmup), "--concurrency", String(senders)],
    collector.pid,
  );
  await new Promise((next) => setTimeout(next, warmup * 1000));
  const before = await counters();
  const sent = await sending;
  const after = await counters();
  const gone = (name) => after.sum(name) - before.sum(name);
  const wallS = after.atS - before.atS;
  const delivered = gone("tocsin_export_sent_records_total") * BATCH;
  return {
    senders,
    seconds,
    goodputPerS: Math.round(delivered / wallS),
    acceptedPerS: sent.acceptedPerS,
    offeredPerS: sent.offeredPerS,
    codes: sent.totals.codes,
    refused: after.labels("tocsin_receive_refused_requests_total", before),
    goodputPerCpuSecond: Math.round(delivered / (after.cpuS - before.cpuS)),
    collectorCores: Math.round(((after.cpuS - before.cpuS) / wallS) * 100) / 100,
    senderCores: sent.generatorCpuCores,
    rssMaxMb: sent.target.rssMaxMb,
    signalsLagMb: Math.round(after.signalsLag / 1e5) / 10,
    answerMs: { p50: sent.latencyMs.p50, p99: sent.latencyMs.p99 },
  };
}

/** The collector's own counters, at this moment. */
async function counters() {
  const lines = (await (await fetch(`${collector.url}/metrics`)).text()).split("\n");
  const read = (name) =>
    lines
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      .map((line) => [/reason="(\w+)"/.exec(line)?.[1] ?? "", Number(line.slice(line.lastIndexOf(" ") + 1))]);
  return {
    atS: performance.now() / 1000,
    cpuS: cpuSeconds(collector.pid),
    sum: (name) => read(name).reduce((total, [, value]) => total + value, 0),
    read,
    labels(name, before) {
      const old = Object.fromEntries(before.read(name));
      return Object.fromEntries(read(name).map(([reason, value]) => [reason, value - (old[reason] ?? 0)]));
    },
    signalsLag: Number(
      lines
        .find((line) => line.startsWith('tocsin_spool_consumer_lag_bytes{consumer="signals"}'))
        ?.split(" ")[1],
    ),
  };
}

function ratio(value, of) {
  return Math.round((value / of) * 100) / 100;
}
