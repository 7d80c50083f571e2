import { z } from "zod";
import type { AlertChange } from "../alert.js";

/** Why an action is considered: an alert as it stands now. Plain JSON, kept in the journal with the decision. */
export const ActionTrigger = z.object({
  /** The alert's stable id (fingerprint); `manual` for a run that a person asked for. */
  alertId: z.string(),
  alertName: z.string(),
  /** Start of this firing. The same alert firing again later is another cause. */
  startsAtMs: z.number(),
  status: z.enum(["firing", "resolved"]),
  /** False when the alert fires because data is missing or its rule failed: no action follows from that. */
  hasData: z.boolean(),
  labels: z.record(z.string(), z.string()),
  annotations: z.record(z.string(), z.string()),
  /** The value of the alert's condition, when it has one. */
  value: z.number().nullable(),
  /** The SLO that burns, for SLO alerts; its indicator tells whether an action helped. */
  slo: z.string().nullable(),
});
export type ActionTrigger = z.infer<typeof ActionTrigger>;

/** The label under which SLO alerts carry the name of their SLO. */
const SLO_LABEL = "slo";

/** A change of an alert in the form that the action runner takes. */
export function triggerOf({ kind, alert }: AlertChange): ActionTrigger {
  return {
    alertId: alert.id,
    alertName: alert.labels.alertname ?? alert.rule,
    startsAtMs: alert.startsAtMs ?? alert.activeAtMs,
    status: kind,
    hasData: alert.state === "firing" || alert.state === "resolved",
    labels: alert.labels,
    annotations: alert.annotations,
    value: Number.isFinite(alert.value) ? (alert.value ?? null) : null,
    slo: alert.labels[SLO_LABEL] ?? null,
  };
}
