import type { Evidence, EvidenceHistory } from "@tocsin/alerts";
import { formatLabels, type UnixMs } from "@tocsin/model";
import { budgetOf, durationWords, exhaustion, percentWords, windowName } from "./budget.js";
import { lowerBound } from "./evidence.js";
import { boundsAt, periodName } from "./period.js";
import { errorBudgetOf } from "./spec.js";
import { type PairReading, paceOf, remainingBudget } from "./status.js";
import type { TrackedSlo } from "./tracker.js";

/** Routes, versions and error types of each kind that an alert names. */
const EVIDENCE_SPENDERS = 3;

/** The alert in words: how fast, what was counted, against which limit, and when the budget ends. */
export function describeAlert(
  tracked: TrackedSlo,
  cause: PairReading,
  readings: readonly PairReading[],
  sinceMs: UnixMs,
  nowMs: UnixMs,
): Record<string, string> {
  const { spec, group, book } = tracked;
  const { pair, long, short } = cause;
  const pace = paceOf(readings);
  const remaining = remainingBudget(book, book.periodCounts(nowMs), nowMs);
  const end = exhaustion(remaining, pace, boundsAt(spec.period, nowMs).lengthMs, nowMs);
  const name = Object.keys(group).length > 0 ? `${spec.name} ${formatLabels(group)}` : spec.name;
  const counted = [short, long]
    .map(
      ({ windowMs, bad, total }) =>
        `${countWords(bad)} of ${countWords(total)} (${percentWords(total > 0 ? bad / total : 0)}) in ${durationWords(windowMs)}`,
    )
    .join(" and ");
  return {
    summary: flat`${name} spends its error budget ${round(pace)} times too fast`,
    description: flat`Bad events: ${counted}. The limit is ${round(pair.burnRate)} times the pace that keeps ${percentWords(spec.objective, 6)} over ${periodName(spec.period)}. ${end.words}`,
    window: flat`${windowName(pair.longMs)} and ${windowName(pair.shortMs)}`,
    burn_rate: String(round(long.burnRate)),
    budget_remaining: percentWords(remaining),
    evidence: flat`${countWords(long.bad)} bad of ${countWords(long.total)}: with 95 % confidence at least ${percentWords(lowerBound(Math.round(long.bad), Math.round(long.total)))} are bad`,
    budget_spent: percentWords(spentSince(tracked, sinceMs - pair.longMs, nowMs)),
    ...(end.atMs === undefined ? {} : { exhaustion_at: new Date(Math.round(end.atMs)).toISOString() }),
    ...(end.atMs !== undefined && end.atMs > nowMs ? { exhaustion: durationWords(end.atMs - nowMs) } : {}),
  };
}

/** Share of the period's budget that was spent since an instant: for an incident, the start of the window that told of it. */
function spentSince({ book, spec }: TrackedSlo, sinceMs: UnixMs, nowMs: UnixMs): number {
  const { bad } = book.between(sinceMs, nowMs);
  const { allowed } = budgetOf(book.periodCounts(nowMs), errorBudgetOf(spec));
  return allowed > 0 ? bad / allowed : 0;
}

/** What the alert knew when it fired: every window, the objective, and where the bad events were. */
export function evidenceOf(
  { spec, book }: TrackedSlo,
  { pair }: PairReading,
  readings: readonly PairReading[],
  nowMs: UnixMs,
): Partial<Evidence> {
  return {
    atMs: nowMs,
    condition: `burn rate over ${round(pair.burnRate)} in ${windowName(pair.longMs)} and ${windowName(pair.shortMs)}`,
    windows: readings.flatMap((reading) =>
      [reading.short, reading.long].map(({ windowMs, bad, total, burnRate }) => ({
        window: windowName(windowMs),
        bad,
        total,
        errorRatio: total > 0 ? bad / total : 0,
        burnRate,
        limit: reading.pair.burnRate,
        // Of the two windows that made it fire; the others tell less than they cost.
        ...(reading.pair === pair ? { history: burnHistory(book, spec, windowMs, pair.shortMs, nowMs) } : {}),
      })),
    ),
    values: [{ name: "objective", value: spec.objective }],
    where: book.spenders(nowMs - pair.longMs, nowMs, EVIDENCE_SPENDERS),
  };
}

const HISTORY_POINTS = 24;

/** Burn rates of a window as of moments over the last two short windows. */
function burnHistory(
  book: TrackedSlo["book"],
  spec: TrackedSlo["spec"],
  windowMs: number,
  shortMs: number,
  nowMs: UnixMs,
): EvidenceHistory {
  const stepMs = Math.max(1_000, Math.round((2 * shortMs) / HISTORY_POINTS / 1_000) * 1_000);
  const startMs = nowMs - (HISTORY_POINTS - 1) * stepMs;
  const values = Array.from({ length: HISTORY_POINTS }, (_, index) => {
    const atMs = startMs + index * stepMs;
    const { bad, total } = book.between(atMs - windowMs, atMs);
    return total > 0 ? round(bad / total / errorBudgetOf(spec)) : null;
  });
  return { startMs, stepMs, values };
}

/** A text in one piece: V8 keeps one that was put together as a tree of its pieces, at several times the memory. */
export function flat(texts: TemplateStringsArray, ...values: readonly (string | number)[]): string {
  return texts.flatMap((text, index) => [text, values[index] ?? ""]).join("");
}

/** Three significant digits. */
export function round(value: number): number {
  return Number(value.toPrecision(3));
}

function countWords(count: number): string {
  return String(Math.round(count)).replaceAll(/\B(?=(\d{3})+$)/g, ",");
}
