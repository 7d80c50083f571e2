import type { UnixMs } from "@tocsin/model";
import type { ObservedRequests } from "../signals/requests.js";
import type { MonthCounts, SloBook } from "./book.js";
import { correctionAt, type OnceCorrection } from "./correction.js";
import { boundsAt, longestMs } from "./period.js";
import { TimeSlices } from "./slices.js";
import type { SloSpec } from "./spec.js";
import { type Spender, Spenders, type SpendersState } from "./spenders.js";
import {
  type EventCounts,
  type HistoryBucket,
  type PutNumber,
  ringLevels,
  WindowRing,
} from "./window-ring.js";

/** Parts of a unit in which shares of an event are counted; the ring itself counts whole numbers. */
const SHARE_UNITS = 100_000;
const QUERY_UNITS = 1_000;
const MONTHS_KEPT = 24;

/**
 * The books of one SLO (of one group of it): how many events were bad, when. Events arrive in any order; their weights may
 * be fractions (sampled spans, rates), whose remainders are carried so that totals are right to the unit.
 */
export class SloLedger implements SloBook {
  readonly spec: SloSpec;
  /** How many ring units one event has. */
  readonly unitsPerEvent: number;
  readonly #ring: WindowRing;
  readonly #slices: TimeSlices | undefined;
  /** Made with the first request; SLOs by query have none. */
  #spenders: Spenders | undefined;
  readonly #months = new Map<string, { bad: number; total: number }>();
  /** Corrections that were made while running, besides those of the configuration. */
  #corrections: OnceCorrection[] = [];
  #carriedBad = 0;
  #carriedTotal = 0;
  #excluded = 0;
  #corrected = { second: -1, isExcluded: false };

  constructor(spec: SloSpec) {
    this.spec = spec;
    this.unitsPerEvent = unitsOf(spec);
    this.#ring = new WindowRing(ringLevels(Math.ceil(longestMs(spec.period) / 1_000)));
    this.#slices = slicesOf(spec, this.unitsPerEvent);
  }

  get sizeBytes(): number {
    return this.#ring.sizeBytes;
  }

  /** Events that corrections took out. */
  get excludedCount(): number {
    return this.#excluded;
  }

  /** Whether any event was ever counted. */
  get hasEvents(): boolean {
    return this.#ring.lifetime.total > 0;
  }

