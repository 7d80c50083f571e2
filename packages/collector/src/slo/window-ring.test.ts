import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeNumbers, NumberWriter } from "./number-codec.js";
import { ringLevels } from "./ring-levels.js";
import { WindowRing } from "./window-ring.js";

const DAY = 86_400;
/** A Monday at midnight, so that every level's buckets start here. */
const START = 1_760_313_600;

interface Event {
  readonly second: number;
  readonly bad: number;
  readonly total: number;
}

function count(events: readonly Event[], fromSecond: number, toSecond: number) {
  const inside = events.filter(({ second }) => second >= fromSecond && second < toSecond);
  return {
    bad: inside.reduce((sum, event) => sum + event.bad, 0),
    total: inside.reduce((sum, event) => sum + event.total, 0),
  };
}

function ringOf(events: readonly Event[], periodSeconds = 30 * DAY): WindowRing {
  const ring = new WindowRing(ringLevels(periodSeconds));
  for (const { second, bad, total } of events) ring.add(second, bad, total);
  return ring;
}

/** Events in any order, spread over spans of very different length. */
function events(spanSeconds: number) {
  return fc.array(
    fc
      .record({ ago: fc.nat(spanSeconds), bad: fc.nat(50), good: fc.nat(1_000) })
      .map(({ ago, bad, good }) => ({ second: START + spanSeconds - ago, bad, total: bad + good })),
    { minLength: 1, maxLength: 60 },
  );
}

describe("a window", () => {
  test("of up to six minutes is exact to the second and the event", () => {
    fc.assert(
      fc.property(events(2 * DAY), fc.integer({ min: 1, max: 360 }), (all, length) => {
        const ring = ringOf(all);
        const to = (ring.headSecond ?? 0) + 1;
        expect(ring.sum(to - length, to)).toEqual(count(all, to - length, to));
      }),
    );
  });

  test.each([
    { unit: 10, spanSeconds: 6 * 3_600 },
    { unit: 60, spanSeconds: 12 * 3_600 },
    { unit: 600, spanSeconds: 3 * DAY },
    { unit: 3_600, spanSeconds: 30 * DAY },
  ])("that starts $unit s aligned within $spanSeconds s is exact to the event", ({ unit, spanSeconds }) => {
    fc.assert(
      fc.property(events(spanSeconds), fc.nat(), (all, seed) => {
        const ring = ringOf(all);
        const to = (ring.headSecond ?? 0) + 1;
        const oldest = Math.ceil((to - spanSeconds) / unit);
        const from = unit * (oldest + (seed % Math.max(1, Math.floor(to / unit) - oldest)));
        expect(ring.sum(from, to)).toEqual(count(all, from, to));
        expect(ring.sumWhole(from, to)).toEqual(count(all, from, to));
      }),
    );
  });

  test("begins to share out its first bucket where the events began", () => {
    const all = Array.from({ length: 7_197 }, (_, index) => ({
      second: START + 3 + index,
      bad: 1,
      total: 1,
    }));
    const to = START + 7_200;
    expect(ringOf(all).sum(START + 5, to).total).toBeCloseTo(7_195, 9);
    expect(ringOf(all).sum(START + 1, to).total).toBe(7_197);
  });

  test("with an edge inside a bucket takes the bucket's share in time, or the whole bucket", () => {
    const all = Array.from({ length: 7_200 }, (_, index) => ({ second: START + index, bad: 1, total: 2 }));
    const ring = ringOf(all);
    const to = START + 7_200;
    expect(ring.sum(to - 6_996, to)).toEqual({ bad: 6_996, total: 13_992 });
    expect(ring.sumWhole(to - 6_996, to)).toEqual({ bad: 7_000, total: 14_000 });
  });

  test("in the past ends where it is told to", () => {
    const all = Array.from({ length: 600 }, (_, index) => ({
      second: START + index,
      bad: index % 2,
      total: 1,
    }));
    expect(ringOf(all).sum(START + 400, START + 500)).toEqual(count(all, START + 400, START + 500));
  });

  test("of an idle hour is empty although events came before", () => {
    const ring = ringOf([{ second: START, bad: 5, total: 9 }]);
    ring.add(START + 7_200, 0, 0);
    expect(ring.sum(START + 3_600, START + 7_201)).toEqual({ bad: 0, total: 0 });
    expect(ring.sum(START, START + 7_201)).toEqual({ bad: 5, total: 9 });
  });

  test("begins where the memory does when it is longer than the period", () => {
    const ring = ringOf([{ second: START, bad: 1, total: 1 }], DAY);
    ring.add(START + 3 * DAY, 1, 2);
    expect(ring.sum(START - DAY, START + 4 * DAY)).toEqual({ bad: 1, total: 2 });
  });

  test("counts right when many times 2^32 events fall into it", () => {
    const ring = new WindowRing(ringLevels(30 * DAY));
    const minutes = 3 * 24 * 60;
    for (let minute = 0; minute < minutes; minute++) ring.add(START + 60 * minute, 1, 70_000_000);
    const to = START + 60 * minutes;
    for (const back of [5, 30, 60, 77, 120, 600, 1_440, 4_320])
      expect(ring.sumWhole(to - 60 * back, to)).toEqual({ bad: back, total: 70_000_000 * back });
    const loaded = new WindowRing(ringLevels(30 * DAY));
    const out = new NumberWriter();
    ring.writeNumbers(out);
    loaded.load(decodeNumbers(out.take()));
    expect(loaded.sumWhole(to - 86_400, to - 600)).toEqual(ring.sumWhole(to - 86_400, to - 600));
  });

  test("is known by the hour where an hour holds more than 2^32 events", () => {
    const ring = new WindowRing(ringLevels(30 * DAY));
    const from = Math.floor(START / 3_600) * 3_600;
    for (let minute = 0; minute < 120; minute++) ring.add(from + 60 * minute, 1, 100_000_000);
    const to = from + 120 * 60;
    expect(ring.sumWhole(to - 3_600, to)).toEqual({ bad: 60, total: 6_000_000_000 });
    expect(ring.sum(to - 300, to)).toEqual({ bad: 5, total: 500_000_000 });
  });
});

