import type { UnixMs } from "@tocsin/model";

export type CalendarUnit = "hour" | "day" | "week" | "month" | "quarter" | "year";

/** A period that begins at fixed dates, such as the month in Berlin. */
export interface CalendarPeriod {
  readonly kind: "calendar";
  readonly unit: CalendarUnit;
  /** How many units one period has. */
  readonly count: number;
  /** IANA name. */
  readonly timeZone: string;
  /** A wall-clock moment at which one period begins; periods before and after are counted from it. */
  readonly anchor: WallTime;
}

/** Date and time of day as a clock on the wall shows it, without zone. Months count from 1. */
export interface WallTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

const MONTHS_OF: Readonly<Record<CalendarUnit, number>> = {
  hour: 0,
  day: 0,
  week: 0,
  month: 1,
  quarter: 3,
  year: 12,
};
const DAYS_OF: Readonly<Record<CalendarUnit, number>> = {
  hour: 0,
  day: 1,
  week: 7,
  month: 0,
  quarter: 0,
  year: 0,
};

const HOUR_MS = 3_600_000;

/** Where every unit begins by nature: midnight, a Monday, the first of a month, quarter and year. */
export function naturalAnchor(): WallTime {
  // 1 January 2024 was a Monday.
  return { year: 2024, month: 1, day: 1, hour: 0, minute: 0, second: 0 };
}

/** The period that `nowMs` lies in: from its first instant up to, not including, that of the next. */
export function calendarBounds(period: CalendarPeriod, nowMs: UnixMs): { startMs: UnixMs; endMs: UnixMs } {
  let index = estimateIndex(period, nowMs);
  while (startOf(period, index) > nowMs) index--;
  while (startOf(period, index + 1) <= nowMs) index++;
  return { startMs: startOf(period, index), endMs: startOf(period, index + 1) };
}

/** The longest that one period can be, in milliseconds. */
export function longestPeriodMs(period: CalendarPeriod): number {
  if (period.unit === "hour") return period.count * HOUR_MS;
  const days = { day: 1, week: 7, month: 31, quarter: 92, year: 366 };
  // A period may hold the hour that clocks are set back.
  return (days[period.unit] * period.count * 24 + 1) * HOUR_MS;
}

/** Reads `2022-01-01 12:00:00` (or with a `T`, or a date alone). undefined when it is none. */
export function readWallTime(text: string): WallTime | undefined {
  const match = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2}))?)?$/.exec(text.trim());
  if (!match) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1).map((part) => Number(part ?? 0));
  const time = { year, month, day, hour, minute, second } as WallTime;
  const check = new Date(asUtc(time));
  const isReal = check.getUTCMonth() + 1 === time.month && check.getUTCDate() === time.day && time.hour < 24;
  return isReal && time.minute < 60 && time.second < 60 ? time : undefined;
}

/** Writes a wall-clock time as `readWallTime` reads it. */
export function wallText({ year, month, day, hour, minute, second }: WallTime): string {
  const two = (value: number) => String(value).padStart(2, "0");
  return `${year}-${two(month)}-${two(day)} ${two(hour)}:${two(minute)}:${two(second)}`;
}

/** Whether this is the IANA name of a time zone, such as Europe/Berlin. */
export function isTimeZone(timeZone: string): boolean {
  try {
    new Intl.DateTimeFormat("en-US", { timeZone });
    return true;
  } catch {
    return false;
  }
}

/** What a clock on the wall of `timeZone` shows at an instant. */
export function wallTimeAt(timeZone: string, atMs: UnixMs): WallTime {
  const parts: Record<string, number> = {};
  for (const { type, value } of formatterOf(timeZone).formatToParts(atMs)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return { year, month, day, hour: hour % 24, minute, second };
}

/** The instant of a wall-clock time. In the hour that is skipped: the same time before the change; repeated: the first. */
export function instantOf(timeZone: string, time: WallTime): UnixMs {
  const wanted = asUtc(time);
  const day = 86_400_000;
  // The offsets a day before and after are the only two that can hold around a change.
  const offsets = [wanted - day, wanted + day].map((atMs) => offsetMs(timeZone, atMs));
  const candidates = offsets
    .map((offset) => wanted - offset)
    .filter((atMs) => asUtc(wallTimeAt(timeZone, atMs)) === wanted);
  return candidates.length > 0 ? Math.min(...candidates) : wanted - (offsets[0] ?? 0);
}

function startOf(period: CalendarPeriod, index: number): UnixMs {
  const { anchor, unit, count, timeZone } = period;
  // Hours pass alike whether clocks are changed or not.
  if (unit === "hour") return instantOf(timeZone, anchor) + index * count * HOUR_MS;
  const months = MONTHS_OF[unit] * count * index;
  const days = DAYS_OF[unit] * count * index;
  const monthIndex = anchor.year * 12 + anchor.month - 1 + months;
  const year = Math.floor(monthIndex / 12);
  const month = (monthIndex % 12) + 1;
  // A period that begins on the 31st begins on the last day of shorter months.
  const day = months === 0 ? anchor.day : Math.min(anchor.day, daysIn(year, month));
  const shifted = new Date(asUtc({ ...anchor, year, month, day }) + days * 86_400_000);
  return instantOf(timeZone, {
    ...anchor,
    year: shifted.getUTCFullYear(),
    month: shifted.getUTCMonth() + 1,
    day: shifted.getUTCDate(),
  });
}

function estimateIndex(period: CalendarPeriod, nowMs: UnixMs): number {
  const unitDays = DAYS_OF[period.unit] || MONTHS_OF[period.unit] * 30.436875 || 1 / 24;
  return Math.floor((nowMs - asUtc(period.anchor)) / (unitDays * period.count * 86_400_000));
}

function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function asUtc(time: WallTime): number {
  return Date.UTC(time.year, time.month - 1, time.day, time.hour, time.minute, time.second);
}

function offsetMs(timeZone: string, atMs: UnixMs): number {
  return asUtc(wallTimeAt(timeZone, atMs)) - Math.floor(atMs / 1_000) * 1_000;
}

const formatters = new Map<string, Intl.DateTimeFormat>();

/** Formatters are costly to make and hold no state. */
function formatterOf(timeZone: string): Intl.DateTimeFormat {
  const known = formatters.get(timeZone);
  if (known) return known;
  const made = new Intl.DateTimeFormat("en-US", {
    timeZone,
    calendar: "gregory",
    numberingSystem: "latn",
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  formatters.set(timeZone, made);
  return made;
}
