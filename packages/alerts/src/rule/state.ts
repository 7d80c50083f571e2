import type { Labels, UnixMs } from "@tocsin/model";
import { type Alert, isOn } from "../alert.js";
import { fingerprint } from "../fingerprint.js";
import type { ActiveSample, AlertRule, RuleOutcome } from "./source.js";

/** An alert with what only the state machine needs. */
export interface TrackedAlert {
  readonly alert: Alert;
  /** Since when it fires only because of `keep_firing_for`. */
  readonly keepFiringSinceMs?: UnixMs | undefined;
}

/** The alerts of one rule by fingerprint; resolved ones stay for a while so that their end can be told. */
export type RuleAlerts = ReadonlyMap<string, TrackedAlert>;

export const NO_ALERTS: RuleAlerts = new Map();

export interface RuleStep {
  readonly alerts: RuleAlerts;
  /** Alerts that changed their state, new ones included and dropped ones as `inactive`. */
  readonly changed: readonly TrackedAlert[];
  readonly health: "ok" | "no-data" | "error";
  readonly error: Error | undefined;
}

export interface StepContext {
  readonly source: string;
  readonly generatorUrl: string;
}

/** Resolved alerts are kept so long, as in Prometheus. */
export const RESOLVED_RETENTION_MS = 900_000;

/** Prometheus says of every alert that it ends after four times its resend delay of a minute, unless it is sent again. */
const OUT_OF_SIGHT_MS = 240_000;

/** Label that alerts about a rule itself (no data, error) carry, so that they can be told apart and routed. */
export const STATE_LABEL = "tocsin_state";

/** One evaluation of one rule: (alerts so far, outcome, now) → alerts. Pure; the semantics are Prometheus's. */
export function stepRule(
  rule: AlertRule,
  alerts: RuleAlerts,
  outcome: RuleOutcome,
  nowMs: UnixMs,
  context: StepContext,
): RuleStep {
  switch (outcome.kind) {
    case "error":
      return stepError(rule, alerts, outcome.error, nowMs, context);
    case "no-data": {
      if (rule.onNoData === "keep") return { alerts, changed: [], health: "no-data", error: undefined };
      const samples = rule.onNoData === "alert" ? [aboutRule(rule, "no-data")] : [];
      return { ...advance(rule, alerts, samples, nowMs, context), health: "no-data", error: undefined };
    }
    case "samples": {
      const duplicate = duplicateOf(rule, outcome.samples);
      if (duplicate) return stepError(rule, alerts, duplicate, nowMs, context);
      const step = advance(rule, alerts, outcome.samples, nowMs, context);
      const limit = rule.limit ?? 0;
      const count = limit > 0 ? activeCount(step.alerts) : 0;
      if (count > limit) return stepOverLimit(rule, alerts, count, nowMs, context);
      return { ...step, health: "ok", error: undefined };
    }
  }
}

function activeCount(alerts: RuleAlerts): number {
  let count = 0;
  for (const { alert } of alerts.values()) if (alert.state !== "resolved") count++;
  return count;
}

/**
 * As in Prometheus: a rule with more alerts than its group allows has none at all, and fails. It says nothing of those
 * that fired, so whoever was told of them is not told that they ended until they have been out of sight for as long as
 * Alertmanager waits for Prometheus; an alert that fires again by then has never ended.
 */
function stepOverLimit(
  rule: AlertRule,
  alerts: RuleAlerts,
  count: number,
  nowMs: UnixMs,
  context: StepContext,
): RuleStep {
  const error = new Error(
    `The rule "${rule.name}" has ${count} alerts and its group allows ${rule.limit}, so all of them are dropped. Raise the group's limit, or aggregate in the expression.`,
  );
  const dropped = advance({ ...rule, keepFiringForMs: 0 }, alerts, [], nowMs, context);
  const outOfSight = new Map(dropped.alerts);
  const changed = dropped.changed.map((tracked): TrackedAlert => {
    const { alert } = tracked;
    if (alert.state !== "resolved") return tracked;
    const later = { alert: { ...alert, endsAtMs: nowMs + OUT_OF_SIGHT_MS } };
    outOfSight.set(alert.fingerprint, later);
    return later;
  });
  const step = stepError(rule, outOfSight, error, nowMs, context);
  return { ...step, changed: [...changed, ...step.changed] };
}

/** A rule that cannot be evaluated keeps its alerts: not knowing is no reason to say that all is well. */
function stepError(
  rule: AlertRule,
  alerts: RuleAlerts,
  error: Error,
  nowMs: UnixMs,
  context: StepContext,
): RuleStep {
  if (rule.onError === "keep") return { alerts, changed: [], health: "error", error };
  const kept = [...alerts].filter(([, { alert }]) => alert.labels[STATE_LABEL] !== "error");
  const own = new Map([...alerts].filter(([, { alert }]) => alert.labels[STATE_LABEL] === "error"));
  const step = advance(rule, own, [aboutRule(rule, "error")], nowMs, context);
  return { alerts: new Map([...kept, ...step.alerts]), changed: step.changed, health: "error", error };
}

function aboutRule(rule: AlertRule, state: "no-data" | "error"): ActiveSample {
  return {
    labels: { ...rule.labels, [STATE_LABEL]: state },
    annotations: rule.annotations,
    value: Number.NaN,
  };
}

