import { silentLogger } from "@tocsin/model";
import { ManualClock } from "@tocsin/model/testing";
import { Engine, MemoryStorage, type Queryable } from "@tocsin/promql";
import { expect, test } from "vitest";
import { compileSlo } from "./compile.js";
import { SloConfig } from "./config.js";
import { SloSampler } from "./sampler.js";
import { SloTracker } from "./tracker.js";

const START = Date.parse("2026-11-20T14:00:00Z");
const MINUTE = 60_000;

/** An SLO over series that grow by the minute, read for ten minutes. */
async function countsAfter(
  sli: object,
  series: Readonly<Record<string, (minute: number) => number | undefined>>,
  options: { saturation?: number | undefined } = {},
) {
  const storage = new MemoryStorage();
  for (const [name, valueAt] of Object.entries(series)) {
    for (let step = -12; step <= 40; step++) {
      const value = valueAt(step / 4);
      if (value !== undefined) storage.append({ __name__: name }, START + step * 15_000, value);
    }
  }
  const engine = new Engine();
  const queryable: Queryable = {
    instantQuery: (query, tMs, query_) => engine.instantQuery(storage, query, tMs, query_),
    rangeQuery: (query, from, to, step, query_) => engine.rangeQuery(storage, query, from, to, step, query_),
  };
  const config = SloConfig.parse({ name: "slo", service: "worker", objective: "99%", sli });
  const tracker = new SloTracker([compileSlo(config)]);
  const clock = new ManualClock(START);
  const saturation = () => options.saturation;
  const sampler = new SloSampler({ tracker, queryable, saturation, clock, logger: silentLogger });
  for (let minute = 0; minute <= 10; minute++) await sampler.tick(START + minute * MINUTE);
  return tracker.find("slo")!.book.window(3_600_000, START + 11 * MINUTE);
}

test.each([
  {
    name: "counters count what they gain; a reset gains what it shows",
    sli: { type: "ratio", bad: "errors_total", total: "requests_total" },
    series: {
      requests_total: (minute: number) => (minute < 5 ? 1_000 + 100 * minute : 100 * (minute - 4)),
      errors_total: (minute: number) => 7 + Math.max(0, Math.floor(minute)),
    },
    want: { bad: 10, total: 1_000 },
  },
  {
    name: "good events count bad ones by what is missing",
    sli: { type: "ratio", good: "ok_total", total: "requests_total" },
    series: {
      requests_total: (minute: number) => 100 * minute + 300,
      ok_total: (minute: number) => 99 * minute + 297,
    },
    want: { bad: 10, total: 1_000 },
  },
  {
    name: "rates count what they are times the time since the last look",
    sli: { type: "ratio", bad: "rate(errors_total[{{.window}}])", total: "rate(requests_total[$window])" },
    series: {
      requests_total: (minute: number) => 6_000 * (minute + 3),
      errors_total: (minute: number) => 60 * (minute + 3),
    },
    want: { bad: 660, total: 66_000 },
  },
  {
    name: "a threshold is one event per look",
    sli: { type: "threshold", query: "queue_age", op: "lt", value: 30 },
    series: { queue_age: (minute: number) => (minute >= 8 ? 50 : 10) },
    want: { bad: 3, total: 11 },
  },
  {
    name: "an error ratio is bad by its share",
    sli: { type: "error_ratio", query: "1 - satisfaction" },
    series: { satisfaction: () => 0.75 },
    want: { bad: 2.75, total: 11 },
  },
  {
    name: "the age of a job's last success, by a query",
    sli: { type: "freshness", max_age: "5m", query: "last_success" },
    series: { last_success: (minute: number) => (minute < -2 ? undefined : START / 1_000) },
    want: { bad: 5, total: 11 },
  },
  {
    name: "a metric that does not exist is no data, not good",
    sli: { type: "threshold", query: "queue_age", op: "lt", value: 30 },
    series: {},
    want: { bad: 0, total: 0 },
  },
])("$name", async ({ sli, series, want }) => {
  const counts = await countsAfter(sli, series as never);
  expect(counts.bad).toBeCloseTo(want.bad, 2);
  expect(counts.total).toBeCloseTo(want.total, 2);
});

test.each([
  { saturation: 0.5, want: { bad: 0, total: 11 } },
  { saturation: 0.9, want: { bad: 11, total: 11 } },
  { saturation: undefined, want: { bad: 0, total: 0 } },
])("saturation of $saturation against a limit of 80 %", async ({ saturation, want }) => {
  const counts = await countsAfter({ type: "saturation", below: "80%" }, {}, { saturation });
  expect(counts).toEqual(want);
});

