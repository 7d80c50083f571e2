import type { ActiveSample, AlertRule, AlertRuleSource, Evidence, RuleResult } from "@tocsin/alerts";
import { formatLabels, type Labels, labelsKey, type UnixMs } from "@tocsin/model";
import { budgetOf, durationWords, exhaustion, percentWords, windowName } from "./budget.js";
import { lowerBound } from "./evidence.js";
import { boundsAt, periodName } from "./period.js";
import { errorBudgetOf, type SloSpec } from "./spec.js";
import { isQuiet, isSlowTicket, type PairReading, paceOf, readPairs, remainingBudget } from "./status.js";
import type { SloTracker, TrackedSlo } from "./tracker.js";
import { SEVERITIES, type Severity, type WindowPair } from "./window-pair.js";

/** Routes, versions and error types of each kind that an alert names. */
const EVIDENCE_SPENDERS = 3;

/**
 * Alerts whose words are written anew in one evaluation. Up to so many every alert always tells the latest figures; when
 * thousands are on at once they take turns, so that words do not delay the next alert.
 */
const DESCRIBED_PER_TICK = 500;

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
  #ticks = 0;
  /** Alerts that were on at the last evaluation. */
  #onCount = 0;

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
    const turns = Math.ceil(this.#onCount / DESCRIBED_PER_TICK);
    const turn = this.#ticks++ % Math.max(1, turns);
    let on = 0;
    const isItsTurn = () => on++ % Math.max(1, turns) === turn;
    const results = rules.map((entry) => evaluateRule(entry, loud, isItsTurn, nowMs));
    this.#onCount = on;
    return results;
  }

  /** Rules of the SLOs as they are now; the same objects as long as nothing changed. */
  #current(): readonly SeverityRule[] {
    const tracked = this.#tracker.tracked();
    if (tracked === this.#known) return this.#rules;
    const before = new Map(this.#rules.map((entry) => [`${entry.rule.id}`, entry]));
    const bySpec = new Map<SloSpec, TrackedSlo[]>();
    for (const each of tracked) {
      const groups = bySpec.get(each.spec);
      if (groups) groups.push(each);
      else bySpec.set(each.spec, [each]);
    }
    this.#rules = [...bySpec].flatMap(([spec, groups]) =>
      SEVERITIES.filter((severity) => hasSeverity(spec, severity)).map((severity) =>
        severityRule(spec, severity, groups, before.get(ruleId(spec, severity))),
      ),
    );
    this.#known = tracked;
    return this.#rules;
  }
}

interface SeverityRule {
  readonly spec: SloSpec;
  readonly severity: Severity;
  readonly rule: AlertRule;
  readonly groups: readonly Watched[];
}

/** One SLO or group, with what is remembered of its alert. */
interface Watched {
  readonly tracked: TrackedSlo;
  readonly groupKey: string;
  readonly labels: Labels;
  /** Since when pairs have been over their limits, by long window. */
  readonly incidents: Map<number, { sinceMs: UnixMs; lastMs: UnixMs }>;
  /** What the alert said last, and of which pair. */
  said: { readonly pair: WindowPair; readonly annotations: Labels } | undefined;
}

/** A rule as it is now; it is the same rule, with the same memory, as long as its SLO is the same. */
function severityRule(
  spec: SloSpec,
  severity: Severity,
  groups: readonly TrackedSlo[],
  before: SeverityRule | undefined,
): SeverityRule {
  const isSame = before?.spec === spec;
  const known = new Map(isSame ? before.groups.map((each) => [each.groupKey, each]) : []);
  return {
    spec,
    severity,
    rule: isSame ? before.rule : alertRule(spec, severity),
    groups: groups.map((tracked) => {
      const groupKey = labelsKey(tracked.group);
      const same = known.get(groupKey);
      const labels = same?.labels ?? alertLabels(spec, severity, tracked.group);
      return { tracked, groupKey, labels, incidents: same?.incidents ?? new Map(), said: undefined };
    }),
  };
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
    // A page and a ticket of one SLO are one incident, and the page leads.
    ...(severity === "ticket" && hasSeverity(spec, "page") ? { leadLabels: leadLabels(spec) } : {}),
    annotations: {
      summary: flat`No data for ${spec.name} of ${spec.service}`,
      description:
        "No events were received, so nobody knows whether the promise is kept. Check the service and its agent.",
      ...ownAnnotations(spec, severity),
    },
    actions: spec.actions[severity],
    condition: flat`SLO ${spec.name}: ${limits.join(", or ")}`,
    ...(spec.place === undefined ? {} : { place: spec.place }),
    path: `/slos/${encodeURIComponent(spec.name)}`,
  };
}

function leadLabels(spec: SloSpec): Labels {
  return { ...alertLabels(spec, "page", {}), alertname: spec.alertName };
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

function ownAnnotations(spec: SloSpec, severity: Severity): Labels {
  return { ...spec.annotations, ...spec.severityAnnotations[severity] };
}

function evaluateRule(
  { spec, severity, rule, groups }: SeverityRule,
  loud: ReadonlyMap<TrackedSlo, readonly PairReading[]>,
  isItsTurn: () => boolean,
  nowMs: UnixMs,
): RuleResult {
  const samples: ActiveSample[] = [];
  let isUnknown = false;
  for (const watched of groups) {
    const { tracked } = watched;
    const readings = loud.get(tracked);
    if (!readings) continue;
    const own = readings.filter(({ pair }) => pair.severity === severity);
    const firing = own.find(({ state }) => state === "firing");
    const slow =
      !firing && severity === "ticket" && isSlow(tracked, readings, nowMs) ? slowestOf(own) : undefined;
    const cause = firing ?? slow;
    if (cause) samples.push(activeSample(watched, cause, readings, isItsTurn(), nowMs));
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
  watched: Watched,
  cause: PairReading,
  readings: readonly PairReading[],
  isItsTurn: boolean,
  nowMs: UnixMs,
): ActiveSample {
  const { tracked, labels } = watched;
  const sinceMs = incidentStart(watched, cause.pair, nowMs);
  if (isItsTurn || watched.said?.pair !== cause.pair) {
    const words = describe(tracked, cause, readings, sinceMs, nowMs);
    const own = ownAnnotations(tracked.spec, cause.pair.severity);
    watched.said = { pair: cause.pair, annotations: { ...words, ...own } };
  }
  return {
    labels,
    annotations: watched.said.annotations,
    value: cause.long.burnRate,
    evidence: () => evidenceOf(tracked, cause, readings, nowMs),
  };
}

/**
 * When a pair began to be over its limit. An incident that lives through a restart is counted from the window before
 * the restart's end.
 */
function incidentStart({ incidents }: Watched, { longMs, shortMs }: WindowPair, nowMs: UnixMs): UnixMs {
  const known = incidents.get(longMs);
  if (known && nowMs - known.lastMs <= shortMs && nowMs >= known.lastMs) {
    known.lastMs = nowMs;
    return known.sinceMs;
  }
  incidents.set(longMs, { sinceMs: nowMs, lastMs: nowMs });
  return nowMs;
}

/** The alert in words: how fast, what was counted, against which limit, and when the budget ends. */
function describe(
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

/** A text in one piece: V8 keeps one that was put together as a tree of its pieces, at several times the memory. */
function flat(texts: TemplateStringsArray, ...values: readonly (string | number)[]): string {
  return texts.flatMap((text, index) => [text, values[index] ?? ""]).join("");
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}

function countWords(count: number): string {
  return String(Math.round(count)).replaceAll(/\B(?=(\d{3})+$)/g, ",");
}
