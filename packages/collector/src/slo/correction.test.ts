import { MemoryJournal } from "@tocsin/alerts";
import { ManualClock } from "@tocsin/model/testing";
import { expect, test } from "vitest";
import { compileSlo } from "./compile.js";
import { SloConfig } from "./config.js";
import { CorrectionBook } from "./correction-book.js";
import { SloTracker } from "./tracker.js";

const START = Date.parse("2026-11-20T14:00:00Z");
const HOUR = 3_600_000;

function trackerOf(corrections: unknown[] = []): SloTracker {
  const sli = { type: "error_ratio", query: "x" };
  const config = SloConfig.parse({ name: "slo", service: "shop", objective: "99%", sli, corrections });
  return new SloTracker([compileSlo(config)]);
}

/** Three hours with an event every minute, all bad in the second. */
function feed(tracker: SloTracker): void {
  for (let minute = 0; minute < 180; minute++) {
    tracker.record("slo", START / 1_000 + 60 * minute, minute >= 60 && minute < 120 ? 1 : 0, 1);
  }
}

function counts(tracker: SloTracker) {
  return tracker.find("slo")!.book.window(4 * HOUR, START + 3 * HOUR);
}

test.each([
  {
    name: "a maintenance window of the configuration takes its events out",
    corrections: [{ from: "2026-11-20T15:00:00Z", to: "2026-11-20T16:00:00Z", reason: "database moved" }],
    want: { bad: 0, total: 120 },
  },
  {
    // 20 November 2026 is a Friday, and Berlin is an hour ahead of UTC.
    name: "a recurring one goes by the clock of its zone",
    corrections: [{ days: ["fri"], between: "16:30-17:30", time_zone: "Europe/Berlin", reason: "weekly" }],
    want: { bad: 30, total: 120 },
  },
  {
    name: "on other days it takes nothing out",
    corrections: [{ days: ["sat"], between: "16:00-17:00", reason: "weekly" }],
    want: { bad: 60, total: 180 },
  },
  {
    name: "hours that end before they begin go over midnight",
    corrections: [{ days: ["thu"], between: "22:00-15:30", reason: "long night" }],
    want: { bad: 30, total: 90 },
  },
  {
    name: "a day may be taken out in whole",
    corrections: [{ days: ["fri"], between: "00:00-24:00", reason: "holiday" }],
    want: { bad: 0, total: 0 },
  },
  {
    name: "and from some hour to its end",
    corrections: [{ days: ["fri"], between: "15:30-24:00", reason: "weekend" }],
    want: { bad: 30, total: 90 },
  },
])("$name", ({ corrections, want }) => {
  const tracker = trackerOf(corrections);
  feed(tracker);
  expect(counts(tracker)).toEqual(want);
});

test("a correction made afterwards is journalled first, lasts over restarts, and is not made twice", async () => {
  const journal = new MemoryJournal();
  const clock = new ManualClock(START + 3 * HOUR);
  let tracker = trackerOf();
  feed(tracker);
  const book = await CorrectionBook.open({ tracker, journal, clock });
  const correction = {
    slo: "slo",
    fromMs: START + HOUR,
    toMs: START + 2 * HOUR,
    reason: "not users",
    by: "ana",
  };
  expect(await book.add(correction)).toBe(60);
  expect(counts(tracker)).toEqual({ bad: 0, total: 120 });
  expect(await book.add({ ...correction, slo: "other" })).toBeUndefined();

  // Late events of the stretch are not counted either.
  tracker.record("slo", START / 1_000 + 4_000, 5, 5);
  expect(counts(tracker)).toEqual({ bad: 0, total: 120 });

  // A crash before the next snapshot: the counts are read again, the journal takes them out again.
  tracker = trackerOf();
  feed(tracker);
  const again = await CorrectionBook.open({ tracker, journal, clock });
  expect(counts(tracker)).toEqual({ bad: 0, total: 120 });
  expect(again.list("slo")).toMatchObject([{ by: "ana", reason: "not users" }]);

  const restored = trackerOf();
  restored.restore(tracker.snapshot());
  await CorrectionBook.open({ tracker: restored, journal, clock });
  expect(counts(restored)).toEqual({ bad: 0, total: 120 });
});
