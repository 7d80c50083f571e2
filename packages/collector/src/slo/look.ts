import type { Comparison, QuerySli, Sli } from "./spec.js";

/** What one look adds to an SLO's counts; undefined when there was nothing to see. */
export type Look =
  | {
      readonly bad: number;
      readonly total: number;
      /** Counters as this look saw them, from which the next one goes on. */
      readonly counters?: Counters;
    }
  | undefined;

/** What the two queries of a ratio gave. */
export interface Counters {
  readonly part: number;
  readonly total: number;
}

/** What counters or rates say has happened since the last look. */
export function addedBy(
  sli: QuerySli,
  now: Counters,
  before: Counters | undefined,
  sinceMs: number,
): Counters {
  if (sli.form === "value") return now;
  if (sli.form === "rate") {
    const seconds = Math.min(sinceMs, sli.everyMs) / 1_000;
    return { part: now.part * seconds, total: now.total * seconds };
  }
  // The first look is only a base line.
  if (!before) return { part: 0, total: 0 };
  // A counter that fell was reset; what it shows now is what it gained.
  return {
    part: now.part < before.part ? now.part : now.part - before.part,
    total: now.total < before.total ? now.total : now.total - before.total,
  };
}

/** How often an indicator is looked at; undefined for those that are told of every request. */
export function intervalOf(sli: Sli): number | undefined {
  return "everyMs" in sli ? sli.everyMs : undefined;
}

/** One look that is good or bad as a whole. */
export function verdict(isGood: boolean): Look {
  return { bad: isGood ? 0 : 1, total: 1 };
}

/** Whether a value keeps to a limit. */
export function compare(value: number, op: Comparison, limit: number): boolean {
  switch (op) {
    case "lt":
      return value < limit;
    case "lte":
      return value <= limit;
    case "gt":
      return value > limit;
    case "gte":
      return value >= limit;
  }
}
