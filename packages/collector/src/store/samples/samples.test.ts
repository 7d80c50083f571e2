/** Samples go from memory to the store and come back bit by bit; PromQL cannot tell the difference. */
import { ManualClock } from "@tocsin/model/testing";
import {
  createMatcher,
  Engine,
  type Histogram,
  type MatchOperator,
  MemoryStorage,
  SampleBuffer,
  STALE_MARKER,
  type Storage,
} from "@tocsin/promql";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EmbeddedStore, hasEngine, openEmbeddedStore } from "../../../test/store/embedded-store.js";
import type { Store } from "../store.js";
import { recentAndHistory } from "./recent-and-history.js";

// The engine removes what is too old by the real clock.
const NOW_MS = Math.floor(Date.now() / 60_000) * 60_000;
const START_MS = NOW_MS - 3_600_000;

const histogram: Histogram = {
  schema: 3,
  count: 7,
  sum: Number.POSITIVE_INFINITY,
  zeroThreshold: 1e-9,
  zeroCount: 1,
  positive: { offset: -2, buckets: [1, 2, 0, 3] },
  negative: { offset: 0, buckets: [] },
  counterResetHint: "unknown",
};

describe.skipIf(!hasEngine())("samples", () => {
  let embedded: EmbeddedStore;
  let store: Store;
  const clock = new ManualClock(NOW_MS);
  const memory = new MemoryStorage();

  beforeAll(async () => {
    embedded = await openEmbeddedStore({ clock });
    ({ store } = embedded);
    for (let n = 0; n < 40; n++) {
      const labels = {
        __name__: n < 30 ? "requests_total" : "temperature",
        service: `s${n % 5}`,
        pod: `p${n}`,
        "odd.näme": "x'y",
      };
      for (let step = 0; step <= 240; step++) {
        if (step === 100 && n === 7) memory.append(labels, START_MS + step * 15_000, STALE_MARKER);
        else memory.append(labels, START_MS + step * 15_000, n < 30 ? step * n : Math.sin(step + n) / 3);
      }
    }
    memory.append({ __name__: "special" }, START_MS, Number.NaN);
    memory.append({ __name__: "special" }, START_MS + 1, Number.NEGATIVE_INFINITY);
    memory.append({ __name__: "special" }, START_MS + 2, -0);
    memory.append({ __name__: "latency" }, START_MS, histogram);
    memory.append({ __name__: "latency" }, START_MS + 60_000, { ...histogram, count: 9, sum: 2.5 });
    const all = 40 * 241 + 5;
    expect(await store.copySamples(memory, START_MS, NOW_MS)).toBe(all);
    // A stretch that is copied again replaces itself.
    expect(await store.copySamples(memory, START_MS + 1_800_000, NOW_MS)).toBe(40 * 121);
  }, 60_000);

  afterAll(async () => {
    await embedded?.close();
  });

  const read = async (
    source: Storage,
    matchers: [string, MatchOperator, string][],
    startMs: number,
    endMs: number,
  ) => {
    const querier = source.querier(startMs, endMs);
    const found = await querier.select(
      matchers.map(([name, operator, value]) => createMatcher(name, operator, value)),
      { startMs, endMs },
    );
    const series = found.map((one) => {
      const buffer = new SampleBuffer();
      one.read(buffer);
      const samples = Array.from({ length: buffer.length }, (_, at) => ({
        time: buffer.timestamps[at]!,
        bits: [buffer.bits[2 * at], buffer.bits[2 * at + 1]],
        histogram: buffer.histogramCount > 0 ? buffer.histograms?.[at] : undefined,
      }));
      return { labels: one.labels, samples: samples.filter(({ time }) => time >= startMs && time <= endMs) };
    });
    return series
      .filter((one) => one.samples.length > 0)
      .sort((a, b) => (JSON.stringify(a.labels) < JSON.stringify(b.labels) ? -1 : 1));
  };

  test.each<{ name: string; matchers: [string, MatchOperator, string][]; count: number }>([
    { name: "everything", matchers: [], count: 42 },
    { name: "a name", matchers: [["__name__", "=", "requests_total"]], count: 30 },
    {
      name: "a regex",
      matchers: [
        ["__name__", "=~", "req.*|temp.*"],
        ["service", "=~", "s[13]"],
      ],
      count: 16,
    },
    {
      name: "negations",
      matchers: [
        ["__name__", "=", "temperature"],
        ["service", "!=", "s1"],
        ["pod", "!~", "p3[0-4]"],
      ],
      count: 4,
    },
    { name: "an absent label", matchers: [["pod", "=", ""]], count: 2 },
    { name: "a name that needs quotes", matchers: [["odd.näme", "=", "x'y"]], count: 40 },
  ])("select by $name gives what memory gives, bit by bit", async ({ matchers, count }) => {
    const want = await read(memory, matchers, START_MS, NOW_MS);
    const got = await read(store.history, matchers, START_MS, NOW_MS);
    expect(want).toHaveLength(count);
    expect(got).toEqual(want);
  });

  test("what memory gets is copied once a minute, and goes on where it ended", async () => {
    const later = new MemoryStorage();
    store.keepSamples(later, 60_000);
    const labels = { __name__: "kept" };
    later.append(labels, NOW_MS + 30_000, 1);
    later.append(labels, NOW_MS + 90_000, 2);
    const kept = async () =>
      (await read(store.history, [["__name__", "=", "kept"]], START_MS, NOW_MS + 600_000))[0]?.samples.map(
        (sample) => sample.time,
      ) ?? [];
    while ((await kept()).length < 2) await clock.advance(60_000);
    expect(await kept()).toEqual([NOW_MS + 30_000, NOW_MS + 90_000]);
  });

  test("labels without samples", async () => {
    const found = await store.history.labelSets([createMatcher("service", "=", "s2")], START_MS, NOW_MS);
    expect(found.map(({ pod }) => pod).sort()).toEqual([
      "p12",
      "p17",
      "p2",
      "p22",
      "p27",
      "p32",
      "p37",
      "p7",
    ]);
  });

  test("label names and values", async () => {
    const matchers = [createMatcher("__name__", "=", "requests_total")];
    const names = await store.history.labelNames(matchers, START_MS, NOW_MS);
    expect([...names].sort()).toEqual(["__name__", "odd.näme", "pod", "service"]);
    const values = await store.history.labelValues("service", matchers, START_MS, NOW_MS);
    expect([...values].sort()).toEqual(["s0", "s1", "s2", "s3", "s4"]);
    expect(await store.history.labelValues("none", [], START_MS, NOW_MS)).toEqual([]);
  });

  test("a part of the time", async () => {
    const want = await read(memory, [["service", "=", "s2"]], START_MS + 600_000, START_MS + 900_000);
    expect(
      await read(store.history, [["service", "=", "s2"]], START_MS + 600_000, START_MS + 900_000),
    ).toEqual(want);
  });

  test.each([
    "sum by (service) (rate(requests_total[5m]))",
    "max_over_time(temperature[30m])",
    "histogram_count(latency)",
  ])("%s is the same from memory, from the store and from both", async (query) => {
    const engine = new Engine();
    const recent = { completeFromMs: START_MS + 1_800_000, querier: () => memory.querier() };
    const both = recentAndHistory(recent, () => store.history);
    const [want, ...got] = await Promise.all(
      [memory, store.history, both].map((storage) =>
        engine.rangeQuery(storage, query, START_MS, NOW_MS, 60_000),
      ),
    );
    expect(want?.toJSON().result).not.toEqual([]);
    for (const one of got) expect(one.toJSON()).toEqual(want?.toJSON());
  });
});
