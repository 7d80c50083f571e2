import { expect, test } from "vitest";
import { feedSpans, processOf, START } from "../../test/signal-feeds.js";
import { compileSlo } from "../slo/compile.js";
import { SloConfig } from "../slo/config.js";
import { SloTracker } from "../slo/tracker.js";
import type { ObservedRequests } from "./requests.js";
import { signalSeries } from "./series.js";
import { Signals } from "./signals.js";

const MINUTE = 60_000;
const INTERNAL = 1;

function run(name: string, minute: number, isError = false) {
  return { name, kind: INTERNAL, endMs: START + minute * MINUTE, durationMs: 2_000, isError };
}

function tracker(): SloTracker {
  const config = { name: "slo", service: "checkout", objective: "99%", sli: { type: "availability" } };
  return new SloTracker([compileSlo(SloConfig.parse(config))]);
}

test("a service that only runs jobs has its signals from them, over an hour", () => {
  const slo = tracker();
  const signals = new Signals({ sinks: [slo] });
  for (const minute of [5, 20, 35, 50]) feedSpans(signals, [run("report", minute, minute === 35)]);
  feedSpans(signals, [run("cleanup", 51)]);
  const now = START + 60 * MINUTE;
  const detail = signals.service("checkout", now)!;
  expect(detail).toMatchObject({
    work: "jobs",
    windowSeconds: 3_600,
    requests: 5,
    errors: 1,
    errorRatio: 0.2,
    trafficPerSecond: 5 / 3_600,
  });
  expect(detail.latencySeconds.p95).toBeCloseTo(2, 1);
  expect(detail.jobs).toMatchObject([
    { job: "cleanup", requests: 1, lastFailureAt: null },
    {
      job: "report",
      requests: 4,
      errors: 1,
      lastSuccessAt: "2026-11-20T14:50:00.000Z",
      lastFailureAt: "2026-11-20T14:35:00.000Z",
      lastDurationSeconds: 2,
    },
  ]);
  expect(slo.find("slo")!.book.window(3_600_000, now)).toEqual({ bad: 1, total: 5 });
});

test("spans below another are no jobs", () => {
  const signals = new Signals();
  feedSpans(signals, [run("report", 1), { ...run("step", 1), parentSpanId: "00000000000000aa" }]);
  expect(signals.service("checkout", START + 2 * MINUTE)!.jobs.map(({ job }) => job)).toEqual(["report"]);
});

test("jobs of a service that answers requests are shown, but are none of its requests", () => {
  const slo = tracker();
  const seen: string[] = [];
  const jobs = { onRequests: () => {}, onJob: ({ route }: ObservedRequests) => void seen.push(route) };
  const signals = new Signals({ sinks: [slo, jobs] });
  // The job comes first in the batch: whose it is can be told only by what stands behind it.
  feedSpans(signals, [run("nightly", 1, true), { endMs: START + MINUTE, durationMs: 5 }]);
  feedSpans(signals, [run("nightly", 2, true)]);
  const now = START + 2 * MINUTE + 500;
  const detail = signals.service("checkout", now)!;
  expect(detail).toMatchObject({ work: "requests", windowSeconds: 60 });
  expect(detail.jobs).toMatchObject([{ job: "nightly", requests: 2, errors: 2, lastSuccessAt: null }]);
  expect(slo.find("slo")!.book.window(3_600_000, now)).toEqual({ bad: 0, total: 1 });
  expect(seen).toEqual(["nightly", "nightly"]);
});

test("the last success is known after a restart, also as a series", () => {
  const before = new Signals();
  feedSpans(before, [run("report", 1)], processOf("worker"));
  const signals = new Signals();
  signals.restore(before.snapshot());
  const [job] = signals.service("worker", START + 30 * MINUTE)!.jobs;
  expect(job).toMatchObject({ job: "report", lastSuccessAt: "2026-11-20T14:01:00.000Z" });
  const series = [...signalSeries(signals, START + 30 * MINUTE)].find(
    ({ labels }) => labels.__name__ === "tocsin_service_last_success_timestamp_seconds",
  );
  expect(series).toMatchObject({
    labels: { service: "worker", environment: "prod", operation: "report" },
    value: START / 1_000 + 60,
  });
});
