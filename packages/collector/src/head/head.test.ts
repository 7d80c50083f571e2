import { silentLogger } from "@tocsin/model";
import { ManualClock } from "@tocsin/model/testing";
import {
  createMatcher,
  type Histogram,
  isStaleAt,
  MemoryStorage,
  SampleBuffer,
  type SampleValue,
  STALE_MARKER,
} from "@tocsin/promql";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Head, type HeadSample } from "./head.js";
import type { HeadOptions } from "./head-options.js";

const NOW = 1_790_000_000_000;
const OPTIONS: HeadOptions = {
  retentionMs: 3 * 3_600_000,
  outOfOrderMs: 600_000,
  maxSeries: 10_000,
  maxLabels: 16,
};

function newHead(options: Partial<HeadOptions> = {}) {
  const clock = new ManualClock(NOW);
  return { clock, head: new Head({ ...OPTIONS, ...options }, { clock }) };
}

type Row = [number, number | "stale" | Histogram];

function samplesOf(
  storage: Head | MemoryStorage,
  name: string,
  startMs = 0,
  endMs = 2 * NOW,
  latestOnly = false,
) {
  const rows: Record<string, Row[]> = {};
  const querier = storage.querier(startMs, endMs);
  const hints = { startMs, endMs, latestOnly };
  const found = querier.select([createMatcher("__name__", "=", name)], hints);
  if (!Array.isArray(found)) throw new Error("expected an answer at once");
  for (const series of found) {
    const buffer = new SampleBuffer(2);
    series.read(buffer);
    rows[JSON.stringify(series.labels)] = Array.from({ length: buffer.length }, (_, i): Row => {
      const histogram = buffer.histograms?.[i];
      if (histogram !== undefined) return [buffer.timestamps[i]!, histogram];
      return [buffer.timestamps[i]!, isStaleAt(buffer.bits, i) ? "stale" : buffer.values[i]!];
    });
  }
  return rows;
}

const HISTOGRAM: Histogram = {
  schema: 3,
  count: 12,
  sum: 8.5,
  zeroThreshold: 1e-9,
  zeroCount: 2,
  positive: { offset: -4, buckets: [1, 0, 4, 5] },
  negative: { offset: 0, buckets: [] },
  counterResetHint: "unknown",
};

test("gives back what a plain storage gives back, whatever the order of arrival", () => {
  const sample = fc.record({
    series: fc.integer({ min: 0, max: 2 }),
    ageMs: fc.integer({ min: 0, max: 200 }).map((n) => n * 2_500),
    value: fc.oneof(fc.integer({ min: 0, max: 1_000 }), fc.double(), fc.constant(STALE_MARKER)),
  });
  const range = fc.tuple(fc.integer({ min: 0, max: 500_000 }), fc.integer({ min: 0, max: 500_000 }));
  fc.assert(
    fc.property(
      fc.array(sample, { minLength: 1, maxLength: 400 }),
      range,
      fc.boolean(),
      (list, ages, latestOnly) => {
        const { head } = newHead();
        const plain = new MemoryStorage();
        const taken = new Set<string>();
        for (const { series, ageMs, value } of list) {
          const labels = { __name__: "m", series: String(series) };
          const timeMs = NOW - ageMs;
          const isFirst = !taken.has(`${series}@${timeMs}`);
          taken.add(`${series}@${timeMs}`);
          head.appendSamples([{ labels, timeMs, value }]);
          if (isFirst) plain.append(labels, timeMs, value);
        }
        const startMs = NOW - Math.max(...ages);
        const endMs = NOW - Math.min(...ages);
        expect(samplesOf(head, "m", startMs, endMs, latestOnly)).toEqual(
          samplesOf(plain, "m", startMs, endMs, latestOnly),
        );
      },
    ),
    { numRuns: 60 },
  );
});

describe("a sample is", () => {
  const at = (ageMs: number, value: SampleValue = 1): HeadSample => ({
    labels: { __name__: "m" },
    timeMs: NOW - ageMs,
    value,
  });
  test.each([
    { name: "repeated without effect", next: at(0, 1), want: [] },
    { name: "refused when its time is taken by another value", next: at(0, 2), want: [["conflict", 1]] },
    { name: "put in its place inside the out-of-order window", next: at(600_000), want: [] },
    { name: "refused before the window", next: at(600_001), want: [["too_old", 1]] },
    { name: "refused when far ahead of the clock", next: at(-600_001), want: [["too_far_ahead", 1]] },
    { name: "refused with a time that is no whole number", next: at(0.5), want: [["invalid_time", 1]] },
  ])("$name", ({ next, want }) => {
    const { head } = newHead();
    head.appendSamples([at(0, 1)]);
    expect([...head.appendSamples([next])]).toEqual(want);
  });
});

test("series beyond the limit are refused and counted, known ones go on", () => {
  const { head } = newHead({ maxSeries: 2 });
  const append = (name: string) =>
    head.appendSamples([{ labels: { __name__: name }, timeMs: NOW, value: 1 }]);
  append("a");
  append("b");
  expect([...append("c")]).toEqual([["series_limit", 1]]);
  expect([...append("a")]).toEqual([]);
  expect(head.index.size).toBe(2);
});

