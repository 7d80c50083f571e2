import {
  type Alerting,
  type DeliveryTotal,
  isOn,
  isResolved,
  type RuleGroupStatus,
  silenceState,
} from "@tocsin/alerts";
import type { Clock } from "@tocsin/model";
import { Counter, Gauge, type Registry } from "prom-client";

type Row = readonly [labels: Record<string, string>, value: number];

/**
 * What alerting says of itself, read when `/metrics` is asked for. Names follow Prometheus's and Alertmanager's with
 * `tocsin_` before them, so that the alerts people have on those need only the other prefix.
 */
export function registerAlertingMetrics(alerting: Alerting, clock: Clock, registry: Registry): void {
  const metric = metricsOf(registry);
  groupMetrics(() => alerting.ruleGroups(), metric);
  notificationMetrics(() => alerting.deliveryTotals(), metric);
  metric.gauge("tocsin_notifications_waiting", "Notifications not yet delivered.", ["receiver"], () =>
    countBy(
      alerting
        .notifications()
        .filter(({ status }) => status === "waiting")
        .map(({ receiver }) => ({ receiver })),
    ),
  );
  metric.gauge(
    "tocsin_alerts",
    "Alerts of our rules, by state; resolved ones for 15 minutes.",
    ["state"],
    () => {
      const states = ["pending", "firing", "no-data", "error", "resolved"];
      const counts = new Map(states.map((state) => [state, 0]));
      for (const { state } of alerting.alerts()) counts.set(state, (counts.get(state) ?? 0) + 1);
      return [...counts].map(([state, count]): Row => [{ state }, count]);
    },
  );
  metric.gauge(
    "tocsin_alerts_routed",
    "Firing alerts on their way out, also those that others sent: active, or suppressed by a silence or another alert.",
    ["state"],
    () => {
      const firing = alerting.routedAlerts().filter(({ alert }) => !isResolved(alert, clock.now()));
      const isMuted = ({ silencedBy, inhibitedBy }: (typeof firing)[number]): boolean =>
        silencedBy.length + inhibitedBy.length > 0;
      const suppressed = firing.filter(isMuted).length;
      return [
        [{ state: "active" }, firing.length - suppressed],
        [{ state: "suppressed" }, suppressed],
      ];
    },
  );
  metric.gauge("tocsin_alerts_unacknowledged", "Alerts that fire and that nobody has taken on.", [], () => [
    [{}, alerting.alerts().filter(({ id, state }) => isOn(state) && !alerting.acknowledgement(id)).length],
  ]);
  metric.gauge("tocsin_silences", "Silences by state; expired ones for five days.", ["state"], () => {
    const nowMs = clock.now();
    const states = alerting.silences.all(nowMs).map((silence) => silenceState(silence, nowMs));
    return ["active", "pending", "expired"].map(
      (state): Row => [{ state }, states.filter((each) => each === state).length],
    );
  });
  metric.gauge("tocsin_dispatcher_aggregation_groups", "Groups of alerts that routing holds now.", [], () => [
    [{}, alerting.groups().length],
  ]);
  metric.gauge(
    "tocsin_heartbeat_last_success_timestamp_seconds",
    "When the heartbeat's URL was last called.",
    [],
    () => {
      const sentAtMs = alerting.heartbeat?.sentAtMs;
      return sentAtMs === undefined ? [] : [[{}, sentAtMs / 1_000]];
    },
  );
}

