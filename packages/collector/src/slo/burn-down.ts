import type { UnixMs } from "@tocsin/model";
import type { SloBook } from "./book.js";
import { boundsAt } from "./period.js";
import { remainingBudget } from "./status.js";

/** The budget at one moment of the period. */
export interface BurnDownPoint {
  /** ISO 8601. */
  readonly at: string;
  /** Share of the period's budget that was left then; the allowance is that of all events up to now. */
  readonly budgetRemainingRatio: number;
  /** What an even pace would have left. */
  readonly evenPaceRatio: number;
}

const POINTS = 60;

/** How the budget went down over the period so far, at even steps. */
export function burnDown(book: SloBook, nowMs: UnixMs): BurnDownPoint[] {
  const { startMs, lengthMs } = boundsAt(book.spec.period, nowMs);
  const all = book.periodCounts(nowMs);
  const step = (nowMs - startMs) / POINTS;
  return Array.from({ length: POINTS + 1 }, (_, index) => {
    const atMs = startMs + index * step;
    const bad = book.between(startMs, atMs).bad;
    return {
      at: new Date(Math.round(atMs)).toISOString(),
      budgetRemainingRatio: remainingBudget(book, { bad, total: all.total }, nowMs),
      evenPaceRatio: 1 - (atMs - startMs) / lengthMs,
    };
  });
}