describe("late events", () => {
  test("give the same counts as events in order", () => {
    fc.assert(
      fc.property(events(40 * DAY), fc.integer({ min: 1, max: 30 * DAY }), (all, length) => {
        const late = ringOf(all);
        const ordered = ringOf([...all].sort((a, b) => a.second - b.second));
        const to = (late.headSecond ?? 0) + 1;
        expect(late.sumWhole(to - length, to)).toEqual(ordered.sumWhole(to - length, to));
      }),
    );
  });
});

describe("removing a stretch", () => {
  test("leaves the counts as if its events had never come, in every resolution", () => {
    const all = Array.from({ length: 400 }, (_, index) => ({
      second: START + 60 * index,
      bad: index % 3,
      total: 5,
    }));
    const ring = ringOf(all);
    const [from, to] = [START + 7_200, START + 10_800];
    expect(ring.remove(from, to)).toEqual(count(all, from, to));
    const kept = all.filter(({ second }) => second < from || second >= to);
    const end = START + 24_000;
    for (const length of [300, 3_600, 14_400, 16_000, 20_000, DAY]) {
      expect(ring.sumWhole(end - length, end), `${length} s`).toEqual(
        ringOf(kept).sumWhole(end - length, end),
      );
    }
  });
});

describe("state", () => {
  test("written out and loaded gives the same counts for every window, and goes on counting", () => {
    fc.assert(
      fc.property(events(35 * DAY), fc.integer({ min: 1, max: 30 * DAY }), (all, length) => {
        const ring = ringOf(all);
        const writer = new NumberWriter();
        ring.writeNumbers(writer);
        writer.put(4_711);
        const next = decodeNumbers(writer.take());
        const loaded = new WindowRing(ringLevels(30 * DAY));
        loaded.load(next);
        expect(next()).toBe(4_711);
        const to = (ring.headSecond ?? 0) + 100;
        for (const each of [ring, loaded]) each.add(to - 1, 1, 3);
        expect(loaded.sum(to - length, to)).toEqual(ring.sum(to - length, to));
      }),
      { numRuns: 30 },
    );
  });

  test.each([DAY, 90 * DAY])(
    "is carried over to a period of %d s without losing an event",
    (periodSeconds) => {
      fc.assert(
        fc.property(events(12 * 3_600), fc.constantFrom(60, 300, 3_600, 43_200), (all, length) => {
          const before = ringOf(all);
          const ring = new WindowRing(ringLevels(periodSeconds));
          ring.takeOver(before);
          expect(ring.lifetime).toEqual(before.lifetime);
          const to = (before.headSecond ?? 0) + 1;
          expect(ring.sumWhole(to - length, to)).toEqual(before.sumWhole(to - length, to));
        }),
        { numRuns: 30 },
      );
    },
  );

  test.each([7_200, 7 * DAY, 28 * DAY, 30 * DAY, 90 * DAY, 366 * DAY])(
    "of a period of %d s fits in 60 KB",
    (periodSeconds) => {
      expect(new WindowRing(ringLevels(periodSeconds)).sizeBytes).toBeLessThanOrEqual(60_000);
    },
  );
});