function groupMetrics(groups: () => readonly RuleGroupStatus[], metric: Metrics): void {
  const rows = (value: (group: RuleGroupStatus) => number | undefined) => () =>
    groups().flatMap((group): Row[] => {
      const read = value(group);
      return read === undefined ? [] : [[{ rule_group: group.name }, read]];
    });
  const gauge = (name: string, help: string, value: (group: RuleGroupStatus) => number | undefined): void =>
    metric.gauge(`tocsin_rule_group_${name}`, help, ["rule_group"], rows(value));
  const counter = (name: string, help: string, value: (group: RuleGroupStatus) => number): void =>
    metric.counter(`tocsin_rule_${name}_total`, help, ["rule_group"], rows(value));
  gauge(
    "interval_seconds",
    "Time between two evaluations of a group.",
    ({ intervalMs }) => intervalMs / 1_000,
  );
  gauge("rules", "Alerting rules of a group.", ({ rules }) => rules.length);
  gauge(
    "last_duration_seconds",
    "How long the last evaluation of a group took.",
    ({ lastDurationMs }) => lastDurationMs / 1_000,
  );
  gauge(
    "last_evaluation_timestamp_seconds",
    "As of when a group was last evaluated.",
    ({ lastEvaluatedAtMs }) => (lastEvaluatedAtMs === undefined ? undefined : lastEvaluatedAtMs / 1_000),
  );
  counter("group_iterations", "Evaluations of a group.", ({ evaluations }) => evaluations);
  counter(
    "group_iterations_missed",
    "Evaluations of a group that could not start because the one before was still running.",
    ({ missedIterations }) => missedIterations,
  );
  counter("evaluations", "Evaluations of single rules.", ({ ruleEvaluations }) => ruleEvaluations);
  counter(
    "evaluation_failures",
    "Evaluations of single rules that failed.",
    ({ ruleFailures }) => ruleFailures,
  );
}

function notificationMetrics(totals: () => readonly DeliveryTotal[], metric: Metrics): void {
  const labels = ["receiver", "integration"];
  const rows = (value: (total: DeliveryTotal) => number) => () =>
    totals().map(
      (total): Row => [{ receiver: total.receiver, integration: total.integration }, value(total)],
    );
  const byReason = (of: (total: DeliveryTotal) => DeliveryTotal["failed"]) => () =>
    totals().flatMap((total) =>
      Object.entries(of(total)).map(
        ([reason, count]): Row => [
          { receiver: total.receiver, integration: total.integration, reason },
          count,
        ],
      ),
    );
  metric.counter(
    "tocsin_notifications_total",
    "Notifications that were delivered.",
    labels,
    rows(({ sent }) => sent),
  );
  metric.counter(
    "tocsin_notifications_failed_total",
    "Tries that failed, by reason; a notification that is tried again counts each time.",
    [...labels, "reason"],
    byReason(({ failed }) => failed),
  );
  metric.counter(
    "tocsin_notifications_dead_total",
    "Notifications that were given up, by reason; they are listed and can be sent again.",
    [...labels, "reason"],
    byReason(({ dead }) => dead),
  );
  metric.counter(
    "tocsin_notification_requests_total",
    "Tries, delivered or not.",
    labels,
    rows(({ tries }) => tries),
  );
  metric.counter(
    "tocsin_notification_request_seconds_total",
    "Time that tries took together.",
    labels,
    rows(({ trySeconds }) => trySeconds),
  );
}

function countBy(labels: readonly Record<string, string>[]): Row[] {
  const counts = new Map<string, { labels: Record<string, string>; count: number }>();
  for (const each of labels) {
    const key = JSON.stringify(each);
    const known = counts.get(key);
    if (known) known.count++;
    else counts.set(key, { labels: each, count: 1 });
  }
  return [...counts.values()].map(({ labels, count }): Row => [labels, count]);
}

interface Metrics {
  gauge(name: string, help: string, labelNames: readonly string[], read: () => readonly Row[]): void;
  counter(name: string, help: string, labelNames: readonly string[], read: () => readonly Row[]): void;
}

/** Metrics whose values are kept elsewhere: each is filled when it is asked for. */
function metricsOf(registry: Registry): Metrics {
  const registers = [registry];
  return {
    gauge(name, help, labelNames, read) {
      new Gauge({
        name,
        help,
        labelNames: [...labelNames],
        registers,
        collect() {
          this.reset();
          for (const [labels, value] of read()) this.set(labels, value);
        },
      });
    },
    counter(name, help, labelNames, read) {
      new Counter({
        name,
        help,
        labelNames: [...labelNames],
        registers,
        collect() {
          this.reset();
          for (const [labels, value] of read()) this.inc(labels, value);
        },
      });
    },
  };
}
