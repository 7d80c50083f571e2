import type { Labels } from "@tocsin/model";
import type { Notification } from "./notifier.js";

const RANKS: readonly (readonly string[])[] = [
  ["page", "critical", "emergency", "fatal", "p1"],
  ["error", "major", "high", "p2"],
  ["warning", "warn", "ticket", "minor", "p3"],
  ["info", "low", "notice", "none", "p4", "p5"],
];

/** How urgent a word of severity is; 0 is the most. What teams write besides is worth waking up for. */
export function urgencyRank(severity: string | undefined): number {
  const rank = RANKS.findIndex((words) => words.includes((severity ?? "").toLowerCase()));
  return rank === -1 ? 0 : rank;
}

/** The alert to speak of first: one that fires before one that has ended, then the most urgent. */
export function mostUrgent<Each extends { readonly status: string; readonly labels: Labels }>(
  alerts: readonly Each[],
): Each | undefined {
  const firing = alerts.filter(({ status }) => status === "firing");
  return [...(firing.length > 0 ? firing : alerts)].sort(
    (a, b) => urgencyRank(a.labels.severity) - urgencyRank(b.labels.severity),
  )[0];
}

/** The severity that all alerts have, else that of the most urgent one. */
export function severityOf({ commonLabels, alerts }: Notification): string | undefined {
  return commonLabels.severity ?? mostUrgent(alerts)?.labels.severity;
}

/** Whether an incident has become more urgent than what was told of it last, so that somebody must be told loudly. */
export function hasWorsened(notification: Notification): boolean {
  const { previous, isIncident, status } = notification;
  if (!isIncident || status !== "firing" || typeof previous?.severity !== "string") return false;
  return urgencyRank(severityOf(notification)) < urgencyRank(previous.severity);
}
