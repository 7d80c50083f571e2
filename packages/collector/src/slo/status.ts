import type { Labels, UnixMs } from "@tocsin/model";
import type { SloBook } from "./book.js";
import { budgetOf, exhaustion, windowName } from "./budget.js";
import { isEvident } from "./evidence.js";
import { boundsAt, periodName } from "./period.js";
import { errorBudgetOf, type Sli } from "./spec.js";
import { burnRate, type Severity, type WindowPair } from "./window-pair.js";
import type { EventCounts } from "./window-ring.js";

/** One window of a pair: what happened in it, and how fast that spends the budget. */
export interface WindowReading extends EventCounts {
  readonly windowMs: number;
  readonly burnRate: number;
}

/**
 * - `firing`     both windows are over the limit, and there is evidence enough
 * - `gated`      both are over, but so few events prove nothing yet
 * - `no-data`    the long window is over, but in the short one nothing happened at all: nobody knows
 * - `ok`         at least one window is within the limit
 */
export type PairState = "firing" | "gated" | "no-data" | "ok";

export interface PairReading {
  readonly pair: WindowPair;
  readonly state: PairState;
  readonly short: WindowReading;
  readonly long: WindowReading;
}

/** Bad events in the slowest long window from which a quiet service that keeps failing gets its ticket. */
export const SLOW_TICKET_BAD_EVENTS = 5;

/** Holds one pair against the books as of `nowMs`. Both windows must be strictly over the limit. */
export function readPair(
  source: Pick<SloBook, "window">,
  pair: WindowPair,
  errorBudget: number,
  useGate: boolean,
  nowMs: UnixMs,
): PairReading {
  const long = readWindow(source, pair.longMs, errorBudget, nowMs);
  const short = readWindow(source, pair.shortMs, errorBudget, nowMs);
  return { pair, short, long, state: pairState(pair, short, long, errorBudget, useGate) };
}

export function readWindow(
  source: Pick<SloBook, "window">,
  windowMs: number,
  errorBudget: number,
  nowMs: UnixMs,
): WindowReading {
  const { bad, total } = source.window(windowMs, nowMs);
  return { windowMs, bad, total, burnRate: burnRate(bad, total, errorBudget) };
}

/**
 * Whether no pair can have anything to say: no long window is over its limit. What every tick asks of every SLO, so it
 * looks at no more windows than it must; most have nothing bad in their longest one.
 */
export function isQuiet(book: SloBook, nowMs: UnixMs): boolean {
  const { spec } = book;
  // Where silence itself is an alert, only a whole reading tells.
  if (spec.onNoData === "alert") return false;
  const errorBudget = errorBudgetOf(spec);
  const pairs = slowestFirst(spec.pairs);
  for (const pair of pairs) {
    const long = book.window(pair.longMs, nowMs);
    if (long.bad <= 0) return true;
    if (isOver(long, pair.burnRate * errorBudget)) return false;
  }
  return true;
}

const sorted = new WeakMap<readonly WindowPair[], readonly WindowPair[]>();

/** Pairs by the length of their long windows; what is empty in one is empty in all shorter ones. */
function slowestFirst(pairs: readonly WindowPair[]): readonly WindowPair[] {
  let known = sorted.get(pairs);
  if (!known) {
    known = [...pairs].sort((a, b) => b.longMs - a.longMs);
    sorted.set(pairs, known);
  }
  return known;
}

/**
 * The slow ticket: the gate keeps a quiet service quiet, so one that keeps failing is told of by count. It is on when
 * the slowest pair's long window is over its limit with at least five bad events, and the budget is overspent.
 */
export function isSlowTicket(
  readings: readonly PairReading[],
  errorBudget: number,
  remainingRatio: number,
): boolean {
  const slowest = readings
    .filter(({ pair }) => pair.severity === "ticket")
    .sort((a, b) => b.pair.longMs - a.pair.longMs)[0];
  if (!slowest || remainingRatio >= 0) return false;
  return (
    isOver(slowest.long, slowest.pair.burnRate * errorBudget) && slowest.long.bad >= SLOW_TICKET_BAD_EVENTS
  );
}

function pairState(
  pair: WindowPair,
  short: WindowReading,
  long: WindowReading,
  errorBudget: number,
  useGate: boolean,
): PairState {
  const limit = pair.burnRate * errorBudget;
  if (!isOver(long, limit)) return "ok";
  if (short.total === 0) return "no-data";
  if (!isOver(short, limit)) return "ok";
  return useGate && !isEvident(Math.round(long.bad), Math.round(long.total), limit) ? "gated" : "firing";
}

function isOver({ bad, total }: EventCounts, limit: number): boolean {
  return total > 0 && bad / total > limit;
}

/** One SLO as `/api/v1/slos` shows it. Ratios are 0–1, instants ISO 8601. */
export interface SloStatus {
  readonly name: string;
  readonly service: string;
  readonly description: string;
  /** Labels of the group, for SLOs with `by`. */
  readonly group: Labels;
  readonly objective: number;
  readonly window: string;
  readonly sli: { readonly type: string };
  /** `no-data` when nothing was counted within the slowest long window. */
  readonly state: "ok" | Severity | "no-data";
  readonly good: number;
  readonly bad: number;
  readonly total: number;
  /** Share of good events in the period; null without events. */
  readonly sliRatio: number | null;
  readonly budgetRemainingRatio: number;
  /** By window: `5m`, `1h`, …; null where nothing happened in the window. */
  readonly burnRates: Readonly<Record<string, number | null>>;
  readonly exhaustionAt: string | null;
  /** "At this pace the budget ends in 3 h 12 min." */
  readonly exhaustion: string;
  readonly excludedEvents: number;
  readonly alerts: readonly PairStatus[];
}