test("a metric that makes too many series is named once a minute, and may make some again when old ones went", async () => {
  const clock = new ManualClock(NOW);
  const logged: object[] = [];
  const logger = {
    ...silentLogger,
    warn: (fields: object, message: string) => logged.push({ ...fields, message }),
  };
  const head = new Head(
    { ...OPTIONS, retentionMs: 600_000, maxSeriesPerMetricOfService: 1 },
    { clock, logger },
  );
  head.start();
  const append = (user: string, job = "shop") => [
    ...head.appendSamples([{ labels: { __name__: "logins", job, user }, timeMs: clock.now(), value: 1 }]),
  ];
  expect(append("a")).toEqual([]);
  expect(append("a", "other")).toEqual([]);
  expect(append("b")).toEqual([["series_per_metric", 1]]);
  expect(append("c")).toEqual([["series_per_metric", 1]]);
  expect(logged).toEqual([]);
  await clock.advance(120_000);
  expect(logged).toEqual([
    {
      message: "new series were refused in the last minute",
      refused: [
        { metric: "logins", service: "shop", limit: "metrics.max_series_per_metric_of_service", count: 2 },
      ],
    },
  ]);
  expect(head.status().refused).toMatchObject([
    { metric: "logins", service: "shop", count: 2, lastAtMs: NOW },
  ]);
  await clock.advance(600_000);
  expect(append("b")).toEqual([]);
  expect(head.isFull).toBe(true);
  await head.close();
});

test("an empty label value is no label", () => {
  const { head } = newHead();
  head.appendSamples([
    { labels: { __name__: "m", a: "" }, timeMs: NOW - 1, value: 1 },
    { labels: { __name__: "m" }, timeMs: NOW, value: 2 },
  ]);
  expect(samplesOf(head, "m")).toEqual({
    '{"__name__":"m"}': [
      [NOW - 1, 1],
      [NOW, 2],
    ],
  });
});

test("native histograms and floats of one series come by time, resets told apart", () => {
  const { head } = newHead();
  const labels = { __name__: "h" };
  head.appendSamples([
    { labels, timeMs: NOW - 4_000, value: HISTOGRAM },
    { labels, timeMs: NOW - 3_000, value: { ...HISTOGRAM, count: 13, zeroCount: 3 } },
    { labels, timeMs: NOW - 2_000, value: 7 },
    { labels, timeMs: NOW - 1_000, value: HISTOGRAM },
    { labels, timeMs: NOW, value: STALE_MARKER },
  ]);
  const rows = samplesOf(head, "h")['{"__name__":"h"}']!;
  expect(rows.map(([timeMs]) => timeMs - NOW)).toEqual([-4_000, -3_000, -2_000, -1_000, 0]);
  expect(rows[0]![1]).toEqual(HISTOGRAM);
  expect(rows[1]![1]).toEqual({ ...HISTOGRAM, count: 13, zeroCount: 3, counterResetHint: "not_reset" });
  expect(rows.slice(2).map(([, value]) => value)).toEqual([7, HISTOGRAM, "stale"]);
});

test("a counter that says when it began has a zero there", () => {
  const { head } = newHead();
  const labels = { __name__: "c_total" };
  const startMs = NOW - 90_000;
  head.appendSamples([
    { labels, timeMs: NOW - 60_000, value: 5, startMs },
    { labels, timeMs: NOW - 30_000, value: 9, startMs },
    { labels, timeMs: NOW, value: 2, startMs: NOW - 10_000 },
  ]);
  expect(samplesOf(head, "c_total")['{"__name__":"c_total"}']).toEqual([
    [startMs, 0],
    [NOW - 60_000, 5],
    [NOW - 30_000, 9],
    [NOW - 10_000, 0],
    [NOW, 2],
  ]);
});

test("what is older than the retention goes, with its series and their memory", async () => {
  const { clock, head } = newHead();
  for (let index = 0; index < 2_000; index++) {
    const timeMs = clock.now();
    head.appendSamples([
      { labels: { __name__: "kept" }, timeMs, value: index },
      ...(index < 100 ? [{ labels: { __name__: "gone", index: String(index) }, timeMs, value: index }] : []),
    ]);
    await clock.advance(15_000);
  }
  head.truncate();
  expect(Object.keys(samplesOf(head, "gone"))).toEqual([]);
  expect(head.index.labelValues("__name__")).toEqual(["kept"]);
  const kept = samplesOf(head, "kept")['{"__name__":"kept"}']!;
  expect(kept.length).toBeGreaterThanOrEqual(720);
  expect(kept.length).toBeLessThan(720 + 64);
  expect(kept.at(-1)).toEqual([clock.now() - 15_000, 1_999]);
});

test("regular data takes at most three bytes a sample", async () => {
  const { clock, head } = newHead();
  const kinds = [(i: number) => i * 3, (i: number) => 40 + (i % 7) * 0.25, () => 1, (i: number) => i * i];
  for (let step = 0; step < 720; step++) {
    for (let index = 0; index < 1_024; index++) {
      const series = head.series({ __name__: "m", index: String(index) });
      if (typeof series === "string") throw new Error(series);
      head.append(series, clock.now(), kinds[index % 4]!(step + index));
    }
    await clock.advance(15_000);
  }
  expect(head.samples.sizeBytes / (720 * 1_024)).toBeLessThan(3);
});

test("what has no copy outlives the retention and is asked for here, until nothing was heard of copies for too long", async () => {
  const { clock, head } = newHead();
  const { retentionMs } = OPTIONS;
  head.holdUntilCopied();
  head.appendSamples([{ labels: { __name__: "up" }, timeMs: NOW, value: 1 }]);
  await clock.advance(600_000);
  head.appendSamples([{ labels: { __name__: "up" }, timeMs: NOW + 600_000, value: 2 }]);
  head.setCopiedTo(NOW + 1);
  await clock.advance(retentionMs);
  head.truncate();
  // The store has what is older, memory the rest: together they have all.
  expect(head.completeFromMs).toBe(NOW + 1);
  expect(Object.values(samplesOf(head, "up"))[0]?.at(-1)).toEqual([NOW + 600_000, 2]);
  await clock.advance(1);
  expect(head.completeFromMs).toBe(clock.now() - retentionMs);
});
