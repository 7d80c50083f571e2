import type { UnixMs } from "@tocsin/model";
import { instantOf, wallTimeAt } from "./calendar.js";

/** A stretch of time whose events do not count, such as a maintenance window. */
export type Correction = OnceCorrection | RecurringCorrection;

export interface OnceCorrection {
  readonly kind: "once";
  readonly fromMs: UnixMs;
  /** Not included. */
  readonly toMs: UnixMs;
  readonly reason: string;
}

/** The same hours of the same days of every week. */
export interface RecurringCorrection {
  readonly kind: "weekly";
  /** 0 is Sunday. */
  readonly days: readonly number[];
  /** Minutes after midnight in `timeZone`; an end at or before the start lies on the next day. */
  readonly fromMinute: number;
  readonly toMinute: number;
  readonly timeZone: string;
  readonly reason: string;
}

const DAY_MS = 86_400_000;

/** The correction that takes out the events of this instant, if any does. */
export function correctionAt(corrections: readonly Correction[], atMs: UnixMs): Correction | undefined {
  return corrections.find((correction) =>
    correction.kind === "once"
      ? atMs >= correction.fromMs && atMs < correction.toMs
      : occurrences(correction, atMs).some(({ fromMs, toMs }) => atMs >= fromMs && atMs < toMs),
  );
}

/** The stretch that a recurring correction has on the wall-clock day of `atMs` and on the day before. */
function occurrences(correction: RecurringCorrection, atMs: UnixMs): { fromMs: UnixMs; toMs: UnixMs }[] {
  return [atMs - DAY_MS, atMs].flatMap((dayMs) => {
    const day = wallTimeAt(correction.timeZone, dayMs);
    const weekday = new Date(Date.UTC(day.year, day.month - 1, day.day)).getUTCDay();
    if (!correction.days.includes(weekday)) return [];
    // 24:00 is the next day's midnight.
    const wraps = correction.toMinute <= correction.fromMinute || correction.toMinute === 1_440;
    const end = new Date(Date.UTC(day.year, day.month - 1, day.day + (wraps ? 1 : 0)));
    const fromMs = instantOf(correction.timeZone, { ...day, ...timeOfDay(correction.fromMinute) });
    const toMs = instantOf(correction.timeZone, {
      year: end.getUTCFullYear(),
      month: end.getUTCMonth() + 1,
      day: end.getUTCDate(),
      ...timeOfDay(correction.toMinute),
    });
    return [{ fromMs, toMs }];
  });
}

function timeOfDay(minute: number): { hour: number; minute: number; second: number } {
  return { hour: Math.floor(minute / 60) % 24, minute: minute % 60, second: 0 };
}
