import { type Alert, type Alerting, AlertsError, type DeliveryRecord } from "@tocsin/alerts";
import express, { type Request, type Response, Router } from "express";
import { z } from "zod";
import type { Replay } from "../alerting/evidence.js";
import { iso } from "./actions-json.js";
import { BadRequest, jsonBody } from "./json-body.js";

const Acknowledge = z.strictObject({
  by: z.string().trim().max(200).optional(),
  comment: z.string().trim().max(2_000).default(""),
});

/**
 * Alerts and notifications under `/api/v1`. A GET never changes anything, and bodies must be JSON.
 *
 *     GET  alerts                        firing first, then pending, then those that ended in the last 15 minutes
 *     GET  alerts/route?label=value      the receivers that labels reach
 *     GET  alerts/{id}                   by id, or by fingerprint for the latest episode
 *     GET  alerts/{id}/explain           the alert with the evidence that was stored when it fired, its notices, and
 *                                        whether the stored samples give the same again; also long after it ended
 *     POST alerts/{id}/acknowledge       {by, comment}
 *     GET  notifications                 waiting, dead, sent (?status=)
 *     POST notifications/{id}/replay     sends a dead one again
 */
export function alertsRoutes(
  alerting: Alerting,
  replay: (alert: Alert) => Promise<Replay | undefined>,
): Router {
  const router = Router();
  const json = express.json({ limit: "16kb" });

  router.get("/alerts", (_request, response) => {
    response.json(alertsJson(alerting));
  });
  // Before the route with an id: "route" is none.
  router.get("/alerts/route", (request, response) => {
    const labels = Object.fromEntries(
      Object.entries(request.query).map(([name, value]) => [name, String(value)]),
    );
    response.json(alerting.routeOf(labels));
  });
  router.get("/alerts/:id", (request, response) => {
    const alert = alertsJson(alerting).find((each) => isNamed(each, request.params.id));
    if (alert) response.json(alert);
    else unknownAlert(response, request.params.id);
  });
  router.get("/alerts/:id/explain", async (request, response) => {
    const alert = alerting.find(request.params.id);
    if (!alert) return unknownAlert(response, request.params.id);
    const notices = alerting
      .notifications()
      .filter(({ notification }) => notification.alerts.some(({ id }) => id === alert.id));
    response.json(explanationJson(alert, alerting, notices, await replay(alert)));
  });
  router.post("/alerts/:id/acknowledge", json, (request, response) =>
    answer(response, async () => {
      const body = jsonBody(Acknowledge, request);
      const acknowledgement = await alerting.acknowledge(
        String(request.params.id),
        personOf(body, request),
        body.comment,
      );
      return { by: acknowledgement.by, at: iso(acknowledgement.atMs), comment: acknowledgement.comment };
    }),
  );
  router.get("/notifications", (request, response) => {
    const { status } = request.query;
    const wanted = alerting.notifications().filter((each) => status === undefined || each.status === status);
    response.json(wanted.map(noticeJson));
  });
  router.post("/notifications/:id/replay", json, (request, response) =>
    answer(response, async () => {
      await alerting.replayNotification(String(request.params.id));
      return { queued: true };
    }),
  );
  return router;
}

function alertsJson(alerting: Alerting) {
  return alerting.alerts().map((alert) => alertJson(alert, alerting));
}

/** An alert as `/api/v1/alerts` gives it: instants in ISO 8601, what is not there is null. */
function alertJson(alert: Alert, alerting: Alerting) {
  const routed = alerting.routingOf(alert);
  const acknowledgement = alerting.acknowledgement(alert.id);
  return {
    id: alert.id,
    fingerprint: alert.fingerprint,
    name: alert.rule,
    source: alert.source,
    state: alert.state,
    labels: alert.labels,
    annotations: alert.annotations,
    value: alert.value !== undefined && Number.isFinite(alert.value) ? alert.value : null,
    activeAt: iso(alert.activeAtMs),
    startsAt: iso(alert.startsAtMs),
    endsAt: iso(alert.endsAtMs),
    updatedAt: iso(alert.updatedAtMs),
    generatorUrl: alert.generatorUrl,
    actions: alert.actions,
    receivers: routed.receivers,
    silencedBy: routed.silencedBy,
    inhibitedBy: routed.inhibitedBy,
    acknowledged: acknowledgement
      ? { by: acknowledgement.by, at: iso(acknowledgement.atMs), comment: acknowledgement.comment }
      : null,
  };
}

export type AlertJson = ReturnType<typeof alertJson>;
export type NoticeJson = ReturnType<typeof noticeJson>;
export type ExplanationJson = ReturnType<typeof explanationJson>;

/** An alert with what was known when it fired, and who was told. */
function explanationJson(
  alert: Alert,
  alerting: Alerting,
  notices: readonly DeliveryRecord[],
  replay: Replay | undefined,
) {
  return {
    ...alertJson(alert, alerting),
    evidence: alert.evidence ? { ...alert.evidence, at: iso(alert.evidence.atMs), atMs: undefined } : null,
    notices: notices.map(noticeJson),
    replay: replay ?? null,
  };
}

function noticeJson(delivery: DeliveryRecord) {
  const { notification } = delivery;
  return {
    id: delivery.id,
    receiver: delivery.receiver,
    destination: delivery.destination,
    status: delivery.status,
    says: notification.status,
    alerts: notification.alerts.map(({ id, status, labels }) => ({ id, status, labels })),
    attempts: delivery.attempts,
    createdAt: iso(delivery.createdAtMs),
    doneAt: iso(delivery.doneAtMs),
    nextTryAt: iso(delivery.nextTryAtMs),
    error: delivery.error ?? null,
  };
}

function isNamed(alert: { readonly id: string; readonly fingerprint: string }, name: string): boolean {
  return alert.id === name || alert.fingerprint === name;
}

function unknownAlert(response: Response, id: string): void {
  response.status(404).json({
    error: `There is no alert ${JSON.stringify(id)}. Those that ended are listed for 15 minutes, and explained for 90 days.`,
    code: "ALERTS_ALERT_UNKNOWN",
  });
}

/** Whoever the token names; without tokens, whoever the body names. */
function personOf(body: z.infer<typeof Acknowledge>, request: Request): string {
  const name = request.identity?.name;
  const by = name !== undefined && name !== "anonymous" ? name : (body.by ?? "");
  if (by === "") throw new BadRequest('Say who acknowledges: {"by": "ana"}.');
  return by;
}

async function answer(response: Response, work: () => Promise<unknown>): Promise<void> {
  try {
    response.json(await work());
  } catch (thrown) {
    if (thrown instanceof BadRequest) {
      response.status(400).json({ error: thrown.message, code: "REQUEST_INVALID" });
    } else if (thrown instanceof AlertsError) {
      response
        .status(thrown.code.endsWith("_UNKNOWN") ? 404 : 400)
        .json({ error: thrown.message, code: thrown.code });
    } else throw thrown;
  }
}
