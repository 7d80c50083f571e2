import type { UnixMs } from "@tocsin/model";
import type { MonthCounts } from "./months.js";
import { errorBudgetOf, type SloSpec } from "./spec.js";
import type { Spender } from "./spenders.js";
import { burnRate } from "./window-pair.js";
import type { EventCounts } from "./window-ring.js";

/** What can be asked of an SLO's counts, whether it keeps its own or adds up those of others. */
export interface SloBook {
  readonly spec: SloSpec;
  /** Events that corrections took out. */
  readonly excludedCount: number;
  /** Brings everything that was decided by the passing of time into the counts. */
  settle(nowMs: UnixMs): void;
  /** Events of the window of this length that ends at `endMs`. */
  window(lengthMs: number, endMs: UnixMs): EventCounts;
  /** Events of the SLO's period so far. */
  periodCounts(nowMs: UnixMs): EventCounts;
  between(fromMs: UnixMs, toMs: UnixMs): EventCounts;
  months(): MonthCounts[];
  /** Where the bad events since an instant came from: at most `limit` per key, largest first. */
  spenders(sinceMs: UnixMs, nowMs: UnixMs, limit: number): Spender[];
}

/** One SLO that a composite is made of. */
export interface CompositePart {
  readonly book: SloBook;
  readonly weight: number;
}

/**
 * A composite SLO: its burn rate is the weighted sum of its parts' burn rates, so that it spends its budget whenever
 * one of them does. Its counts are the parts' events in all, with as many of them bad as give that burn rate.
 *
 * @see OpenSLO v1, Notes (Composite SLO).
 */
export class CompositeBook implements SloBook {
  readonly spec: SloSpec;
  readonly excludedCount = 0;
  readonly #parts: readonly CompositePart[];

  constructor(spec: SloSpec, parts: readonly CompositePart[]) {
    this.spec = spec;
    this.#parts = parts;
  }

  settle(nowMs: UnixMs): void {
    for (const { book } of this.#parts) book.settle(nowMs);
  }

  window(lengthMs: number, endMs: UnixMs): EventCounts {
    return this.#combine((book) => book.window(lengthMs, endMs));
  }

  periodCounts(nowMs: UnixMs): EventCounts {
    return this.#combine((book) => book.periodCounts(nowMs));
  }

  between(fromMs: UnixMs, toMs: UnixMs): EventCounts {
    return this.#combine((book) => book.between(fromMs, toMs));
  }

  months(): MonthCounts[] {
    const names = new Set(this.#parts.flatMap(({ book }) => book.months().map(({ month }) => month)));
    return [...names].sort().map((month) => ({
      month,
      ...this.#combine((book) => book.months().find((each) => each.month === month) ?? { bad: 0, total: 0 }),
    }));
  }

  /** By part, each by how much of this SLO's budget it spent; its bad and total are its own events. */
  spenders(sinceMs: UnixMs, nowMs: UnixMs, limit: number): Spender[] {
    const parts = this.#parts.map(({ book, weight }) => {
      const { bad, total } = book.between(sinceMs, nowMs);
      const burn = weight * burnRate(bad, total, errorBudgetOf(book.spec));
      return { value: book.spec.name, bad, total, burn };
    });
    const all = parts.reduce((sum, { burn }) => sum + burn, 0);
    return parts
      .filter(({ burn }) => burn > 0)
      .sort((a, b) => b.burn - a.burn)
      .slice(0, limit)
      .map(({ burn, ...part }) => ({ by: "slo", ...part, share: burn / all }));
  }

  #combine(countsOf: (book: SloBook) => EventCounts): EventCounts {
    let total = 0;
    let burn = 0;
    for (const { book, weight } of this.#parts) {
      const counts = countsOf(book);
      total += counts.total;
      burn += weight * burnRate(counts.bad, counts.total, errorBudgetOf(book.spec));
    }
    return { bad: total * burn * errorBudgetOf(this.spec), total };
  }
}
