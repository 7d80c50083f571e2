import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TestMetric } from "../../test/otlp-data.js";
import { durationsOf, feedMetrics, feedSpans, processOf, START } from "../../test/signal-feeds.js";
import { compileSlo } from "../slo/compile.js";
import { SloConfig } from "../slo/config.js";
import { SloTracker } from "../slo/tracker.js";
import { Signals } from "./signals.js";

// What must never happen to a count: that it falls, that it jumps, or that it is taken twice.

function tracked(sinceMs = START) {
  const config = { name: "slo", service: "checkout", objective: "99.9%", sli: { type: "availability" } };
  const tracker = new SloTracker([compileSlo(SloConfig.parse(config))]);
  const signals = new Signals({ sinceMs, sinks: [tracker] });
  const counted = (fromSecond: number, toSecond: number) =>
    tracker.find("slo")!.book.window((toSecond - fromSecond) * 1_000, START + toSecond * 1_000).total;
  return { signals, counted };
}

/** One export of a counter that stands at `count`, of a process that began in second `startSecond`. */
function cumulative(second: number, count: number, startSecond = 0): TestMetric {
  return durationsOf([{ timeMs: START + second * 1_000, count, startMs: START + startSecond * 1_000 }]);
}

function delta(second: number, count: number, fromSecond: number): TestMetric {
  return { ...cumulative(second, count, fromSecond), temporality: "delta" };
}

const replica = (instance: string, version = "1.0.0") => processOf("checkout", version, instance);

describe("two replicas", () => {
  test("are one service: traffic, errors and latencies of both", () => {
    const { signals, counted } = tracked();
    for (const second of [10, 20, 30, 40, 50, 60]) {
      feedMetrics(signals, [cumulative(second, second * 2)], replica("i-1"));
      feedMetrics(signals, [cumulative(second, second * 3)], replica("i-2"));
    }
    const [service, ...others] = signals.services(START + 60_000);
    expect(others).toEqual([]);
    expect(service!.trafficPerSecond).toBeCloseTo(5, 9);
    expect(counted(0, 60)).toBe(300);
  });

  test("that call themselves the same are told apart by when they began", () => {
    const { signals, counted } = tracked();
    for (const second of [10, 20, 30]) {
      feedMetrics(signals, [cumulative(second, second, 0)], replica("same"));
      feedMetrics(signals, [cumulative(second + 1, 2 * (second - 4), 5)], replica("same"));
    }
    expect(counted(0, 40)).toBeCloseTo(30 + 2 * 26, 9);
  });

  test("without an instance id are told apart by their host or pod", () => {
    const { signals, counted } = tracked();
    const pod = (name: string) => ({ "service.name": "checkout", "k8s.pod.name": name });
    for (const second of [10, 20]) {
      feedMetrics(signals, [cumulative(second, second)], pod("a"));
      feedMetrics(signals, [cumulative(second, second * 10)], pod("b"));
    }
    expect(counted(0, 20)).toBe(220);
  });
});

