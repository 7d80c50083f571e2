import type { Labels } from "@tocsin/model";
import { goTimestamp } from "../template/go-time.js";
import type { Notification } from "./notifier.js";

/** The body of a webhook, version 4, field for field as Alertmanager sends it. */
export interface WebhookMessage {
  readonly receiver: string;
  readonly status: "firing" | "resolved";
  readonly alerts: readonly {
    readonly status: "firing" | "resolved";
    readonly labels: Labels;
    readonly annotations: Labels;
    readonly startsAt: string;
    readonly endsAt: string;
    readonly generatorURL: string;
    readonly fingerprint: string;
  }[];
  readonly groupLabels: Labels;
  readonly commonLabels: Labels;
  readonly commonAnnotations: Labels;
  readonly externalURL: string;
  readonly version: "4";
  readonly groupKey: string;
  readonly truncatedAlerts: number;
}

/** @param maxAlerts 0 for all of them; what is cut is counted in `truncatedAlerts` */
export function webhookMessage(notification: Notification, maxAlerts = 0): WebhookMessage {
  const { alerts } = notification;
  const kept = maxAlerts > 0 ? alerts.slice(0, maxAlerts) : alerts;
  return {
    receiver: notification.receiver,
    status: notification.status,
    alerts: kept.map((alert) => ({
      status: alert.status,
      labels: alert.labels,
      annotations: alert.annotations,
      startsAt: goTimestamp(alert.startsAtMs),
      endsAt: goTimestamp(alert.status === "firing" ? undefined : alert.endsAtMs),
      generatorURL: alert.generatorUrl,
      fingerprint: alert.fingerprint,
    })),
    groupLabels: notification.groupLabels,
    commonLabels: notification.commonLabels,
    commonAnnotations: notification.commonAnnotations,
    externalURL: notification.externalUrl,
    version: "4",
    groupKey: notification.groupKey,
    truncatedAlerts: alerts.length - kept.length,
  };
}
