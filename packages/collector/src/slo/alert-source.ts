import type { ActiveSample, AlertRule, AlertRuleSource, Evidence, RuleResult } from "@tocsin/alerts";
import { formatLabels, type Labels, type UnixMs } from "@tocsin/model";
import { budgetOf, durationWords, exhaustion, percentWords, windowName } from "./budget.js";
import { lowerBound } from "./evidence.js";
import { boundsAt, periodName } from "./period.js";
import { errorBudgetOf, type SloSpec } from "./spec.js";
import { isQuiet, isSlowTicket, type PairReading, paceOf, readPairs, remainingBudget } from "./status.js";
import type { SloTracker, TrackedSlo } from "./tracker.js";
import type { Severity, WindowPair } from "./window-pair.js";

/** Routes, versions and error types of each kind that an alert names. */
const EVIDENCE_SPENDERS = 3;

const SEVERITIES = ["page", "ticket"] as const;

/**
 * The alerts of all SLOs: one rule per SLO and severity, with one alert per group. Several window pairs of a severity
 * are one alert, since they speak of one incident; its annotations and evidence name the windows.
 */
export class SloAlertSource implements AlertRuleSource {
  readonly name = "slos";
  readonly intervalMs: number;
  readonly #tracker: SloTracker;
  #known: readonly TrackedSlo[] = [];
  #rules: readonly SeverityRule[] = [];

  /** @param options.intervalMs time between evaluations; short windows are exact to the second, so default 1 s */
  constructor(tracker: SloTracker, options: { intervalMs?: number } = {}) {
    this.#tracker = tracker;
    this.intervalMs = options.intervalMs ?? 1_000;
  }

  rules(): readonly AlertRule[] {
    return this.#current().map(({ rule }) => rule);
  }

  async evaluate(nowMs: UnixMs): Promise<readonly RuleResult[]> {
    const rules = this.#current();
    const loud = new Map<TrackedSlo, readonly PairReading[]>();
    for (const tracked of this.#tracker.tracked()) {
      tracked.book.settle(nowMs);
      // Most SLOs are quiet most of the time, and a glance at their long windows tells so.
      if (!isQuiet(tracked.book, nowMs)) loud.set(tracked, readPairs(tracked.book, nowMs));
    }
    return rules.map((entry) => evaluateRule(entry, loud, nowMs));
  }

  /** Rules of the SLOs as they are now; the same objects as long as nothing changed. */
  #current(): readonly SeverityRule[] {
    const tracked = this.#tracker.tracked();
    if (tracked === this.#known) return this.#rules;
    const before = new Map(this.#rules.map((entry) => [`${entry.rule.id}`, entry]));
    const bySpec = new Map<SloSpec, TrackedSlo[]>();
    for (const each of tracked) bySpec.set(each.spec, [...(bySpec.get(each.spec) ?? []), each]);
    this.#rules = [...bySpec].flatMap(([spec, groups]) =>
      SEVERITIES.filter((severity) => hasSeverity(spec, severity)).map((severity) => {
        const known = before.get(ruleId(spec, severity));
        const rule = known?.spec === spec ? known.rule : alertRule(spec, severity);
        return { spec, severity, rule, groups };
      }),
    );
    this.#known = tracked;
    return this.#rules;
  }
}

interface SeverityRule {
  readonly spec: SloSpec;
  readonly severity: Severity;
  readonly rule: AlertRule;
  readonly groups: readonly TrackedSlo[];
}

function hasSeverity(spec: SloSpec, severity: Severity): boolean {
  return !spec.disabled.includes(severity) && spec.pairs.some((pair) => pair.severity === severity);
}

function ruleId(spec: SloSpec, severity: Severity): string {
  return `${spec.name}/${severity}`;
}

function alertRule(spec: SloSpec, severity: Severity): AlertRule {
  const pairs = spec.pairs.filter((pair) => pair.severity === severity);
  const limits = pairs.map(
    ({ shortMs, longMs, burnRate }) =>
      `burn rate over ${round(burnRate)} in ${windowName(longMs)} and ${windowName(shortMs)}`,
  );
  return {
    name: spec.alertName,
    id: ruleId(spec, severity),
    forMs: spec.forMs,
    keepFiringForMs: 0,
    onNoData: spec.onNoData,
    onError: "keep",
    labels: alertLabels(spec, severity, {}),
    annotations: {
      summary: `No data for ${spec.name} of ${spec.service}`,
      description:
        "No events were received, so nobody knows whether the promise is kept. Check the service and its agent.",
      ...spec.annotations,
    },
    actions: spec.actions[severity],
    condition: `SLO ${spec.name}: ${limits.join(", or ")}`,
    ...(spec.place === undefined ? {} : { place: spec.place }),
    path: `/slos/${encodeURIComponent(spec.name)}`,
  };
}

