import { messageOf, type UnixMs } from "@tocsin/model";
import { z } from "zod";
import { AlertsError } from "../errors.js";
import { containsTime, TimeInterval } from "../route/time-interval.js";

/** A recurring stretch of time as Alertmanager's time intervals are written, such as `{weekdays: ["sunday"], times: […]}`. */
export type WrittenInterval = z.input<typeof TimeInterval>;

const parsed = new WeakMap<object, TimeInterval>();

/** Whether a moment lies in one of the stretches, by the calendar and clock of each. */
export function recursAt(within: readonly WrittenInterval[], nowMs: UnixMs): boolean {
  return within.some((written) => {
    let interval = parsed.get(written);
    if (!interval) {
      interval = TimeInterval.parse(written);
      parsed.set(written, interval);
    }
    return containsTime(interval, nowMs);
  });
}

/** @throws {AlertsError} ALERTS_SILENCE_INVALID naming what is wrong */
export function checkRecurrence(within: readonly unknown[]): void {
  if (within.length === 0)
    throw new AlertsError("ALERTS_SILENCE_INVALID", "A silence that recurs needs a time at which it does.");
  for (const written of within) {
    const checked = TimeInterval.safeParse(written);
    if (!checked.success)
      throw new AlertsError("ALERTS_SILENCE_INVALID", `within: ${messageOf(z.prettifyError(checked.error))}`);
  }
}

const DAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const EXAMPLE =
  'Write for instance "sunday 02:00-04:00", "mon-fri 22:00-23:30", "daily 03:00-03:15" or "1 04:00-05:00" (day of the month).';

/**
 * Reads how often a silence recurs, in words: days, then from and to. A stretch over midnight belongs to the day on which
 * it begins.
 *
 * @param zone IANA name of the time zone that the times are meant in
 * @throws {AlertsError} ALERTS_SILENCE_INVALID with an example
 */
export function parseRecurrence(text: string, zone: string): WrittenInterval[] {
  const match = /^(.+?)\s+(\d{1,2}:\d{2})\s*-\s*(\d{1,2}:\d{2})$/.exec(text.trim().toLowerCase());
  const days = match && readDays(match[1] ?? "");
  if (!match || !days)
    throw new AlertsError("ALERTS_SILENCE_INVALID", `"${text}" does not say when to recur. ${EXAMPLE}`);
  const [from, to] = [padded(match[2] ?? ""), padded(match[3] ?? "")];
  const stretch = (start_time: string, end_time: string, on: Days): WrittenInterval => ({
    ...written(on),
    times: [{ start_time, end_time }],
    location: zone,
  });
  const within =
    from < to
      ? [stretch(from, to, days)]
      : [stretch(from, "24:00", days), ...(to === "00:00" ? [] : [stretch("00:00", to, nextDays(days))])];
  if (days.kind === "month" && from >= to)
    throw new AlertsError(
      "ALERTS_SILENCE_INVALID",
      "A stretch over midnight needs days of the week, or daily.",
    );
  checkRecurrence(within);
  return within;
}

type Days =
  | { readonly kind: "daily" }
  /** Numbers, Sunday is 0. */
  | { readonly kind: "week"; readonly days: readonly number[] }
  | { readonly kind: "month"; readonly day: string };

function readDays(text: string): Days | undefined {
  if (text === "daily" || text === "every day") return { kind: "daily" };
  if (/^-?\d+$/.test(text)) return { kind: "month", day: text };
  const days: number[] = [];
  for (const part of text.split(/\s*,\s*/)) {
    const [first = "", last = first, ...more] = part.split(/\s*-\s*/);
    const [from, to] = [dayOf(first), dayOf(last)];
    if (from === undefined || to === undefined || more.length > 0) return undefined;
    for (let day = from; ; day = (day + 1) % 7) {
      days.push(day);
      if (day === to) break;
    }
  }
  return { kind: "week", days };
}

function dayOf(text: string): number | undefined {
  const index = text.length < 3 ? -1 : DAYS.findIndex((day) => day.startsWith(text) || `${day}s` === text);
  return index === -1 ? undefined : index;
}

function nextDays(days: Days): Days {
  return days.kind === "week" ? { kind: "week", days: days.days.map((day) => (day + 1) % 7) } : days;
}

function written(days: Days): Pick<WrittenInterval, "weekdays" | "days_of_month"> {
  if (days.kind === "daily") return {};
  if (days.kind === "month") return { days_of_month: [days.day] };
  return { weekdays: [...new Set(days.days)].sort((a, b) => a - b).map((day) => DAYS[day] ?? "") };
}

function padded(time: string): string {
  return time.padStart(5, "0");
}

/** For people: `sunday 02:00-04:00 Europe/Berlin`. */
export function formatRecurrence(within: readonly WrittenInterval[]): string {
  return within
    .map(({ weekdays, days_of_month, months, years, times, location }) => {
      const days = [
        ...(weekdays?.length ? [weekdays.join(", ").replaceAll(":", "-")] : []),
        ...(days_of_month?.length ? [`day ${days_of_month.join(", ")} of the month`] : []),
        ...(months?.length ? [`in ${months.join(", ")}`] : []),
        ...(years?.length ? [years.join(", ")] : []),
      ];
      const hours = (times ?? []).map(({ start_time, end_time }) => `${start_time}-${end_time}`).join(", ");
      return `${days.length > 0 ? days.join(" ") : "daily"}${hours === "" ? "" : ` ${hours}`} ${location ?? "UTC"}`;
    })
    .join("; ");
}
