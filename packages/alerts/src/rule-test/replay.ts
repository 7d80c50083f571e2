import type { Labels, UnixMs } from "@tocsin/model";
import { labelsKey } from "@tocsin/model";
import type { Queryable } from "@tocsin/promql";
import { matchRoutes, type Route } from "../route/route-tree.js";
import type { LoadedGroup, LoadedRule } from "../rule/rule-file.js";
import type { ActiveSample, AlertRule } from "../rule/source.js";
import { NO_ALERTS, type RuleAlerts, stepRule } from "../rule/state.js";
import { expandRuleTemplateSync } from "../template/rule-data.js";

/** When an alert would have fired, and what would have followed. */
export interface ReplayedAlert {
  readonly rule: string;
  readonly labels: Labels;
  readonly firedAtMs: UnixMs;
  /** Undefined: it still fired at the end. */
  readonly resolvedAtMs: UnixMs | undefined;
  readonly receivers: readonly string[];
  readonly actions: readonly string[];
}

export interface ReplayOptions {
  readonly startMs: UnixMs;
  readonly endMs: UnixMs;
  readonly defaultIntervalMs: number;
  readonly routes: Route | undefined;
}

/** Servers refuse more points than this in one answer. */
const MAX_POINTS = 10_000;

/**
 * Replays alerting rules on what was recorded. Recording rules are not replayed: the series that they would have
 * written are read as they are in the history.
 */
export async function replayRules(
  groups: readonly LoadedGroup[],
  queryable: Queryable,
  options: ReplayOptions,
): Promise<ReplayedAlert[]> {
  const found: ReplayedAlert[] = [];
  for (const group of groups) {
    for (const rule of group.rules) {
      if (rule.kind === "alert")
        found.push(
          ...(await replayRule(rule, group.intervalMs ?? options.defaultIntervalMs, queryable, options)),
        );
    }
  }
  return found.sort((a, b) => a.firedAtMs - b.firedAtMs);
}

async function replayRule(
  rule: LoadedRule,
  stepMs: number,
  queryable: Queryable,
  options: ReplayOptions,
): Promise<ReplayedAlert[]> {
  const startMs = Math.ceil(options.startMs / stepMs) * stepMs;
  const open = new Map<string, ReplayedAlert>();
  const done: ReplayedAlert[] = [];
  let alerts: RuleAlerts = NO_ALERTS;
  for (let fromMs = startMs; fromMs <= options.endMs; fromMs += MAX_POINTS * stepMs) {
    const toMs = Math.min(options.endMs, fromMs + (MAX_POINTS - 1) * stepMs);
    const samples = await samplesByTime(rule, queryable, fromMs, toMs, stepMs);
    for (let atMs = fromMs; atMs <= toMs; atMs += stepMs) {
      const outcome = { kind: "samples" as const, samples: samples.get(atMs) ?? [] };
      const step = stepRule(asAlertRule(rule), alerts, outcome, atMs, { source: "replay", generatorUrl: "" });
      alerts = step.alerts;
      for (const { alert } of step.changed) {
        if (alert.state === "firing") {
          const receivers = options.routes
            ? matchRoutes(options.routes, alert.labels).map(({ receiver }) => receiver)
            : [];
          open.set(alert.id, {
            rule: rule.name,
            labels: alert.labels,
            firedAtMs: atMs,
            resolvedAtMs: undefined,
            receivers,
            actions: rule.actions,
          });
        } else if (alert.state === "resolved") {
          const started = open.get(alert.id);
          if (started) done.push({ ...started, resolvedAtMs: atMs });
          open.delete(alert.id);
        }
      }
    }
  }
  return [...done, ...open.values()];
}

async function samplesByTime(
  rule: LoadedRule,
  queryable: Queryable,
  fromMs: UnixMs,
  toMs: UnixMs,
  stepMs: number,
): Promise<Map<UnixMs, ActiveSample[]>> {
  const { series } = await queryable.rangeQuery(rule.expr, fromMs, toMs, stepMs);
  const byTime = new Map<UnixMs, ActiveSample[]>();
  const known = new Map<string, Labels>();
  for (const { labels, timestamps, values } of series) {
    for (const [index, tMs] of timestamps.entries()) {
      const sample = {
        labels: alertLabels(rule, labels, values[index] ?? Number.NaN, known),
        annotations: {},
        value: values[index] ?? Number.NaN,
      };
      const list = byTime.get(tMs);
      if (list) list.push(sample);
      else byTime.set(tMs, [sample]);
    }
  }
  return byTime;
}

function alertLabels(rule: LoadedRule, labels: Labels, value: number, known: Map<string, Labels>): Labels {
  const hasTemplate = Object.values(rule.labels).some((text) => text.includes("{{"));
  const key = labelsKey(labels);
  const before = hasTemplate ? undefined : known.get(key);
  if (before) return before;
  const own: Record<string, string> = { ...labels };
  delete own.__name__;
  for (const [name, text] of Object.entries(rule.labels)) {
    own[name] =
      expandRuleTemplateSync(text, { labels, value, externalLabels: {}, externalUrl: "" }, 0) ?? text;
  }
  known.set(key, own);
  return own;
}

function asAlertRule(rule: LoadedRule): AlertRule {
  return { ...rule, id: rule.name, condition: rule.expr };
}