test("freshness without a query goes by the requests of the service that succeed", async () => {
  const sli = { type: "freshness", max_age: "2m" };
  const config = SloConfig.parse({ name: "slo", service: "worker", objective: "99%", sli });
  const tracker = new SloTracker([compileSlo(config)]);
  const unused = () => Promise.reject(new Error("no query is due"));
  const sampler = new SloSampler({
    tracker,
    queryable: { instantQuery: unused, rangeQuery: unused },
    saturation: () => undefined,
    clock: new ManualClock(START),
    logger: silentLogger,
  });
  await sampler.tick(START);
  const second = START / 1_000 + 30;
  for (const [isError, toSecond] of [
    [false, second],
    [true, second + 240],
  ] as const) {
    const requests = {
      kind: "job" as const,
      attribute: () => "",
      service: "worker",
      version: "",
      environment: "",
      route: "",
      fromSecond: toSecond,
      count: 1,
    };
    // A job of a service that answers requests is told of as a job alone.
    sampler.onJob({ ...requests, toSecond, isError, errorType: "", countSlowerThan: () => 0 });
  }
  for (let minute = 1; minute <= 5; minute++) await sampler.tick(START + minute * MINUTE);
  expect(tracker.find("slo")!.book.window(3_600_000, START + 6 * MINUTE)).toEqual({ bad: 3, total: 5 });
});

/** A worker's counter at 100 a minute, of which one in ten fails. */
function counting(): { queryable: Queryable; look(sampler: SloSampler, minute: number): Promise<void> } {
  let minutes = 0;
  const value = (query: string) => (query === "failed" ? 10 : 100) * minutes;
  return {
    queryable: {
      instantQuery: async (query, tMs) => ({ resultType: "scalar", tMs, value: value(query) }) as never,
      rangeQuery: () => Promise.reject(new Error("none is asked")),
    },
    look(sampler, minute) {
      minutes = minute;
      return sampler.tick(START + minute * MINUTE);
    },
  };
}

test("after a restart counters go on from where they were, and what was gained meanwhile counts", async () => {
  const sli = { type: "ratio", bad: "failed", total: "all" };
  const config = SloConfig.parse({ name: "slo", service: "worker", objective: "99%", sli });
  const { queryable, look } = counting();
  const start = (objective: number) => {
    const tracker = new SloTracker([{ ...compileSlo(config), objective }]);
    const clock = new ManualClock(START);
    const sampler = new SloSampler({
      tracker,
      queryable,
      saturation: () => undefined,
      clock,
      logger: silentLogger,
    });
    return { tracker, sampler };
  };
  const first = start(0.99);
  await look(first.sampler, 1);
  const revision = first.sampler.revision();
  await look(first.sampler, 2);
  expect(first.sampler.revision()).not.toBe(revision);
  // Another objective is the same indicator.
  const second = start(0.95);
  second.tracker.restore(first.tracker.snapshot());
  second.sampler.restore(first.sampler.snapshot());
  await look(second.sampler, 30);
  second.tracker.reconfigure([{ ...compileSlo(config), objective: 0.9 }]);
  await look(second.sampler, 31);
  const counts = second.tracker.find("slo")!.book.window(3_600_000, START + 32 * MINUTE);
  expect(counts).toEqual({ bad: 300, total: 3_000 });
});

test("good events that exceed the total are said once, and count as all good", async () => {
  const sli = { type: "ratio", good: "all", total: "failed" };
  const config = SloConfig.parse({ name: "slo", service: "worker", objective: "99%", sli });
  const { queryable, look } = counting();
  const warned: string[] = [];
  const tracker = new SloTracker([compileSlo(config)]);
  const sampler = new SloSampler({
    tracker,
    queryable,
    saturation: () => undefined,
    clock: new ManualClock(START),
    logger: { ...silentLogger, warn: (_fields: object, message: string) => warned.push(message) } as never,
  });
  for (let minute = 1; minute <= 4; minute++) await look(sampler, minute);
  expect(warned).toHaveLength(1);
  expect(warned[0]).toContain("more than its total");
  expect(tracker.find("slo")!.book.window(3_600_000, START + 5 * MINUTE)).toEqual({ bad: 0, total: 30 });
});