function alertLabels(spec: SloSpec, severity: Severity, group: Labels): Labels {
  return {
    service: spec.service,
    slo: spec.name,
    severity,
    ...(spec.environment === undefined ? {} : { environment: spec.environment }),
    ...spec.labels,
    ...spec.severityLabels[severity],
    ...group,
  };
}

function evaluateRule(
  { spec, severity, rule, groups }: SeverityRule,
  loud: ReadonlyMap<TrackedSlo, readonly PairReading[]>,
  nowMs: UnixMs,
): RuleResult {
  const samples: ActiveSample[] = [];
  let isUnknown = false;
  for (const tracked of groups) {
    const readings = loud.get(tracked);
    if (!readings) continue;
    const own = readings.filter(({ pair }) => pair.severity === severity);
    const firing = own.find(({ state }) => state === "firing");
    const slow =
      !firing && severity === "ticket" && isSlow(tracked, readings, nowMs) ? slowestOf(own) : undefined;
    const cause = firing ?? slow;
    if (cause) samples.push(activeSample(tracked, severity, cause, readings, nowMs));
    else if (own.some(({ state }) => state === "no-data")) isUnknown = true;
    else if (spec.onNoData === "alert" && own.every(({ long }) => long.total === 0)) isUnknown = true;
  }
  if (samples.length === 0 && isUnknown) return { rule, outcome: { kind: "no-data" } };
  return { rule, outcome: { kind: "samples", samples } };
}

function isSlow({ book, spec }: TrackedSlo, readings: readonly PairReading[], nowMs: UnixMs): boolean {
  if (!spec.evidenceGate) return false;
  return isSlowTicket(readings, errorBudgetOf(spec), remainingBudget(book, book.periodCounts(nowMs), nowMs));
}

function slowestOf(readings: readonly PairReading[]): PairReading | undefined {
  return [...readings].sort((a, b) => b.pair.longMs - a.pair.longMs)[0];
}

function activeSample(
  tracked: TrackedSlo,
  severity: Severity,
  cause: PairReading,
  readings: readonly PairReading[],
  nowMs: UnixMs,
): ActiveSample {
  const { spec, group } = tracked;
  return {
    labels: alertLabels(spec, severity, group),
    annotations: { ...describe(tracked, cause, readings, nowMs), ...spec.annotations },
    value: cause.long.burnRate,
    evidence: () => evidenceOf(tracked, cause, readings, nowMs),
  };
}

/** The alert in words: how fast, what was counted, against which limit, and when the budget ends. */
function describe(
  tracked: TrackedSlo,
  cause: PairReading,
  readings: readonly PairReading[],
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
    summary: `${name} spends its error budget ${round(pace)} times too fast`,
    description:
      `Bad events: ${counted}. The limit is ${round(pair.burnRate)} times the pace that keeps ` +
      `${percentWords(spec.objective, 6)} over ${periodName(spec.period)}. ${end.words}`,
    window: `${windowName(pair.longMs)} and ${windowName(pair.shortMs)}`,
    burn_rate: String(round(long.burnRate)),
    budget_remaining: percentWords(remaining),
    evidence: `${countWords(long.bad)} bad of ${countWords(long.total)}: with 95 % confidence at least ${percentWords(lowerBound(Math.round(long.bad), Math.round(long.total)))} are bad`,
    budget_spent: percentWords(spentBy(tracked, pair, nowMs)),
    ...(end.atMs === undefined ? {} : { exhaustion_at: new Date(Math.round(end.atMs)).toISOString() }),
    ...(end.atMs !== undefined && end.atMs > nowMs ? { exhaustion: durationWords(end.atMs - nowMs) } : {}),
  };
}

/** When SLOs began to be over their limits, by the name of the pair. */
const overSince = new WeakMap<TrackedSlo, Map<string, { sinceMs: UnixMs; lastMs: UnixMs }>>();

/**
 * Share of the period's budget that one incident has spent: from the start of the long window that told of it. An
 * incident that lives through a restart is counted from the window before the restart's end.
 */
function spentBy(tracked: TrackedSlo, { longMs, shortMs }: WindowPair, nowMs: UnixMs): number {
  const { book, spec } = tracked;
  const pairs = overSince.get(tracked) ?? new Map<string, { sinceMs: UnixMs; lastMs: UnixMs }>();
  overSince.set(tracked, pairs);
  const known = pairs.get(`${longMs}`);
  const isSame = known !== undefined && nowMs - known.lastMs <= shortMs && nowMs >= known.lastMs;
  const sinceMs = isSame ? known.sinceMs : nowMs;
  pairs.set(`${longMs}`, { sinceMs, lastMs: nowMs });
  const { bad } = book.between(sinceMs - longMs, nowMs);
  const { allowed } = budgetOf(book.periodCounts(nowMs), errorBudgetOf(spec));
  return allowed > 0 ? bad / allowed : 0;
}

function evidenceOf(
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
      })),
    ),
    values: [{ name: "objective", value: spec.objective }],
    where: book.spenders(nowMs - pair.longMs, nowMs, EVIDENCE_SPENDERS),
  };
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}

function countWords(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}
