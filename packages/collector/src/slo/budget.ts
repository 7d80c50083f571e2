import { formatDuration, type UnixMs } from "@tocsin/model";
import type { EventCounts } from "./window-ring.js";

/** What is left of an error budget. */
export interface Budget {
  /** Bad events that the period may hold: (1 − objective) · total. */
  readonly allowed: number;
  /** Share of the budget that is left; negative once it is overspent, 1 when nothing was bad. */
  readonly remainingRatio: number;
}

/**
 * The budget of a period so far. Every event weighs the same, so the allowance grows with traffic; a period
 * without events has spent nothing.
 */
export function budgetOf({ bad, total }: EventCounts, errorBudget: number): Budget {
  const allowed = total * errorBudget;
  return { allowed, remainingRatio: allowed > 0 ? 1 - bad / allowed : 1 };
}

/** When the budget ends at the present pace. */
export interface Exhaustion {
  /** Undefined when it does not end within the SLO's period at this pace. */
  readonly atMs: UnixMs | undefined;
  /** For people: "Budget ends in 3 h 12 min at this pace." */
  readonly words: string;
}

/**
 * The time at which the budget runs out if it goes on being spent at `burnRate`: a full budget lasts P / burn rate.
 *
 * @param remainingRatio share of the budget that is left
 */
export function exhaustion(
  remainingRatio: number,
  burnRate: number,
  periodMs: number,
  nowMs: UnixMs,
): Exhaustion {
  if (remainingRatio <= 0) {
    const over = percentWords(-remainingRatio);
    return {
      atMs: nowMs,
      words: remainingRatio === 0 ? "The budget is spent." : `The budget is overspent by ${over}.`,
    };
  }
  if (burnRate <= 0) return { atMs: undefined, words: "The budget is not being spent." };
  const leftMs = (remainingRatio * periodMs) / burnRate;
  // Spent no faster than it refills, or so slowly that the period is over first: no end to name.
  if (leftMs > periodMs)
    return { atMs: undefined, words: "At this pace the budget lasts longer than its period." };
  return { atMs: nowMs + leftMs, words: `At this pace the budget ends in ${durationWords(leftMs)}.` };
}

/** A length of time as people say it, to two units: `3 h 12 min`, `2 d 4 h`, `48 s`. */
export function durationWords(durationMs: number): string {
  const seconds = Math.round(durationMs / 1_000);
  if (seconds < 1) return `${Math.max(0, Math.round(durationMs))} ms`;
  const units = [
    ["d", 86_400],
    ["h", 3_600],
    ["min", 60],
    ["s", 1],
  ] as const;
  const first = units.findIndex(([, size]) => seconds >= size);
  const [name, size] = units[first] ?? ["s", 1];
  const next = units[first + 1];
  const rest = next ? Math.floor((seconds % size) / next[1]) : 0;
  return rest > 0 && next
    ? `${Math.floor(seconds / size)} ${name} ${rest} ${next[0]}`
    : `${Math.floor(seconds / size)} ${name}`;
}

/** A window's length as burn rates are keyed by: `5m`, `1h`, `3d`. */
export function windowName(windowMs: number): string {
  return formatDuration(windowMs);
}

/** A ratio in percent with three significant digits, `99.9 %`. */
export function percentWords(ratio: number, digits = 3): string {
  return `${Number((ratio * 100).toPrecision(digits))} %`;
}
