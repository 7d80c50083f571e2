import type { UnixMs } from "@tocsin/model";
import type { ActionConfig } from "./config.js";
import type { ActionRun } from "./run.js";
import type { SliReading } from "./sli-reader.js";
import { type Judgement, judge, judgeByAlert } from "./verdict.js";

/** What is known of a run that is being verified. */
export interface Observation {
  /** The SLO that tells, if any. */
  readonly slo: string | undefined;
  /** Its indicator over the verification window that ends now. */
  readonly sli: SliReading | undefined;
  /** Its indicator over all the time since the action took effect: with little traffic, or when few events were bad
   * before, the short window alone proves nothing. */
  readonly sliSince: SliReading | undefined;
  /** The alert that asked for the action; undefined when nothing was heard of it since a restart. */
  readonly alert: "firing" | "resolved" | undefined;
  readonly nowMs: UnixMs;
}

/** How a run is verified whose action has left the config meanwhile. */
export const FORGOTTEN_ACTION_VERIFY: ActionConfig["verify"] = {
  settleMs: 15_000,
  windowMs: 60_000,
  withinMs: 300_000,
  slo: undefined,
  revert: "never",
};

/** Length of the time since the action took effect. */
export function effectiveMs(run: ActionRun, verify: ActionConfig["verify"], nowMs: UnixMs): number {
  return nowMs - (run.finishedAtMs ?? run.decidedAtMs) - verify.settleMs;
}

/** The first moment at which a window holds only what happened after the action took effect. */
export function measurableAtMs(run: ActionRun, verify: ActionConfig["verify"]): UnixMs {
  return (run.finishedAtMs ?? run.decidedAtMs) + verify.settleMs + verify.windowMs;
}

/**
 * The verdict, once it can be given.
 *
 * Help is said as soon as it is sure. Harm and uselessness are said only at the deadline, because a cure such as a
 * rolling restart may take its time and be rough at first.
 *
 * @returns undefined while it is too early
 */
export function verificationStep(
  run: ActionRun,
  verify: ActionConfig["verify"],
  { slo, sli, sliSince, alert, nowMs }: Observation,
): Judgement | undefined {
  const isLast = nowMs >= (run.finishedAtMs ?? run.decidedAtMs) + verify.withinMs;
  if (slo === undefined) {
    if (alert === "resolved") return judgeByAlert(false);
    if (!isLast) return undefined;
    if (alert === "firing") return judgeByAlert(true);
    return {
      verdict: "too little data",
      reason: "nothing was heard of the alert since the action",
      after: null,
    };
  }
  if (nowMs < measurableAtMs(run, verify)) return undefined;
  const recent = judge(run.before, sli);
  if (recent.verdict === "helped") return recent;
  const since = judge(run.before, sliSince);
  if (since.verdict === "helped") return since;
  return isLast ? recent : undefined;
}

/** Whether the verdict asks for the action to be undone. */
export function mustRevert(policy: ActionConfig["verify"]["revert"], verdict: Judgement["verdict"]): boolean {
  if (policy === "worse") return verdict === "worse";
  return policy === "unless-helped" && (verdict === "worse" || verdict === "no effect");
}
