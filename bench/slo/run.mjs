// How much CPU one tick over 10,000 SLOs takes, how much memory one needs, and how long a snapshot keeps the event loop;
// once for SLOs that are mostly quiet and once for the worst: every SLO over every limit, all alerts on, its budget spent
// by more routes, versions and errors than are told apart. Prints one JSON line. CPU time, not time on the wall: what
// else the machine does must not count.
// Run after `npm run build`: node bench/slo/run.mjs [count]

import { execFileSync } from "node:child_process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { SloAlertSource } from "../../packages/collector/dist/slo/alert-source.js";
import { compileSlo } from "../../packages/collector/dist/slo/compile.js";
import { SloConfig } from "../../packages/collector/dist/slo/config.js";
import { SloTracker } from "../../packages/collector/dist/slo/tracker.js";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc");

const TARGET_TICK_MS = 100;
const TARGET_BYTES = 60_000;
const TARGET_STEP_MS = 20;
const [, file, count = 10_000, only] = process.argv.map((each) => (/^\d+$/.test(each) ? Number(each) : each));
const nowMs = Date.parse("2026-11-20T14:00:00Z");
const nowSecond = nowMs / 1_000;

if (only) console.log(JSON.stringify(await measure(only === "quiet" ? feedQuiet : feedWorst)));
else report();

/** Each case in a process of its own, so that one's memory is not the other's. */
function report() {
  const [quiet, worst] = ["quiet", "worst"].map((each) =>
    JSON.parse(execFileSync(process.execPath, [file, String(count), each], { encoding: "utf8" })),
  );
  console.log(
    JSON.stringify({
      bench: "slo",
      slos: count,
      pairs: count * 4,
      quiet,
      worst,
      targetTickCpuMs: TARGET_TICK_MS,
      targetBytesPerSlo: TARGET_BYTES,
      targetStepCpuMs: TARGET_STEP_MS,
      node: process.version,
      isOnTarget: [quiet, worst].every(
        (each) =>
          each.tickCpuMs <= TARGET_TICK_MS &&
          each.bytesPerSlo <= TARGET_BYTES &&
          each.snapshotStepCpuMs <= TARGET_STEP_MS,
      ),
    }),
  );
}

async function measure(feed) {
  const memoryBefore = memoryBytes();
  const tracker = new SloTracker(Array.from({ length: count }, (_, index) => sloOf(index)));
  const source = new SloAlertSource(tracker);
  const feedStart = cpuMs();
  let events = 0;
  for (let index = 0; index < count; index++) events += feed(tracker, index);
  const feedNanos = (cpuMs() - feedStart) * 1e6;
  const ticks = [];
  let firing = 0;
  for (let tick = 0; tick < 30; tick++) {
    const start = cpuMs();
    const results = await source.evaluate(nowMs + tick * 1_000);
    ticks.push(cpuMs() - start);
    firing = results.filter(({ outcome }) => outcome.kind === "samples" && outcome.samples.length > 0).length;
  }
  ticks.sort((a, b) => a - b);
  const first = takeSnapshot(tracker);
  const second = takeSnapshot(tracker);
  const bytesPerSlo = Math.round((memoryBytes() - memoryBefore) / count);
  return {
    firingRules: firing,
    tickCpuMs: round(ticks[Math.floor(ticks.length / 2)]),
    worstTickCpuMs: round(ticks[ticks.length - 1]),
    bytesPerSlo,
    cpuNanosPerEvent: round(feedNanos / events),
    snapshotCpuMs: round(first.cpuMs),
    snapshotStepCpuMs: round(first.longestMs),
    snapshotUnchangedCpuMs: round(second.cpuMs),
    snapshotBytesPerSlo: Math.round(first.bytes / count),
  };
}

function sloOf(index) {
  return compileSlo(
    SloConfig.parse({
      name: `slo-${index}`,
      service: `service-${index}`,
      objective: "99.9%",
      sli: { type: "availability" },
    }),
  );
}

/** Three days at ten-minute marks, then the last six minutes by the second; one SLO in a hundred burns, none is without errors. */
function feedQuiet(tracker, index) {
  let events = 0;
  const add = (ago, bad, total) => {
    events++;
    tracker.onRequests(requestsOf(index, nowSecond - ago, bad, total, 0));
  };
  for (let ago = 259_200; ago > 360; ago -= 600) {
    add(ago, false, 6_000);
    add(ago, true, 3);
  }
  for (let ago = 360; ago > 0; ago--) add(ago, index % 100 === 0 && ago % 2 === 0, 10);
  return events;
}

/** A month by the hour, three days by ten minutes, the last six minutes by the second; a tenth of everything fails. */
function feedWorst(tracker, index) {
  let events = 0;
  const add = (ago, scale) => {
    events += 2;
    tracker.onRequests(requestsOf(index, nowSecond - ago, false, 9 * scale, events));
    tracker.onRequests(requestsOf(index, nowSecond - ago, true, scale, events));
  };
  for (let ago = 2_592_000; ago > 259_200; ago -= 3_600) add(ago, 3_600);
  for (let ago = 259_200; ago > 360; ago -= 600) add(ago, 600);
  for (let ago = 360; ago > 0; ago--) add(ago, 10);
  return events;
}

function requestsOf(index, second, isBad, total, variant) {
  return {
    service: `service-${index}`,
    // Joined, since strings that come from a request's bytes lie in one piece.
    version: ["1.", index, ".", variant % 8].join(""),
    environment: "",
    route: ["GET /service-", index, "/", variant % 16].join(""),
    fromSecond: second,
    toSecond: second,
    count: total,
    isError: isBad,
    errorType: isBad ? ["Error", index, ".", variant % 12].join("") : "",
    countSlowerThan: () => 0,
    attribute: () => "",
  };
}

/** As the collector does it: in steps of five milliseconds, with turns of the event loop in between. */
function takeSnapshot(tracker) {
  const result = { cpuMs: 0, longestMs: 0, bytes: 0 };
  let start = cpuMs();
  const step = () => {
    const took = cpuMs() - start;
    result.cpuMs += took;
    result.longestMs = Math.max(result.longestMs, took);
    start = cpuMs();
  };
  const { pieces } = tracker.freeze();
  for (const piece of pieces()) {
    result.bytes += piece.length;
    if (cpuMs() - start >= 5) step();
  }
  step();
  return result;
}

function memoryBytes() {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function round(value) {
  return Number(value.toPrecision(3));
}

/** CPU time of this process so far. */
function cpuMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