describe("a restart", () => {
  test.each<{ name: string; feed(signals: Signals): void; total: number }>([
    {
      name: "of a process that keeps its name: the counter begins anew",
      feed(signals) {
        for (const second of [10, 20, 30]) feedMetrics(signals, [cumulative(second, second * 100)]);
        for (const second of [40, 50]) feedMetrics(signals, [cumulative(second, (second - 35) * 100, 35)]);
      },
      total: 3_000 + 1_500,
    },
    {
      name: "of a process whose counter has overtaken the old one before it is heard again",
      feed(signals) {
        for (const second of [10, 20]) feedMetrics(signals, [cumulative(second, second)]);
        feedMetrics(signals, [cumulative(40, 500, 25)]);
      },
      total: 20 + 500,
    },
    {
      name: "of a process that never says when it began",
      feed(signals) {
        const since1970 = (second: number, count: number) => cumulative(second, count, -START / 1_000);
        // Without a start its first export is a base line.
        for (const second of [10, 20, 30]) feedMetrics(signals, [since1970(second, second * 100)]);
        for (const second of [40, 50]) feedMetrics(signals, [since1970(second, (second - 35) * 100)]);
      },
      total: 2_000 + 1_500,
    },
    {
      name: "of a process that sends deltas",
      feed(signals) {
        for (const second of [10, 20, 30]) feedMetrics(signals, [delta(second, 100, second - 10)]);
        feedMetrics(signals, [delta(50, 70, 40)]);
      },
      total: 370,
    },
    {
      name: "with an export that is sent twice",
      feed(signals) {
        for (const second of [10, 20, 20, 30, 20]) feedMetrics(signals, [cumulative(second, second)]);
      },
      total: 30,
    },
    {
      name: "in which one version replaces another, process by process",
      feed(signals) {
        for (const second of [10, 20, 30]) {
          for (const name of ["a", "b"]) feedMetrics(signals, [cumulative(second, second)], replica(name));
        }
        for (const [name, start] of [
          ["c", 31],
          ["d", 35],
        ] as const) {
          for (const second of [40, 50]) {
            feedMetrics(signals, [cumulative(second, second - start, start)], replica(name, "2.0.0"));
          }
        }
      },
      total: 60 + 19 + 15,
    },
  ])("$name", ({ feed, total }) => {
    const { signals, counted } = tracked();
    feed(signals);
    expect(counted(0, 60)).toBeCloseTo(total, 9);
    // No second has more than ten times what the busiest sender says of itself.
    for (let second = 0; second < 60; second++) {
      expect(counted(second, second + 1)).toBeGreaterThanOrEqual(0);
      expect(counted(second, second + 1)).toBeLessThanOrEqual(100 + 1e-9);
    }
  });

  test("whatever senders do, no count is negative and no more is counted than they say", () => {
    const exports = fc.array(
      fc.record({ gapSeconds: fc.integer({ min: 1, max: 30 }), added: fc.nat(500), restarts: fc.boolean() }),
      { minLength: 1, maxLength: 20 },
    );
    fc.assert(
      fc.property(exports, fc.boolean(), (steps, isDelta) => {
        const { signals, counted } = tracked();
        let [second, count, start, said, from] = [0, 0, 0, 0, 0];
        for (const { gapSeconds, added, restarts } of steps) {
          second += gapSeconds;
          if (restarts) [count, start] = [0, second - gapSeconds / 2];
          count += added;
          said += added;
          feedMetrics(signals, [isDelta ? delta(second, added, from) : cumulative(second, count, start)]);
          from = second;
        }
        expect(counted(0, second + 1)).toBeCloseTo(said, 6);
        for (let at = 0; at <= second; at++) expect(counted(at, at + 1)).toBeGreaterThanOrEqual(0);
        const [service] = signals.services(START + second * 1_000);
        expect(service?.trafficPerSecond ?? 0).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 50 },
    );
  });

  test("of the collector adds what was missed, and no more", () => {
    const { signals: before } = tracked();
    for (const second of [10, 20]) feedMetrics(before, [cumulative(second, second)]);
    const { signals: after, counted } = tracked(START + 30_000);
    after.restore(before.snapshot());
    feedMetrics(after, [cumulative(50, 50)]);
    expect(counted(0, 60)).toBeCloseTo(30, 9);
    expect([...after.versions()].map(({ requestsTotal }) => requestsTotal)).toEqual([50]);
  });
});

describe("late data", () => {
  test("counts in its own minute, for SLOs as for the figures before and after a deployment", () => {
    const { signals, counted } = tracked();
    const at = (second: number) => ({ endMs: START + second * 1_000 + 500, durationMs: 1 });
    feedSpans(signals, [at(600)]);
    // Eight minutes late.
    feedSpans(signals, [at(125), at(126)], replica("i-1"), START + 605_000);
    expect([counted(60, 120), counted(120, 180), counted(180, 240), counted(600, 660)]).toEqual([0, 2, 0, 1]);
    expect(signals.services(START + 601_000)[0]!.requests).toBe(1);
    expect(signals.counts).toEqual({ accepted: 3, tooLate: 0, fromFuture: 0 });
  });

  test("of metrics counts over the time that it is of", () => {
    const { signals, counted } = tracked();
    feedSpans(signals, [{ endMs: START + 600_000, durationMs: 1 }], replica("other"));
    const late = (second: number, count: number) => [delta(second, count, second - 10)];
    feedMetrics(signals, late(70, 30), replica("i-2"));
    expect([counted(50, 60), counted(60, 70), counted(70, 80)]).toEqual([0, 30, 0]);
  });

  test("of over an hour is refused, and said to be", () => {
    const { signals } = tracked();
    feedSpans(signals, [{ endMs: START, durationMs: 1 }], replica("i-1"), START + 3_700_000);
    expect(signals.counts).toEqual({ accepted: 0, tooLate: 1, fromFuture: 0 });
  });
});
