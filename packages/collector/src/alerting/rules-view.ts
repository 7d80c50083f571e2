import { type Alert, type Alerting, isOn, type RuleGroupSource, type RuleStatus } from "@tocsin/alerts";
import { formatExponent } from "@tocsin/promql";
import type {
  AlertingRuleJson,
  AlertJson,
  RecordingRuleJson,
  RuleGroupJson,
  RulesView,
} from "../api/prometheus/index.js";

/**
 * Rules and alerts in Prometheus's form. SLO alerts are shown as a group of their own.
 *
 * @param groups the rule groups that are evaluated now
 */
export function createRulesView(alerting: Alerting, groups: () => readonly RuleGroupSource[]): RulesView {
  return {
    groups: () => {
      const sources = new Map(groups().map((source) => [source.name, source]));
      return alerting.ruleGroups().map((group): RuleGroupJson => {
        const source = sources.get(group.name);
        const recordings = new Map(source?.recordings().map((status) => [status.rule, status]));
        const alerts = [...group.rules];
        const rules = source
          ? source.group.rules.map((rule) => {
              const recording = recordings.get(rule);
              if (recording) return recordingJson(recording);
              const status = alerts.shift();
              return status && alertingJson(status);
            })
          : group.rules.map(alertingJson);
        return {
          name: source?.group.name ?? group.name,
          file: source?.group.file ?? "tocsin.yaml",
          interval: group.intervalMs / 1_000,
          limit: source?.group.limit ?? 0,
          rules: rules.filter((rule) => rule !== undefined),
          evaluationTime: group.lastDurationMs / 1_000,
          lastEvaluation: instant(group.lastEvaluatedAtMs),
        };
      });
    },
    alerts: () =>
      alerting
        .alerts()
        .filter(({ state }) => state === "pending" || isOn(state))
        .map(alertJson),
  };
}

type Recording = ReturnType<RuleGroupSource["recordings"]>[number];

function recordingJson({ rule, health, error, durationMs, evaluatedAtMs }: Recording): RecordingRuleJson {
  return {
    type: "recording",
    name: rule.name,
    query: rule.printed,
    ...(Object.keys(rule.labels).length > 0 ? { labels: rule.labels } : {}),
    health: health === "error" ? "err" : health,
    ...(error === undefined ? {} : { lastError: error }),
    evaluationTime: durationMs / 1_000,
    lastEvaluation: instant(evaluatedAtMs),
  };
}

function alertingJson({
  rule,
  health,
  error,
  alerts,
  durationMs,
  evaluatedAtMs,
}: RuleStatus): AlertingRuleJson {
  const shown = alerts.filter(({ state }) => state === "pending" || isOn(state));
  const state = shown.some(({ state }) => isOn(state)) ? "firing" : shown.length > 0 ? "pending" : "inactive";
  return {
    type: "alerting",
    name: rule.name,
    query: rule.query ?? rule.condition,
    duration: rule.forMs / 1_000,
    keepFiringFor: rule.keepFiringForMs / 1_000,
    labels: rule.labels,
    annotations: rule.annotations,
    alerts: shown.map(alertJson),
    state,
    health: health === "error" ? "err" : health === "unknown" ? "unknown" : "ok",
    ...(error === undefined ? {} : { lastError: error }),
    evaluationTime: durationMs / 1_000,
    lastEvaluation: instant(evaluatedAtMs),
  };
}

function alertJson(alert: Alert): AlertJson {
  return {
    labels: alert.labels,
    annotations: alert.annotations,
    state: isOn(alert.state) ? "firing" : "pending",
    activeAt: instant(alert.activeAtMs),
    value: formatExponent(alert.value ?? Number.NaN),
  };
}

function instant(atMs: number | undefined): string {
  return atMs === undefined ? "0001-01-01T00:00:00Z" : new Date(atMs).toISOString();
}
