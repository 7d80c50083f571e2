import type { ActiveSample, AlertRule, AlertRuleSource, RuleResult } from "@tocsin/alerts";
import { type Labels, labelsKey, type UnixMs } from "@tocsin/model";
import { describeAlert, evidenceOf, flat, round } from "./alert-words.js";
import { windowName } from "./budget.js";
import { errorBudgetOf, type SloSpec } from "./spec.js";
import { isQuiet, isSlowTicket, type PairReading, PairReadings, remainingBudget } from "./status.js";
import type { SloTracker, TrackedSlo } from "./tracker.js";
import { SEVERITIES, type Severity, type WindowPair } from "./window-pair.js";

/**
 * Alerts whose words are written anew in one evaluation. Up to so many every alert always tells the latest figures; when
 * thousands are on at once they take turns, so that words do not delay the next alert.
 */
const DESCRIBED_PER_TICK = 200;

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
    const loud = new Map<TrackedSlo, PairReadings>();
    for (const tracked of this.#tracker.tracked()) {
      tracked.book.settle(nowMs);
      // Most SLOs are quiet most of the time, and a glance at their long windows tells so.
      if (!isQuiet(tracked.book, nowMs)) loud.set(tracked, new PairReadings(tracked.book, nowMs));
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
  /** Since when pairs have been over their limits. */
  incidents: readonly Incident[];
  /** What the alert said last, and of which pair. */
  said: { readonly pair: WindowPair; readonly annotations: Labels } | undefined;
}

interface Incident {
  /** Of the pair. */
  readonly longMs: number;
  readonly sinceMs: UnixMs;
  lastMs: UnixMs;
}

const NO_GROUP = labelsKey({});
const NO_INCIDENTS: readonly Incident[] = [];

/** A rule as it is now; it is the same rule, with the same memory, as long as its SLO is the same. */
function severityRule(
  spec: SloSpec,
  severity: Severity,
  groups: readonly TrackedSlo[],
  before: SeverityRule | undefined,
): SeverityRule {
  const isSame = before?.spec === spec;
  const rule = isSame ? before.rule : alertRule(spec, severity);
  const known = new Map(isSame ? before.groups.map((each) => [each.groupKey, each]) : []);
  return {
    spec,
    severity,
    rule,
    groups: groups.map((tracked) => {
      const groupKey = labelsKey(tracked.group);
      const same = known.get(groupKey);
      // Without groups the alert's labels are the rule's.
      const labels =
        same?.labels ?? (groupKey === NO_GROUP ? rule.labels : alertLabels(spec, severity, tracked.group));
      return { tracked, groupKey, labels, incidents: same?.incidents ?? NO_INCIDENTS, said: undefined };
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
  loud: ReadonlyMap<TrackedSlo, PairReadings>,
  isItsTurn: () => boolean,
  nowMs: UnixMs,
): RuleResult {
  const samples: ActiveSample[] = [];
  let isUnknown = false;
  for (const watched of groups) {
    const { tracked } = watched;
    const readings = loud.get(tracked);
    if (!readings) continue;
    const cause =
      readings.find(severity, ({ state }) => state === "firing") ??
      (severity === "ticket" ? slowTicket(tracked, readings, nowMs) : undefined);
    if (cause) samples.push(activeSample(watched, cause, readings, isItsTurn(), nowMs));
    else if (readings.find(severity, ({ state }) => state === "no-data")) isUnknown = true;
    else if (spec.onNoData === "alert" && !readings.find(severity, ({ long }) => long.total > 0))
      isUnknown = true;
  }
  if (samples.length === 0 && isUnknown) return { rule, outcome: { kind: "no-data" } };
  return { rule, outcome: { kind: "samples", samples } };
}

/** The slowest pair, where a quiet service keeps failing. */
function slowTicket(
  { book, spec }: TrackedSlo,
  readings: PairReadings,
  nowMs: UnixMs,
): PairReading | undefined {
  if (!spec.evidenceGate) return undefined;
  const remaining = remainingBudget(book, book.periodCounts(nowMs), nowMs);
  if (!isSlowTicket(readings.all(), errorBudgetOf(spec), remaining)) return undefined;
  return readings
    .all()
    .filter(({ pair }) => pair.severity === "ticket")
    .sort((a, b) => b.pair.longMs - a.pair.longMs)[0];
}

function activeSample(
  watched: Watched,
  cause: PairReading,
  readings: PairReadings,
  isItsTurn: boolean,
  nowMs: UnixMs,
): ActiveSample {
  const { tracked, labels } = watched;
  const sinceMs = incidentStart(watched, cause.pair, nowMs);
  if (isItsTurn || watched.said?.pair !== cause.pair) {
    const words = describeAlert(tracked, cause, readings.all(), sinceMs, nowMs);
    const own = ownAnnotations(tracked.spec, cause.pair.severity);
    watched.said = { pair: cause.pair, annotations: { ...words, ...own } };
  }
  return {
    labels,
    annotations: watched.said.annotations,
    value: cause.long.burnRate,
    evidence: () => evidenceOf(tracked, cause, readings.all(), nowMs),
  };
}

/**
 * When a pair began to be over its limit. An incident that lives through a restart is counted from the window before
 * the restart's end.
 */
function incidentStart(watched: Watched, { longMs, shortMs }: WindowPair, nowMs: UnixMs): UnixMs {
  const known = watched.incidents.find((each) => each.longMs === longMs);
  if (known && nowMs - known.lastMs <= shortMs && nowMs >= known.lastMs) {
    known.lastMs = nowMs;
    return known.sinceMs;
  }
  const others = watched.incidents.filter((each) => each !== known);
  watched.incidents = [...others, { longMs, sinceMs: nowMs, lastMs: nowMs }];
  return nowMs;
}
