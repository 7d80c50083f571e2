// How much CPU one tick over 10,000 SLOs takes, and how much memory one needs. Prints one JSON line. CPU time, not time
// on the wall: what else the machine does must not count.
// Run after `npm run build`: node bench/slo/run.mjs [count]

import { SloAlertSource } from "../../packages/collector/dist/slo/alert-source.js";
import { compileSlo } from "../../packages/collector/dist/slo/compile.js";
import { SloConfig } from "../../packages/collector/dist/slo/config.js";
import { SloTracker } from "../../packages/collector/dist/slo/tracker.js";
import { ringLevels, WindowRing } from "../../packages/collector/dist/slo/window-ring.js";

const TARGET_TICK_MS = 100;
const TARGET_BYTES = 60_000;
const count = Number(process.argv[2] ?? 10_000);
const nowMs = Date.parse("2026-11-20T14:00:00Z");
const nowSecond = nowMs / 1_000;

const specs = Array.from({ length: count }, (_, index) =>
  compileSlo(
    SloConfig.parse({
      name: `slo-${index}`,
      service: `service-${index}`,
      objective: "99.9%",
      sli: { type: "availability" },
    }),
  ),
);
const tracker = new SloTracker(specs);

// Three days at ten-minute marks, then the last six minutes by the second; one SLO in a hundred burns, none is without errors.
let fed = 0;
const feedStart = cpuMs();
for (let index = 0; index < count; index++) {
  const burns = index % 100 === 0;
  const requests = (second, bad, total) => {
    fed++;
    tracker.onRequests({
      service: `service-${index}`,
      version: "",
      environment: "",
      route: "",
      fromSecond: second,
      toSecond: second,
      count: total,
      isError: bad,
      errorType: bad ? "500" : "",
      countSlowerThan: () => 0,
    });
  };
  for (let ago = 259_200; ago > 360; ago -= 600) {
    requests(nowSecond - ago, false, 6_000);
    requests(nowSecond - ago, true, 3);
  }
  for (let ago = 360; ago > 0; ago--) requests(nowSecond - ago, burns && ago % 2 === 0, 10);
}
const feedNanos = (cpuMs() - feedStart) * 1e6;

const source = new SloAlertSource(tracker);
const ticks = [];
let firing = 0;
for (let tick = 0; tick < 30; tick++) {
  const start = cpuMs();
  const results = await source.evaluate(nowMs + tick * 1_000);
  ticks.push(cpuMs() - start);
  firing = results.filter(({ outcome }) => outcome.kind === "samples" && outcome.samples.length > 0).length;
}
ticks.sort((a, b) => a - b);
const snapshotStart = cpuMs();
const snapshot = tracker.snapshot();
const snapshotMs = cpuMs() - snapshotStart;
const bytesPerSlo = new WindowRing(ringLevels(30 * 86_400)).sizeBytes;
const tickMs = ticks[Math.floor(ticks.length / 2)];
const round = (value) => Number(value.toPrecision(3));

console.log(
  JSON.stringify({
    bench: "slo",
    slos: count,
    pairs: count * 4,
    firingRules: firing,
    tickCpuMs: round(tickMs),
    worstTickCpuMs: round(ticks[ticks.length - 1]),
    targetTickCpuMs: TARGET_TICK_MS,
    bytesPerSlo,
    targetBytesPerSlo: TARGET_BYTES,
    cpuNanosPerEvent: round(feedNanos / fed),
    snapshotCpuMs: round(snapshotMs),
    snapshotBytesPerSlo: Math.round(snapshot.length / count),
    node: process.version,
    isOnTarget: tickMs <= TARGET_TICK_MS && bytesPerSlo <= TARGET_BYTES,
  }),
);

/** CPU time of this process so far. */
function cpuMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
