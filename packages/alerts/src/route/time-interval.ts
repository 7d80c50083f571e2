import type { UnixMs } from "@tocsin/model";
import { z } from "zod";
import { partsOf } from "../template/go-time.js";

/** From and to, both included. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** A recurring stretch of time; every kind of condition that is given must hold. */
export interface TimeInterval {
  /** Minutes of the day; `to` is not included. */
  readonly times: readonly Span[];
  /** 0 is Sunday. */
  readonly weekdays: readonly Span[];
  /** 1 to 31, or negative from the end of the month. */
  readonly days_of_month: readonly Span[];
  readonly months: readonly Span[];
  readonly years: readonly Span[];
  /** IANA name of the time zone. */
  readonly location: string;
}

/** Whether the moment lies in the interval, by the calendar and clock of its zone. */
export function containsTime(interval: TimeInterval, nowMs: UnixMs): boolean {
  const { year, month, day, weekday, hour, minute } = partsOf(nowMs, interval.location);
  const minuteOfDay = hour * 60 + minute;
  const daysInMonth = new Date(Date.UTC(year, month, 0)).getUTCDate();
  const holds = (spans: readonly Span[], value: number): boolean =>
    spans.length === 0 || spans.some((span) => value >= span.from && value <= span.to);
  return (
    (interval.times.length === 0 ||
      interval.times.some((span) => minuteOfDay >= span.from && minuteOfDay < span.to)) &&
    holds(interval.weekdays, weekday) &&
    holds(
      interval.days_of_month
        .map((span) => inMonth(span, daysInMonth))
        .filter((span) => span.from <= daysInMonth),
      day,
    ) &&
    // A span that lies wholly beyond this month's end leaves nothing, which must not read as "every day".
    (interval.days_of_month.length === 0 ||
      interval.days_of_month.some((span) => inMonth(span, daysInMonth).from <= daysInMonth)) &&
    holds(interval.months, month) &&
    holds(interval.years, year)
  );
}

function inMonth(span: Span, daysInMonth: number): Span {
  const day = (value: number): number => (value < 0 ? daysInMonth + value + 1 : value);
  return { from: Math.max(1, day(span.from)), to: Math.min(daysInMonth, day(span.to)) || 1 };
}

const DAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS = [
  "january",
  "february",
  "march",
  "april",
  "may",
  "june",
  "july",
  "august",
  "september",
  "october",
  "november",
  "december",
];

function spans(
  what: string,
  example: string,
  read: (text: string) => number | undefined,
  check?: (span: Span) => boolean,
) {
  return z
    .array(z.union([z.string(), z.number()]))
    .default([])
    .transform((texts, context): Span[] =>
      texts.flatMap((written, index) => {
        const [first = "", second = first, ...more] = String(written).toLowerCase().split(":");
        const [from, to] = [read(first), read(second)];
        const isOrdered = from !== undefined && to !== undefined && (from <= to || (from > 0 && to < 0));
        if (
          from !== undefined &&
          to !== undefined &&
          more.length === 0 &&
          isOrdered &&
          (check?.({ from, to }) ?? true)
        )
          return [{ from, to }];
        context.addIssue({
          code: "custom",
          message: `"${written}" is not a range of ${what}. Write for instance ${example}.`,
          path: [index],
          input: written,
        });
        return [];
      }),
    );
}

function named(names: readonly string[], offset: number, isNumberAllowed: boolean) {
  return (text: string): number | undefined => {
    const index = names.indexOf(text);
    if (index !== -1) return index + offset;
    const number = /^\d+$/.test(text) && isNumberAllowed ? Number(text) : undefined;
    return number !== undefined && number >= offset && number < names.length + offset ? number : undefined;
  };
}

function integer(min: number, max: number) {
  return (text: string): number | undefined => {
    const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max && value !== 0 ? value : undefined;
  };
}

function inShortest(day: number): number {
  return day < 0 ? 28 + day : day;
}

const clockTime = z.string().transform((text, context) => {
  const match = /^((?:[01]\d|2[0-3])):([0-5]\d)$|^24:00$/.exec(text);
  if (match) return match[1] === undefined ? 1_440 : Number(match[1]) * 60 + Number(match[2]);
  context.addIssue({
    code: "custom",
    message: `"${text}" is not a time of day. Write 09:00, or 24:00 for the end.`,
  });
  return z.NEVER;
});

/** One entry under `time_intervals` of a named interval. */
export const TimeInterval = z.strictObject({
  times: z
    .array(
      z
        .strictObject({ start_time: clockTime, end_time: clockTime })
        .refine(({ start_time, end_time }) => start_time < end_time, "start_time must be before end_time.")
        .transform(({ start_time, end_time }): Span => ({ from: start_time, to: end_time })),
    )
    .default([]),
  weekdays: spans("weekdays", "monday:friday", named(DAYS, 0, false)),
  days_of_month: spans(
    "days of the month",
    '1:7 or "-3:-1"',
    integer(-31, 31),
    // In the shortest month the end may not lie before the start.
    ({ from, to }) => !(from < 0 && to > 0) && inShortest(from) <= inShortest(to),
  ),
  months: spans("months", "january:march or 1:3", named(MONTHS, 1, true)),
  years: spans("years", "2026:2027", integer(1, 9_999)),
  location: z
    .string()
    .default("UTC")
    .transform((zone, context) => {
      // Alertmanager calls the machine's own zone "Local".
      if (zone === "") return "UTC";
      const name = zone === "Local" ? Intl.DateTimeFormat().resolvedOptions().timeZone : zone;
      try {
        new Intl.DateTimeFormat("en-US", { timeZone: name });
        return name;
      } catch {
        context.addIssue({
          code: "custom",
          message: `"${zone}" is not a time zone. Write an IANA name such as Europe/Berlin.`,
        });
        return z.NEVER;
      }
    }),
});

/** A named list of intervals; it holds when one of them does. */
export const NamedTimeInterval = z.strictObject({
  name: z.string().min(1, "a time interval needs a name."),
  time_intervals: z.array(TimeInterval).default([]),
});
export type NamedTimeInterval = z.output<typeof NamedTimeInterval>;
