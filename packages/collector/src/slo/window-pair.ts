/** Who is told: `page` wakes a person now, `ticket` waits for working hours. */
export type Severity = "page" | "ticket";

/** Every severity. */
export const SEVERITIES = ["page", "ticket"] as const satisfies readonly Severity[];

/**
 * A multi-window burn-rate condition: the alert is on while the burn rate is over the limit in the long window (so
 * that it matters) and in the short one (so that it still goes on).
 */
export interface WindowPair {
  readonly severity: Severity;
  readonly shortMs: number;
  readonly longMs: number;
  /** The limit, in multiples of the pace that spends the budget exactly in the SLO's period. */
  readonly burnRate: number;
}

const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 86_400_000;

const STANDARD: readonly { severity: Severity; shortMs: number; longMs: number; budgetRatio: number }[] = [
  { severity: "page", shortMs: 5 * MINUTE, longMs: HOUR, budgetRatio: 0.02 },
  { severity: "page", shortMs: 30 * MINUTE, longMs: 6 * HOUR, budgetRatio: 0.05 },
  { severity: "ticket", shortMs: 2 * HOUR, longMs: DAY, budgetRatio: 0.1 },
  { severity: "ticket", shortMs: 6 * HOUR, longMs: 3 * DAY, budgetRatio: 0.1 },
];

/** The period for which the standard windows were chosen. */
const STANDARD_PERIOD_MS = 30 * DAY;
/** From four weeks on the standard windows fit as they are. */
const FIXED_FROM_MS = 28 * DAY;
const SHORTEST_SHORT_MS = 10_000;
const SHORTEST_LONG_MS = 60_000;

/**
 * The burn rate at which the given share of the budget is spent within one window: B = q · P / L.
 *
 * @param budgetRatio q, the share of the budget, 0–1
 * @see Google SRE Workbook, ch. 5 "Alerting on SLOs".
 */
export function burnRateLimit(budgetRatio: number, periodMs: number, windowMs: number): number {
  return (budgetRatio * periodMs) / windowMs;
}

/** The share of the budget that is spent when this pair's long window has burnt at its limit: q = B · L / P. */
export function budgetRatioOf(pair: WindowPair, periodMs: number): number {
  return (pair.burnRate * pair.longMs) / periodMs;
}

/**
 * The default pairs: page 5m/1h (2 % of the budget) and 30m/6h (5 %), ticket 2h/1d (10 %) and 6h/3d (10 %).
 *
 * For periods of four weeks and more the windows stay and the limits follow from B = q · P / L. A shorter period
 * would push the limits below 1, where they alert on a service that keeps its promise; so there the *windows* shrink
 * with the period (P / 30 d) and the limits stay at 14.4, 6, 3 and 1. No window shrinks below 10 s (short) or 60 s
 * (long), since senders export every few seconds; a pair held up by that floor keeps its limit and spends more of
 * the budget before it fires.
 */
export function defaultPairs(periodMs: number): readonly WindowPair[] {
  // Thousands of SLOs have the same pairs.
  const known = pairsByPeriod.get(periodMs) ?? pairsFor(periodMs);
  pairsByPeriod.set(periodMs, known);
  return known;
}

const pairsByPeriod = new Map<number, readonly WindowPair[]>();

function pairsFor(periodMs: number): readonly WindowPair[] {
  const scale = periodMs >= FIXED_FROM_MS ? 1 : periodMs / STANDARD_PERIOD_MS;
  const limitPeriodMs = scale === 1 ? periodMs : STANDARD_PERIOD_MS;
  return STANDARD.map(({ severity, shortMs, longMs, budgetRatio }) => ({
    severity,
    shortMs: Math.max(SHORTEST_SHORT_MS, wholeSeconds(shortMs * scale)),
    longMs: Math.max(SHORTEST_LONG_MS, wholeSeconds(longMs * scale)),
    burnRate: burnRateLimit(budgetRatio, limitPeriodMs, longMs),
  }));
}

/**
 * The short window that goes with a long one where only that is known: a twelfth of it, which lets the alert end soon
 * after the errors do.
 */
export function impliedShortMs(longMs: number): number {
  return Math.max(Math.min(longMs, 60_000), wholeSeconds(longMs / 12));
}

/** Rate at which the budget is being spent; 1 spends it exactly in the period. No events give 0. */
export function burnRate(bad: number, total: number, errorBudget: number): number {
  return total > 0 ? bad / total / errorBudget : 0;
}

/**
 * The largest objective at which a pair can still fire: with every event bad the burn rate is 1 / (1 − objective),
 * which must exceed the limit.
 */
export function lowestFiringObjective(pair: WindowPair): number {
  return 1 - 1 / pair.burnRate;
}

function wholeSeconds(durationMs: number): number {
  return Math.round(durationMs / 1_000) * 1_000;
}