export interface PairStatus {
  readonly severity: Severity;
  readonly shortWindow: string;
  readonly longWindow: string;
  readonly limit: number;
  readonly state: PairState;
  readonly short: { readonly bad: number; readonly total: number; readonly burnRate: number };
  readonly long: { readonly bad: number; readonly total: number; readonly burnRate: number };
}

/** Everything about one SLO as of `nowMs`. */
export function statusOf(book: SloBook, group: Labels, nowMs: UnixMs): SloStatus {
  book.settle(nowMs);
  const { spec } = book;
  const errorBudget = errorBudgetOf(spec);
  const counts = book.periodCounts(nowMs);
  const readings = readPairs(book, nowMs);
  const remainingRatio = remainingBudget(book, counts, nowMs);
  const end = exhaustion(remainingRatio, paceOf(readings), boundsAt(spec.period, nowMs).lengthMs, nowMs);
  return {
    name: spec.name,
    service: spec.service,
    description: spec.description,
    group,
    objective: spec.objective,
    window: periodName(spec.period),
    sli: describeSli(spec.sli),
    state: overallState(readings, isSlowTicket(readings, errorBudget, remainingRatio)),
    good: counts.total - counts.bad,
    bad: counts.bad,
    total: counts.total,
    sliRatio: counts.total > 0 ? 1 - counts.bad / counts.total : null,
    budgetRemainingRatio: remainingRatio,
    burnRates: burnRatesOf(readings),
    exhaustionAt: end.atMs === undefined ? null : new Date(Math.round(end.atMs)).toISOString(),
    exhaustion: counts.total > 0 ? end.words : "No events were counted in this period.",
    excludedEvents: book.excludedCount,
    alerts: readings.map(pairStatus),
  };
}

/**
 * The pairs of one SLO at one moment, each read when it is asked for: of an SLO that pages for its first pair nobody
 * needs to know the others.
 */
export class PairReadings {
  readonly #book: SloBook;
  readonly #nowMs: UnixMs;
  readonly #read: (PairReading | undefined)[] = [];

  constructor(book: SloBook, nowMs: UnixMs) {
    this.#book = book;
    this.#nowMs = nowMs;
  }

  at(index: number): PairReading | undefined {
    const { spec } = this.#book;
    const pair = spec.pairs[index];
    if (!pair) return undefined;
    const known =
      this.#read[index] ?? readPair(this.#book, pair, errorBudgetOf(spec), spec.evidenceGate, this.#nowMs);
    this.#read[index] = known;
    return known;
  }

  /** The first pair of a severity whose reading passes, in the order of the SLO. */
  find(severity: Severity, passes: (reading: PairReading) => boolean): PairReading | undefined {
    for (const [index, pair] of this.#book.spec.pairs.entries()) {
      if (pair.severity !== severity) continue;
      const reading = this.at(index);
      if (reading && passes(reading)) return reading;
    }
    return undefined;
  }

  all(): PairReading[] {
    return this.#book.spec.pairs.flatMap((_, index) => this.at(index) ?? []);
  }
}

/** Every pair of an SLO as of `nowMs`. */
export function readPairs(book: SloBook, nowMs: UnixMs): PairReading[] {
  return new PairReadings(book, nowMs).all();
}

/**
 * The share of the period's budget that is left. Where slices of time are budgeted the period's length fixes the
 * allowance; where events are, the traffic so far does.
 */
export function remainingBudget({ spec }: SloBook, counts: EventCounts, nowMs: UnixMs): number {
  const errorBudget = errorBudgetOf(spec);
  if (spec.budgeting.kind === "occurrences") return budgetOf(counts, errorBudget).remainingRatio;
  const slices = boundsAt(spec.period, nowMs).lengthMs / spec.budgeting.sliceMs;
  return budgetOf({ bad: counts.bad, total: slices }, errorBudget).remainingRatio;
}

/** The pace that forecasts go on: that of the first pair's short window, or of its long one when nothing was bad in it. */
export function paceOf(readings: readonly PairReading[]): number {
  const [first] = readings;
  if (!first) return 0;
  return first.short.bad > 0 ? first.short.burnRate : first.long.burnRate;
}

function overallState(readings: readonly PairReading[], isSlow: boolean): SloStatus["state"] {
  const firing = readings.filter(({ state }) => state === "firing").map(({ pair }) => pair.severity);
  if (firing.includes("page")) return "page";
  if (firing.includes("ticket") || isSlow) return "ticket";
  return readings.every(({ long }) => long.total === 0) ? "no-data" : "ok";
}

function burnRatesOf(readings: readonly PairReading[]): Record<string, number | null> {
  const windows = readings
    .flatMap(({ short, long }) => [short, long])
    .sort((a, b) => a.windowMs - b.windowMs);
  return Object.fromEntries(
    windows.map(({ windowMs, total, burnRate }) => [windowName(windowMs), total > 0 ? burnRate : null]),
  );
}

function pairStatus({ pair, state, short, long }: PairReading): PairStatus {
  return {
    severity: pair.severity,
    shortWindow: windowName(pair.shortMs),
    longWindow: windowName(pair.longMs),
    limit: pair.burnRate,
    state,
    short: { bad: short.bad, total: short.total, burnRate: short.burnRate },
    long: { bad: long.bad, total: long.total, burnRate: long.burnRate },
  };
}

function describeSli(sli: Sli): SloStatus["sli"] {
  const { kind, ...rest } = sli;
  const shown = Object.entries(rest).filter(
    ([, value]) => value !== undefined && value !== Number.POSITIVE_INFINITY,
  );
  return { type: kind === "raw" ? "error_ratio" : kind, ...Object.fromEntries(shown) };
}