function advance(
  rule: AlertRule,
  alerts: RuleAlerts,
  samples: readonly ActiveSample[],
  nowMs: UnixMs,
  context: StepContext,
): Pick<RuleStep, "alerts" | "changed"> {
  // Most rules are quiet most of the time.
  if (samples.length === 0 && alerts.size === 0) return { alerts, changed: [] };
  const next = new Map<string, TrackedAlert>();
  const changed: TrackedAlert[] = [];
  for (const sample of samples) {
    const labels: Labels = { ...sample.labels, alertname: rule.name };
    const key = fingerprint(labels);
    const before = alerts.get(key);
    const after = stepActive(rule, before, sample, labels, key, nowMs, context);
    next.set(key, after);
    if (after.alert.state !== before?.alert.state) changed.push(after);
  }
  for (const [key, before] of alerts) {
    if (next.has(key)) continue;
    const after = stepGone(rule, before, nowMs);
    if (after) next.set(key, after);
    if (after && after.alert.state !== before.alert.state) changed.push(after);
    if (!after && before.alert.state !== "resolved")
      changed.push({ alert: { ...before.alert, state: "inactive", updatedAtMs: nowMs } });
  }
  return { alerts: next, changed };
}

function stepActive(
  rule: AlertRule,
  before: TrackedAlert | undefined,
  sample: ActiveSample,
  labels: Labels,
  key: string,
  nowMs: UnixMs,
  context: StepContext,
): TrackedAlert {
  const isSameEpisode = before !== undefined && before.alert.state !== "resolved";
  const activeAtMs = isSameEpisode ? before.alert.activeAtMs : nowMs;
  const wasOn = isSameEpisode && isOn(before.alert.state);
  const isDue = wasOn || nowMs - activeAtMs >= rule.forMs;
  const state = isDue ? stateWhenOn(labels) : "pending";
  const alert: Alert = {
    id: isSameEpisode ? before.alert.id : `${key}-${nowMs.toString(36)}`,
    fingerprint: key,
    source: context.source,
    rule: rule.name,
    labels,
    annotations: sample.annotations,
    state,
    value: sample.value,
    activeAtMs,
    startsAtMs: wasOn ? before.alert.startsAtMs : isDue ? nowMs : undefined,
    endsAtMs: undefined,
    updatedAtMs: nowMs,
    generatorUrl: context.generatorUrl,
    actions: rule.actions,
    ...(rule.leadLabels ? { leadLabels: leadOf(rule, rule.leadLabels, labels) } : {}),
    evidence: wasOn
      ? before.alert.evidence
      : isDue
        ? { atMs: nowMs, condition: rule.condition, ...sample.evidence?.() }
        : undefined,
  };
  return { alert };
}

/** The leading rule's own labels in the place of this rule's; what tells its alerts apart stays. */
function leadOf(rule: AlertRule, leadLabels: Labels, labels: Labels): Labels {
  const own = Object.entries(labels).filter(
    ([name, value]) => name !== "alertname" && rule.labels[name] !== value,
  );
  return { ...leadLabels, ...Object.fromEntries(own) };
}

function stateWhenOn(labels: Labels): "firing" | "no-data" | "error" {
  const about = labels[STATE_LABEL];
  return about === "no-data" || about === "error" ? about : "firing";
}

/** @returns undefined when the alert is forgotten */
function stepGone(rule: AlertRule, before: TrackedAlert, nowMs: UnixMs): TrackedAlert | undefined {
  const { alert } = before;
  if (alert.state === "pending") return undefined;
  if (alert.state === "resolved")
    return nowMs - (alert.endsAtMs ?? nowMs) > RESOLVED_RETENTION_MS ? undefined : before;
  if (rule.keepFiringForMs > 0 && alert.state === "firing") {
    const keepFiringSinceMs = before.keepFiringSinceMs ?? nowMs;
    if (nowMs - keepFiringSinceMs < rule.keepFiringForMs)
      return { alert: { ...alert, updatedAtMs: nowMs }, keepFiringSinceMs };
  }
  // Never before the start, whatever the clock did.
  const endsAtMs = Math.max(nowMs, alert.startsAtMs ?? nowMs);
  return { alert: { ...alert, state: "resolved", endsAtMs, updatedAtMs: nowMs } };
}

function duplicateOf(rule: AlertRule, samples: readonly ActiveSample[]): Error | undefined {
  if (samples.length < 2) return undefined;
  const seen = new Set<string>();
  for (const { labels } of samples) {
    const key = fingerprint(labels);
    if (seen.has(key))
      return new Error(
        `The rule "${rule.name}" gives two alerts with the same labels. Leave a label in the expression that tells them apart.`,
      );
    seen.add(key);
  }
  return undefined;
}

/**
 * Moves times by a jump of the clock, so that neither a jump forward lets `for` pass at once nor a jump back makes it
 * last for hours. A jump back moves all alerts: a start or an end that lies ahead would be no start and no end. Pure.
 */
export function shiftAlerts(alerts: RuleAlerts, byMs: number): RuleAlerts {
  if (alerts.size === 0) return alerts;
  return new Map(
    [...alerts].map(([key, tracked]) => {
      const isMoved = byMs < 0 || tracked.alert.state === "pending";
      const moved = isMoved ? shiftAlert(tracked, byMs) : tracked;
      if (tracked.keepFiringSinceMs === undefined) return [key, moved];
      return [key, { ...moved, keepFiringSinceMs: tracked.keepFiringSinceMs + byMs }];
    }),
  );
}

/** One alert with all its times moved; how long it has lasted stays the same. */
export function shiftAlert({ alert, keepFiringSinceMs }: TrackedAlert, byMs: number): TrackedAlert {
  const moved = (ms: UnixMs | undefined): UnixMs | undefined => (ms === undefined ? undefined : ms + byMs);
  return {
    alert: {
      ...alert,
      activeAtMs: alert.activeAtMs + byMs,
      startsAtMs: moved(alert.startsAtMs),
      endsAtMs: moved(alert.endsAtMs),
      updatedAtMs: alert.updatedAtMs + byMs,
    },
    ...(keepFiringSinceMs === undefined ? {} : { keepFiringSinceMs: keepFiringSinceMs + byMs }),
  };
}
