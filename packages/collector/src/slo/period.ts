import { formatDuration, type UnixMs } from "@tocsin/model";
import { type CalendarUnit, calendarBounds, longestPeriodMs } from "./calendar.js";
import type { Period } from "./spec.js";

/** The longest that the period can be; for rolling ones its length. */
export function longestMs(period: Period): number {
  return period.kind === "rolling" ? period.lengthMs : longestPeriodMs(period);
}

const NOMINAL_DAYS: Readonly<Record<CalendarUnit, number>> = {
  hour: 1 / 24,
  day: 1,
  week: 7,
  month: 30,
  quarter: 90,
  year: 365,
};

/** The length that limits are computed with: a month counts 30 days, whichever month it is. */
export function nominalMs(period: Period): number {
  return period.kind === "rolling" ? period.lengthMs : NOMINAL_DAYS[period.unit] * period.count * 86_400_000;
}

/** When the period that `nowMs` lies in began, and how long it is in whole. */
export function boundsAt(period: Period, nowMs: UnixMs): { startMs: UnixMs; lengthMs: number } {
  if (period.kind === "rolling") return { startMs: nowMs - period.lengthMs, lengthMs: period.lengthMs };
  const { startMs, endMs } = calendarBounds(period, nowMs);
  return { startMs, lengthMs: endMs - startMs };
}

/** The period in words: `30d`, `month (Europe/Berlin)`. */
export function periodName(period: Period): string {
  if (period.kind === "rolling") return formatDuration(period.lengthMs);
  const { unit, count, timeZone } = period;
  return `${count === 1 ? unit : `${count} ${unit}s`} (${timeZone})`;
}
