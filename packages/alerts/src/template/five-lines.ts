import { formatDuration, type UnixMs } from "@tocsin/model";
import type { Evidence, EvidenceWindow } from "../explain/evidence.js";
import type { Notification, NotifiedAlert } from "../notify/notifier.js";
import { mostUrgent } from "../notify/urgency.js";
import type { FiveLines } from "./message-templates.js";

/** What, how bad, since when and what changed, where, what may be done. Plain facts of the alerts; pure. */
export function fiveLines(notification: Notification, nowMs: UnixMs): FiveLines {
  const firing = notification.alerts.filter((alert) => alert.status === "firing");
  const shown = mostUrgent(notification.alerts);
  if (!shown) return { title: "No alerts", lines: [], links: [] };
  const isFiring = firing.length > 0;
  const name = nameOf(notification, shown);
  const severity = (notification.commonLabels.severity ?? shown.labels.severity ?? "").toUpperCase();
  const title = isFiring ? `${severity === "" ? "FIRING" : severity} ${name}` : `resolved ${name}`;
  const lines = isFiring
    ? [
        what(notification, title, firing, shown),
        howBad(shown),
        sinceWhen(shown, nowMs),
        where(notification, shown),
        whatToDo(shown, notification),
      ]
    : [
        `${title} ${after(shown)}${notification.isLate ? " (this message could not be delivered earlier)" : ""}`,
        spent(shown),
        where(notification, shown),
      ];
  return { title, lines: lines.filter((line) => line !== ""), links: linksOf(notification, shown) };
}

function nameOf(notification: Notification, alert: NotifiedAlert): string {
  const { commonLabels } = notification;
  return commonLabels.slo ?? commonLabels.alertname ?? alert.labels.alertname ?? "alerts";
}

function what(
  notification: Notification,
  title: string,
  firing: readonly NotifiedAlert[],
  shown: NotifiedAlert,
): string {
  const summary = shown.annotations.summary ?? shown.annotations.description?.split("\n")[0] ?? "";
  const count = firing.length > 1 ? ` (${firing.length} alerts)` : "";
  const resolved = notification.alerts.length - firing.length;
  const ended = resolved > 0 ? `, ${resolved} resolved` : "";
  return `${title}${count}${ended}${summary === "" ? "" : `: ${summary}`}`;
}

/** The fastest burn says how long the budget lasts; without one, the value of the rule. */
function howBad(alert: NotifiedAlert): string {
  const { annotations, evidence } = alert;
  const worst = worstWindow(evidence);
  const exhaustion = annotations.exhaustion ? `, budget gone in ${annotations.exhaustion}` : "";
  if (worst) {
    const percent = formatRatio(worst.errorRatio);
    return `${percent} of requests fail (${worst.bad} of ${worst.total} in ${worst.window}), spending budget ${short(worst.burnRate)}× too fast${exhaustion}`;
  }
  if (exhaustion !== "") return exhaustion.slice(2);
  return alert.value === undefined || Number.isNaN(alert.value) ? "" : `value ${short(alert.value)}`;
}

function worstWindow(evidence: Evidence | undefined): EvidenceWindow | undefined {
  return [...(evidence?.windows ?? [])].sort((a, b) => b.burnRate - a.burnRate)[0];
}

function sinceWhen(alert: NotifiedAlert, nowMs: UnixMs): string {
  const since = `since ${new Date(alert.startsAtMs).toISOString().slice(11, 16)} UTC (${ago(nowMs - alert.startsAtMs)})`;
  const change = alert.evidence?.changes?.[0];
  return change
    ? `${since}, after ${change.kind} ${change.text} at ${new Date(change.atMs).toISOString().slice(11, 19)}`
    : since;
}

function where(notification: Notification, alert: NotifiedAlert): string {
  const share = alert.evidence?.where?.[0];
  const labels = { ...alert.labels, ...notification.commonLabels };
  const place = ["service", "environment", "version", "route", "job", "instance"]
    .filter((name) => labels[name])
    .map((name) => `${name} ${labels[name]}`)
    .join(", ");
  if (!share) return place === "" ? "" : `where: ${place}`;
  return `where: ${place === "" ? "" : `${place}; `}${share.by} ${share.value} carries ${formatRatio(share.share)} of the bad ones`;
}

function whatToDo(alert: NotifiedAlert, notification: Notification): string {
  const runbook = alert.annotations.runbook_url ?? alert.annotations.runbook;
  const actions = alert.annotations.actions ?? alert.actions?.join(", ");
  const parts = [
    actions ? `actions: ${actions}` : "",
    runbook ? `runbook: ${runbook}` : "",
    `why: ${whyUrl(notification, alert)}`,
  ];
  return parts.filter((part) => part !== "").join(" · ");
}

function whyUrl(notification: Notification, alert: NotifiedAlert): string {
  return `${notification.externalUrl}/alerts/${encodeURIComponent(alert.id)}`;
}

function linksOf(notification: Notification, alert: NotifiedAlert): FiveLines["links"] {
  const { service } = { ...alert.labels, ...notification.commonLabels };
  // A frozen range: what is behind the link later is what was meant now.
  const from = new Date(alert.startsAtMs - 900_000).toISOString();
  const to = new Date(
    (alert.endsAtMs ?? Math.max(notification.createdAtMs, alert.startsAtMs)) + 300_000,
  ).toISOString();
  const range = `from=${from}&to=${to}`;
  const links = [{ text: "Why", url: whyUrl(notification, alert) }];
  if (service) {
    const name = encodeURIComponent(service);
    links.push({ text: "Service", url: `${notification.externalUrl}/services/${name}?${range}` });
    links.push({
      text: "Failing traces",
      url: `${notification.externalUrl}/traces?service=${name}&status=error&${range}`,
    });
  }
  return links;
}

function after(alert: NotifiedAlert): string {
  return alert.endsAtMs === undefined ? "" : `after ${roughly(alert.endsAtMs - alert.startsAtMs)}`;
}

function spent(alert: NotifiedAlert): string {
  return alert.annotations.budget_spent ? `${alert.annotations.budget_spent} of budget spent` : "";
}

function ago(ms: number): string {
  return ms < 1_000 ? "just now" : `${roughly(ms)} ago`;
}

/** Two units at most: nobody needs the seconds of an hour. */
export function roughly(ms: number): string {
  const unit = ms >= 86_400_000 ? 3_600_000 : ms >= 3_600_000 ? 60_000 : 1_000;
  const rounded = Math.max(unit, Math.round(ms / unit) * unit);
  return formatDuration(rounded)
    .replace(/([a-z]+)(?=\d)/g, "$1 ")
    .replace(/(\d)([a-z])/g, "$1 $2");
}

function formatRatio(ratio: number): string {
  return `${short(ratio * 100)} %`;
}

/** Three significant digits. */
export function short(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(3))) : String(value);
}
