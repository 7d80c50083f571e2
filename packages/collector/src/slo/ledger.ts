import type { UnixMs } from "@tocsin/model";
import type { ObservedRequests } from "../signals/requests.js";
import type { SloBook } from "./book.js";
import { correctionAt, type OnceCorrection } from "./correction.js";
import { type MonthCounts, Months } from "./months.js";
import type { NumberWriter } from "./number-codec.js";
import { boundsAt, longestMs } from "./period.js";
import { ringLevels } from "./ring-levels.js";
import { TimeSlices } from "./slices.js";
import type { SloSpec } from "./spec.js";
import { type Spender, type SpenderNames, Spenders } from "./spenders.js";
import { type EventCounts, type HistoryBucket, WindowRing } from "./window-ring.js";

/** Parts of a unit in which shares of an event are counted; the ring itself counts whole numbers. */
const SHARE_UNITS = 100_000;
const QUERY_UNITS = 1_000;

/**
 * The books of one SLO (of one group of it): how many events were bad, when. Events arrive in any order; their weights may
 * be fractions (sampled spans, rates), whose remainders are carried so that totals are right to the unit.
 */
export class SloLedger implements SloBook {
  readonly spec: SloSpec;
  /** How many ring units one event has. */
  readonly unitsPerEvent: number;
  #ring: WindowRing;
  #slices: TimeSlices | undefined;
  /** Made with the first request; SLOs by query have none. */
  #spenders: Spenders | undefined;
  #months: Months;
  /** Corrections that were made while running, besides those of the configuration. */
  #corrections: OnceCorrection[] = [];
  #carriedBad = 0;
  #carriedTotal = 0;
  #excluded = 0;
  #corrected = { second: -1, isExcluded: false };
  /** Told before anything of the state changes. */
  #beforeChange: () => void = NOTHING;

  constructor(spec: SloSpec) {
    this.spec = spec;
    this.unitsPerEvent = unitsOf(spec);
    this.#ring = new WindowRing(levelsOf(longestMs(spec.period), this.unitsPerEvent));
    this.#slices = slicesOf(spec, this.unitsPerEvent);
    this.#months = new Months(spec.period.kind === "calendar" ? spec.period.timeZone : "UTC");
  }

  /** Memory of the counts in bytes. */
  get sizeBytes(): number {
    return this.#ring.sizeBytes + (this.#spenders?.sizeBytes ?? 0);
  }

  /** Calls `callback` before every change of the state, as it then still is; replaces the one before. */
  onChange(callback: () => void): void {
    this.#beforeChange = callback;
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
    this.#beforeChange();
    this.#spenders ??= new Spenders(longestMs(this.spec.period));
    this.#spenders.add(requests, bad);
  }

  spenders(sinceMs: UnixMs, nowMs: UnixMs, limit: number): Spender[] {
    return this.#spenders?.top(Math.floor(sinceMs / 1_000), Math.ceil(nowMs / 1_000), limit) ?? [];
  }

  /** Adds events to one second. `bad` and `total` may be fractions. */
  record(second: number, bad: number, total: number): void {
    if (total <= 0) return;
    this.#beforeChange();
    if (this.#hasCorrections && this.#isExcluded(second)) {
      this.#excluded += total;
      return;
    }
    if (this.#slices) this.#slices.add(second, bad, total);
    else this.#count(second, bad * this.unitsPerEvent, total * this.unitsPerEvent);
  }

  /** Brings slices that have ended into the books. Cheap when there are none. */
  settle(nowMs: UnixMs): void {
    const nowSecond = Math.floor(nowMs / 1_000);
    if (!this.#slices?.isDue(nowSecond)) return;
    this.#beforeChange();
    for (const { second, bad, total } of this.#slices.settle(nowSecond)) this.#count(second, bad, total);
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
    return this.#months.list().map(({ month, ...counts }) => ({ month, ...this.#events(counts) }));
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
    this.#beforeChange();
    this.#corrections.push(correction);
    this.#corrected.second = -1;
    const removed = this.#ring.remove(Math.floor(fromMs / 1_000), Math.ceil(toMs / 1_000));
    const events = this.#events(removed);
    this.#excluded += events.total;
    if (removed.total > 0) this.#months.add(Math.floor(fromMs / 1_000), -removed.bad, -removed.total);
    return events;
  }

  /** The few values of the state that are no counts; `writeNumbers` writes the counts. */
  values(): LedgerValues {
    return {
      carried: [this.#carriedBad, this.#carriedTotal],
      excluded: this.#excluded,
      slices: this.#slices?.toJSON(),
      corrections: this.#corrections,
      spenders: this.#spenders?.names(),
    };
  }

  writeNumbers(out: NumberWriter): void {
    this.#months.writeNumbers(out);
    this.#ring.writeNumbers(out);
    this.#spenders?.writeNumbers(out);
  }

  /**
   * Replaces the state with what `values` and `writeNumbers` gave.
   *
   * @param periodMs the period that the ledger had then; counts are carried over where it was another
   */
  restore(values: LedgerValues, next: () => number, periodMs: number): void {
    this.#beforeChange();
    [this.#carriedBad, this.#carriedTotal] = values.carried;
    this.#excluded = values.excluded;
    this.#slices?.load(values.slices);
    this.#corrections = [...values.corrections];
    this.#months.load(next);
    const isSamePeriod = periodMs === longestMs(this.spec.period);
    if (isSamePeriod) this.#ring.load(next);
    else {
      const before = new WindowRing(levelsOf(periodMs, this.unitsPerEvent));
      before.load(next);
      this.#ring.takeOver(before);
    }
    // What spent the budget is counted in slots of the period, so another period begins anew.
    this.#spenders = undefined;
    if (isSamePeriod && values.spenders) {
      this.#spenders = new Spenders(periodMs);
      this.#spenders.load(values.spenders, next);
    }
  }

  /** Goes on where another ledger of the same measure stands, which must not be used any more. */
  continueFrom(before: SloLedger): void {
    this.#beforeChange();
    before.#beforeChange();
    this.#carriedBad = before.#carriedBad;
    this.#carriedTotal = before.#carriedTotal;
    this.#excluded = before.#excluded;
    this.#corrections = before.#corrections;
    this.#months = before.#months;
    this.#slices = before.#slices;
    if (longestMs(before.spec.period) === longestMs(this.spec.period)) {
      this.#ring = before.#ring;
      this.#spenders = before.#spenders;
    } else this.#ring.takeOver(before.#ring);
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
    this.#months.add(second, wholeBad, wholeTotal);
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

/** What of a ledger is kept as JSON; its counts are kept as numbers. */
export interface LedgerValues {
  readonly carried: readonly [bad: number, total: number];
  readonly excluded: number;
  readonly slices: unknown;
  readonly corrections: readonly OnceCorrection[];
  readonly spenders?: SpenderNames | undefined;
}

const NOTHING = () => {};

function levelsOf(periodMs: number, unitsPerEvent: number) {
  return ringLevels(Math.ceil(periodMs / 1_000), unitsPerEvent);
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
