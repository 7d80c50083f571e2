// Ten times the senders that keep a sidecar busy, none of which ever waits: memory stays bounded, and what it takes
// stays near its best. The load is a closed loop, because one machine cannot make ten times what it can take.
import { parseArgs } from "node:util";
import { load, needLoadGenerator, startCollector, startSink } from "./lib/collector.mjs";

const { values } = parseArgs({ options: { seconds: { type: "string", default: "60" } } });
await needLoadGenerator("overload");
const sink = await startSink();
const collector = await startCollector(["--mode", "sidecar", "--forward", sink.url]);
const url = `http://127.0.0.1:${collector.otlpHttpPort}`;
const peak = await load(url, ["--duration", "10", "--concurrency", "4"], collector.pid);
const over = await load(url, ["--duration", values.seconds, "--concurrency", "40"], collector.pid);
await collector.stop();
sink.close();
console.log(
  JSON.stringify({
    bench: "overload",
    senders: { peak: 4, overload: 40 },
    peakPerS: peak.acceptedPerS,
    offeredPerS: over.offeredPerS,
    goodputPerS: over.acceptedPerS,
    goodputRatio: Math.round((over.acceptedPerS / peak.acceptedPerS) * 100) / 100,
    codes: over.totals.codes,
    rssMaxMb: { peak: peak.target.rssMaxMb, overload: over.target.rssMaxMb },
    target: { goodputRatio: 0.8 },
  }),
);
