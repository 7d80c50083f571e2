import { asText } from "./builtins.js";
import type { TemplateFunction } from "./execute.js";
import { GoTime, ZERO_TIME_MS } from "./go-time.js";
import { numberOf } from "./text-functions.js";
import { kindOf, withMethods } from "./value.js";

/** A moment with the methods of Go's time.Time that templates call. */
export function time(ms: number, zone = "UTC"): GoTime {
  const value = new GoTime(ms, zone);
  return withMethods(value, timeMethods(value));
}

function timeMethods(value: GoTime): Record<string, TemplateFunction> {
  return {
    Format: (layout: unknown) => value.format(asText(layout)),
    String: () => value.toString(),
    Unix: () => BigInt(Math.floor(value.ms / 1_000)),
    UnixMilli: () => BigInt(value.ms),
    UTC: () => time(value.ms),
    Local: () => time(value.ms, Intl.DateTimeFormat().resolvedOptions().timeZone),
    IsZero: () => value.isZero,
    Before: (other: GoTime) => value.ms < other.ms,
    After: (other: GoTime) => value.ms > other.ms,
    Sub: (other: GoTime) => duration((value.ms - other.ms) / 1_000),
    Equal: (other: GoTime) => value.ms === other.ms,
    Add: (nanoseconds: unknown) => time(value.ms + nanosecondsOf(nanoseconds) / 1e6, value.zone),
    AddDate: (years: unknown, months: unknown, days: unknown) =>
      time(addDate(value.ms, years, months, days), value.zone),
    Truncate: (nanoseconds: unknown) => time(value.ms - sinceStep(value.ms, nanoseconds), value.zone),
    Round: (nanoseconds: unknown) => {
      const [over, step] = [sinceStep(value.ms, nanoseconds), nanosecondsOf(nanoseconds) / 1e6];
      return time(value.ms - over + (step > 0 && over * 2 >= step ? step : 0), value.zone);
    },
    UnixNano: () => BigInt(Math.round(value.ms * 1_000)) * 1_000n,
    Weekday: () => value.format("Monday"),
    Month: () => value.format("January"),
    YearDay: () => BigInt(value.format("002")),
    Second: () => BigInt(value.format("5")),
    Year: () => BigInt(value.format("2006")),
    Day: () => BigInt(value.format("2")),
    Hour: () => BigInt(value.format("15")),
    Minute: () => BigInt(value.format("4")),
  };
}

/** A duration in Go's own unit: a number, or a duration itself. */
function nanosecondsOf(value: unknown): number {
  return kindOf(value) === "struct" ? (value as { seconds: number }).seconds * 1e9 : numberOf(value);
}

/** Milliseconds since the last multiple of a step, counted from the year 1. */
function sinceStep(ms: number, nanoseconds: unknown): number {
  const step = nanosecondsOf(nanoseconds) / 1e6;
  return step > 0 ? (ms - ZERO_TIME_MS) % step : 0;
}

function addDate(ms: number, years: unknown, months: unknown, days: unknown): number {
  const date = new Date(ms);
  return date.setUTCFullYear(
    date.getUTCFullYear() + numberOf(years),
    date.getUTCMonth() + numberOf(months),
    date.getUTCDate() + numberOf(days),
  );
}

/** Go's time.Duration, which prints as `1h2m3s`. */
export function duration(seconds: number): object {
  const whole = Math.abs(seconds);
  const [hours, minutes] = [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60];
  const rest = `${Number((whole % 60).toFixed(9))}s`;
  const text = hours > 0 ? `${hours}h${minutes}m${rest}` : minutes > 0 ? `${minutes}m${rest}` : rest;
  return withMethods(
    { seconds },
    {
      String: () => (seconds < 0 ? `-${text}` : text),
      Seconds: () => seconds,
      Minutes: () => seconds / 60,
      Hours: () => seconds / 3_600,
    },
  );
}