  /** Notes what observed requests, which `record` is told of as well, did to the budget. */
  blame(requests: ObservedRequests, bad: number): void {
    if (this.#hasCorrections && this.#isExcluded(requests.toSecond)) return;
    this.#spenders ??= new Spenders(longestMs(this.spec.period));
    this.#spenders.add(requests, bad);
  }

  spenders(sinceMs: UnixMs, nowMs: UnixMs, limit: number): Spender[] {
    return this.#spenders?.top(Math.floor(sinceMs / 1_000), Math.ceil(nowMs / 1_000), limit) ?? [];
  }

  /** Adds events to one second. `bad` and `total` may be fractions. */
  record(second: number, bad: number, total: number): void {
    if (total <= 0) return;
    if (this.#hasCorrections && this.#isExcluded(second)) {
      this.#excluded += total;
      return;
    }
    if (this.#slices) this.#slices.add(second, bad, total);
    else this.#count(second, bad * this.unitsPerEvent, total * this.unitsPerEvent);
  }

  /** Brings slices that have ended into the books. Cheap when there are none. */
  settle(nowMs: UnixMs): void {
    if (!this.#slices) return;
    for (const { second, bad, total } of this.#slices.settle(Math.floor(nowMs / 1_000)))
      this.#count(second, bad, total);
  }

  /**
   * Events of the window of this length that ends at `endMs`: exact to the second for short windows, see `WindowRing`.
   * A second that has begun counts as far as it has come.
   */
  window(lengthMs: number, endMs: UnixMs): EventCounts {
    const endSecond = Math.ceil(endMs / 1_000);
    return this.#events(this.#ring.sum(endSecond - Math.round(lengthMs / 1_000), endSecond));
  }

  /** Events of the SLO's period so far, in whole numbers where events are whole. */
  periodCounts(nowMs: UnixMs): EventCounts {
    const { startMs } = boundsAt(this.spec.period, nowMs);
    return this.#events(this.#ring.sumWhole(Math.ceil(startMs / 1_000), Math.ceil(nowMs / 1_000)));
  }

  /** Counts between two instants, for burn-down charts. */
  between(fromMs: UnixMs, toMs: UnixMs): EventCounts {
    return this.#events(this.#ring.sumWhole(Math.ceil(fromMs / 1_000), Math.ceil(toMs / 1_000)));
  }

  /** Everything that is known, oldest first, at the finest resolution that is left; in events. */
  *history(): Generator<HistoryBucket> {
    for (const bucket of this.#ring.history()) yield { ...bucket, ...this.#events(bucket) };
  }

  /** Calendar months, oldest first. */
  months(): MonthCounts[] {
    return [...this.#months].map(([month, { bad, total }]) => ({ month, ...this.#events({ bad, total }) }));
  }

  /**
   * Takes the events of a stretch out afterwards; those of it that still come are not counted either. Doing the same
   * again changes nothing.
   *
   * @returns what was taken out
   */
  exclude(correction: OnceCorrection): EventCounts {
    const { fromMs, toMs } = correction;
    if (this.#corrections.some((each) => each.fromMs === fromMs && each.toMs === toMs))
      return { bad: 0, total: 0 };
    this.#corrections.push(correction);
    this.#corrected.second = -1;
    const removed = this.#ring.remove(Math.floor(fromMs / 1_000), Math.ceil(toMs / 1_000));
    const events = this.#events(removed);
    this.#excluded += events.total;
    const month = this.#months.get(monthOf(fromMs));
    if (month) {
      month.bad = Math.max(0, month.bad - removed.bad);
      month.total = Math.max(0, month.total - removed.total);
    }
    return events;
  }

  /** The state: a few plain values, and the ring's numbers. */
  snapshot(): { state: LedgerState; writeNumbers: (put: PutNumber) => void } {
    const state: LedgerState = {
      carried: [this.#carriedBad, this.#carriedTotal],
      excluded: this.#excluded,
      months: [...this.#months].map(([month, { bad, total }]) => [month, bad, total]),
      slices: this.#slices?.toJSON(),
      corrections: this.#corrections,
      spenders: this.#spenders?.toJSON(),
    };
    return { state, writeNumbers: (put) => this.#ring.writeNumbers(put) };
  }

  /**
   * Replaces the state with what `snapshot` gave.
   *
   * @param periodMs the period that the ledger had then; counts are carried over where it was another
   */
  restore(state: LedgerState, next: () => number, periodMs: number): void {
    [this.#carriedBad, this.#carriedTotal] = state.carried;
    this.#excluded = state.excluded;
    this.#months.clear();
    for (const [month, bad, total] of state.months) this.#months.set(month, { bad, total });
    this.#slices?.load(state.slices);
    this.#corrections = [...(state.corrections ?? [])];
    this.#spenders = undefined;
    if (state.spenders) {
      this.#spenders = new Spenders(longestMs(this.spec.period));
      this.#spenders.load(state.spenders);
    }
    if (periodMs === longestMs(this.spec.period)) this.#ring.load(next);
    else {
      const before = new WindowRing(ringLevels(Math.ceil(periodMs / 1_000)));
      before.load(next);
      this.#ring.takeOver(before);
    }
  }

  #count(second: number, bad: number, total: number): void {
    let wholeBad = bad;
    let wholeTotal = total;
    if (!Number.isInteger(bad) || !Number.isInteger(total)) {
      this.#carriedBad += bad;
      this.#carriedTotal += total;
      // Sums of many fractions drift by a few last bits; the nudge keeps ten tenths one.
      wholeBad = Math.floor(this.#carriedBad + 1e-6);
      wholeTotal = Math.floor(this.#carriedTotal + 1e-6);
      this.#carriedBad -= wholeBad;
      this.#carriedTotal -= wholeTotal;
    }
    if (wholeBad === 0 && wholeTotal === 0) return;
    this.#ring.add(second, wholeBad, wholeTotal);
    this.#countMonth(second, wholeBad, wholeTotal);
  }

  #countMonth(second: number, bad: number, total: number): void {
    const name = monthOf(second * 1_000);
    const month = this.#months.get(name);
    if (month) {
      month.bad += bad;
      month.total += total;
      return;
    }
    this.#months.set(name, { bad, total });
    if (this.#months.size > MONTHS_KEPT) {
      const oldest = [...this.#months.keys()].sort()[0];
      if (oldest !== undefined) this.#months.delete(oldest);
    }
  }

  get #hasCorrections(): boolean {
    return this.spec.corrections.length + this.#corrections.length > 0;
  }

  #isExcluded(second: number): boolean {
    if (this.#corrected.second !== second) {
      const all = [...this.spec.corrections, ...this.#corrections];
      this.#corrected = { second, isExcluded: correctionAt(all, second * 1_000) !== undefined };
    }
    return this.#corrected.isExcluded;
  }

  #events({ bad, total }: EventCounts): EventCounts {
    return this.unitsPerEvent === 1
      ? { bad, total }
      : { bad: bad / this.unitsPerEvent, total: total / this.unitsPerEvent };
  }
}

/** What of a ledger is kept as JSON; its ring is kept as numbers. */
export interface LedgerState {
  carried: [bad: number, total: number];
  excluded: number;
  months: [month: string, bad: number, total: number][];
  slices: unknown;
  corrections?: readonly OnceCorrection[];
  spenders?: SpendersState | undefined;
}

function unitsOf({ sli, budgeting }: SloSpec): number {
  if (budgeting.kind === "ratio-timeslices" || sli.kind === "raw") return SHARE_UNITS;
  return sli.kind === "ratio" && budgeting.kind === "occurrences" ? QUERY_UNITS : 1;
}

function slicesOf({ budgeting }: SloSpec, units: number): TimeSlices | undefined {
  switch (budgeting.kind) {
    case "occurrences":
      return undefined;
    case "timeslices":
      return new TimeSlices(budgeting.sliceMs / 1_000, ({ bad, total }) => ({
        bad: (total - bad) / total < budgeting.target ? units : 0,
        total: units,
      }));
    case "ratio-timeslices":
      return new TimeSlices(budgeting.sliceMs / 1_000, ({ bad, total }) => ({
        bad: Math.round((units * bad) / total),
        total: units,
      }));
  }
}

let lastMonth = { fromMs: 0, toMs: 0, name: "" };

/** The UTC month of an instant; the last answer is remembered, since events come in order or nearly so. */
function monthOf(atMs: UnixMs): string {
  if (atMs < lastMonth.fromMs || atMs >= lastMonth.toMs) {
    const date = new Date(atMs);
    lastMonth = {
      fromMs: Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1),
      toMs: Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1),
      name: date.toISOString().slice(0, 7),
    };
  }
  return lastMonth.name;
}
