import { z } from "zod";

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
