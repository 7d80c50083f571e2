import { expect, test } from "vitest";
import {
  type CalendarPeriod,
  type CalendarUnit,
  calendarBounds,
  instantOf,
  isTimeZone,
  longestPeriodMs,
  naturalAnchor,
  readWallTime,
} from "./calendar.js";

function bounds(
  unit: CalendarUnit,
  timeZone: string,
  now: string,
  options: { count?: number; anchor?: string } = {},
) {
  const anchor = options.anchor === undefined ? naturalAnchor() : readWallTime(options.anchor)!;
  const period: CalendarPeriod = { kind: "calendar", unit, count: options.count ?? 1, timeZone, anchor };
  const { startMs, endMs } = calendarBounds(period, Date.parse(now));
  expect(endMs - startMs).toBeLessThanOrEqual(longestPeriodMs(period));
  return [startMs, endMs].map((ms) => new Date(ms).toISOString().replace(".000", ""));
}

test.each<{ name: string; got: string[]; want: string[] }>([
  {
    name: "a month in UTC",
    got: bounds("month", "UTC", "2026-02-14T10:00:00Z"),
    want: ["2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"],
  },
  {
    name: "a month in Berlin that loses an hour",
    got: bounds("month", "Europe/Berlin", "2026-03-31T21:59:59Z"),
    want: ["2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z"],
  },
  {
    name: "a week begins on Monday",
    got: bounds("week", "UTC", "2026-11-22T23:59:59Z"),
    want: ["2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z"],
  },
  {
    name: "a quarter",
    got: bounds("quarter", "America/New_York", "2026-05-01T00:00:00Z"),
    want: ["2026-04-01T04:00:00Z", "2026-07-01T04:00:00Z"],
  },
  {
    name: "a period before its anchor",
    got: bounds("year", "UTC", "2020-06-01T00:00:00Z"),
    want: ["2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"],
  },
  {
    name: "a week that begins at noon of a Saturday in New York",
    got: bounds("week", "America/New_York", "2026-11-21T16:00:00Z", { anchor: "2022-01-01 12:00:00" }),
    want: ["2026-11-14T17:00:00Z", "2026-11-21T17:00:00Z"],
  },
  {
    name: "a month that begins on the 31st, in February",
    got: bounds("month", "UTC", "2026-03-15T00:00:00Z", { anchor: "2025-01-31" }),
    want: ["2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z"],
  },
  {
    name: "two weeks at a time",
    got: bounds("week", "UTC", "2024-01-20T00:00:00Z", { count: 2 }),
    want: ["2024-01-15T00:00:00Z", "2024-01-29T00:00:00Z"],
  },
])("$name", ({ got, want }) => expect(got).toEqual(want));

test.each([
  { name: "in winter", time: "2026-01-10 12:00:00", want: "2026-01-10T11:00:00Z" },
  {
    name: "skipped: as if the clock had not been set",
    time: "2026-03-29 02:30:00",
    want: "2026-03-29T01:30:00Z",
  },
  { name: "repeated: the first", time: "2026-10-25 02:30:00", want: "2026-10-25T00:30:00Z" },
])("a time in Berlin $name", ({ time, want }) => {
  expect(new Date(instantOf("Europe/Berlin", readWallTime(time)!)).toISOString()).toBe(
    want.replace("Z", ".000Z"),
  );
});

test("times that are none are refused", () => {
  for (const text of ["2026-02-30", "2026-13-01", "soon", "2026-01-01 25:00:00"])
    expect(readWallTime(text)).toBeUndefined();
  expect(["Mars/Olympus", "Europe/Berlin"].map(isTimeZone)).toEqual([false, true]);
});
