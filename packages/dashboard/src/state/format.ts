import type { Figures } from "./api-types.js";

/** Three significant digits, no exponent: `92`, `9.17`, `0.0213`, `1,230`. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return "–";
  return value.toLocaleString("en", { maximumSignificantDigits: 3 });
}

export function perSecond(value: number): string {
  return `${number(value)} /s`;
}

/** A ratio as percent; what is not known is a dash, never 0. */
export function percent(ratio: number | null | undefined): string {
  return ratio === null || ratio === undefined ? "–" : `${number(ratio * 100)} %`;
}

/** An objective needs all its nines. */
export function objective(ratio: number): string {
  return `${Number((ratio * 100).toFixed(6))} %`;
}

/** Seconds in the unit that reads best. */
export function latency(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return "–";
  return seconds >= 1 ? `${number(seconds)} s` : `${number(seconds * 1_000)} ms`;
}

/** A quantile; one beyond the sender's last bucket is known to be that great at least. */
export function quantile(figures: Figures, name: "p50" | "p95" | "p99"): string {
  const { latencySeconds, latencyRelativeErrors } = figures;
  const isBeyond = latencySeconds[name] !== null && latencyRelativeErrors?.[name] === null;
  return `${isBeyond ? "≥ " : ""}${latency(latencySeconds[name])}`;
}

/** The same with how far it may be off: `212 ms ± 4.5 %`. */
export function quantileWithError(figures: Figures, name: "p50" | "p95" | "p99"): string {
  const error = figures.latencyRelativeErrors?.[name];
  return error ? `${quantile(figures, name)} ± ${percent(error)}` : quantile(figures, name);
}

export function burn(rate: number | null | undefined): string {
  return rate === null || rate === undefined ? "–" : `${number(rate)}×`;
}

/** How long ago, in one unit: `now`, `12 s`, `4 min`, `3 h`, `2 d`. */
export function age(fromMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - fromMs) / 1_000));
  if (seconds < 2) return "now";
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** How long until then, in one unit: `12 min`, `3 h`, `2 d`; `now` for what has passed. */
export function until(iso: string, nowMs: number): string {
  return age(nowMs, Date.parse(iso));
}

/** Day and time to the minute, in the reader's zone: `Sat 21 Nov, 14:13`. */
export function dayTime(iso: string): string {
  return new Date(iso).toLocaleString("en-GB", {
    weekday: "short",
    day: "numeric",
    month: "short",
    hour: "2-digit",
    minute: "2-digit",
  });
}

/** The time of day, with seconds, in the reader's zone. */
export function time(iso: string | number | null): string {
  if (iso === null) return "–";
  return new Date(iso).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}
