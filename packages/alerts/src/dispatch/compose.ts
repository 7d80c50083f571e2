import { createHash } from "node:crypto";
import type { Labels, UnixMs } from "@tocsin/model";
import type { StoredNotification } from "../deliver/outbox.js";
import type { NotifiedAlert } from "../notify/notifier.js";
import { compareAlerts, isResolved, type RoutedAlert } from "./alert-registry.js";

/** An alert as it is told at a moment: an end that lies ahead is no end yet. */
export function notifiedAlert(alert: RoutedAlert, nowMs: UnixMs): NotifiedAlert {
  const status = isResolved(alert, nowMs) ? "resolved" : "firing";
  return {
    id: alert.id,
    fingerprint: alert.fingerprint,
    status,
    labels: alert.labels,
    annotations: alert.annotations,
    startsAtMs: alert.startsAtMs,
    endsAtMs: status === "resolved" ? alert.endsAtMs : undefined,
    generatorUrl: alert.generatorUrl,
    ...(alert.value === undefined ? {} : { value: alert.value }),
    ...(alert.evidence === undefined ? {} : { evidence: alert.evidence }),
    ...(alert.actions?.length ? { actions: alert.actions } : {}),
  };
}

/**
 * Joins what is to be told now with what was to be told and could not be delivered. An alert that was to be told
 * as firing is told in any case, by now perhaps as resolved. Pure.
 */
export function joinUndelivered(
  now: readonly NotifiedAlert[],
  undelivered: readonly NotifiedAlert[],
): { alerts: NotifiedAlert[]; isLate: boolean } {
  const current = new Map(now.map((alert) => [alert.fingerprint, alert]));
  const missing = undelivered.filter((alert) => !current.has(alert.fingerprint));
  const isLate =
    missing.length > 0 ||
    undelivered.some(
      (alert) => alert.status === "firing" && current.get(alert.fingerprint)?.status === "resolved",
    );
  return { alerts: [...now, ...missing], isLate };
}

/** Puts a notification together. The id is a hash of what it says, so that it is the same however often it is made. */
export function composeNotification(parts: {
  readonly receiver: string;
  readonly key: string;
  readonly groupKey: string;
  readonly groupLabels: Labels;
  readonly alerts: readonly NotifiedAlert[];
  readonly externalUrl: string;
  readonly nowMs: UnixMs;
  readonly isLate: boolean;
  readonly isIncident: boolean;
}): StoredNotification {
  const alerts = [...parts.alerts].sort(compareAlerts);
  const said = alerts.map((alert) => `${alert.id} ${alert.status}`).join("\n");
  const id = createHash("sha256").update(`${parts.key}\n${parts.nowMs}\n${said}`).digest("hex").slice(0, 32);
  return {
    id,
    receiver: parts.receiver,
    groupKey: parts.groupKey,
    groupLabels: parts.groupLabels,
    commonLabels: common(alerts.map((alert) => alert.labels)),
    commonAnnotations: common(alerts.map((alert) => alert.annotations)),
    status: alerts.some((alert) => alert.status === "firing") ? "firing" : "resolved",
    alerts,
    externalUrl: parts.externalUrl,
    createdAtMs: parts.nowMs,
    isLate: parts.isLate,
    ...(parts.isIncident ? { isIncident: true } : {}),
  };
}

/** The pairs that all have. */
function common(all: readonly Labels[]): Labels {
  const [first = {}, ...others] = all;
  return Object.fromEntries(
    Object.entries(first).filter(([name, value]) => others.every((labels) => labels[name] === value)),
  );
}
