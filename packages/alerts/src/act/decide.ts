import { formatDuration, type UnixMs } from "@tocsin/model";
import type { ActionPlan } from "./action.js";
import type { ActionConfig } from "./config.js";
import { countedAtMs, isInProgress } from "./history.js";
import type { ActionHistory, GuardResult } from "./run.js";
import type { SliReading } from "./sli-reader.js";
import type { ActionTrigger } from "./trigger.js";

const DAY_MS = 86_400_000;

/** Everything that the decision depends on. */
export interface Situation {
  readonly config: ActionConfig;
  readonly trigger: ActionTrigger;
  /** The run that is decided, so that it does not stand in its own way. */
  readonly runId: string;
  readonly history: ActionHistory;
  /** Whether this process is the one that may act, when there are several. */
  readonly isLeader: boolean;
  /** The SLO whose indicator counts, if any. */
  readonly slo: string | undefined;
  /** Its indicator just now; undefined when it cannot be told. */
  readonly sli: SliReading | undefined;
  readonly nowMs: UnixMs;
}

/**
 * Looks at everything that speaks against acting, before the target is even read.
 *
 * All guards are evaluated, so that a dry run and the page can show each of them; one that failed is enough to
 * keep the action from being done. A person's approval overrides none of them.
 */
export function evaluateGuards(situation: Situation): GuardResult[] {
  return [
    stopAll(situation),
    leader(situation),
    alertFires(situation),
    evidence(situation),
    notInProgress(situation),
    cooldown(situation),
    maxPerDay(situation),
    blastRadius(situation),
  ];
}

/** What the plan itself says: whether there is anything to do, and whether the action's own caps allow it. */
export function evaluatePlan(plan: ActionPlan): GuardResult {
  if (plan.refusal !== null) return { guard: "plan", passed: false, text: plan.refusal };
  if (!plan.isNeeded) {
    return { guard: "plan", passed: false, text: "the target already is as the action would make it" };
  }
  return { guard: "plan", passed: true, text: plan.summary };
}

/** What follows from the guards and the mode. */
export function nextState(
  mode: ActionConfig["mode"],
  guards: readonly GuardResult[],
): "blocked" | "dry-run" | "waiting" | "ready" {
  if (guards.some(({ passed }) => !passed)) return "blocked";
  if (mode === "dry-run") return "dry-run";
  return mode === "approve" ? "waiting" : "ready";
}

function stopAll({ history: { stopped } }: Situation): GuardResult {
  return stopped
    ? {
        guard: "stop-all",
        passed: false,
        text: `all actions are stopped by ${stopped.by}: ${stopped.reason}`,
      }
    : { guard: "stop-all", passed: true, text: "actions are not stopped" };
}

function leader({ isLeader }: Situation): GuardResult {
  return { guard: "leader", passed: isLeader, text: isLeader ? "this process acts" : "another process acts" };
}

function alertFires({ trigger }: Situation): GuardResult {
  if (trigger.alertId === "manual") return { guard: "alert", passed: true, text: "asked for by a person" };
  if (trigger.status === "resolved") return { guard: "alert", passed: false, text: "the alert has resolved" };
  if (!trigger.hasData) {
    return {
      guard: "alert",
      passed: false,
      text: "the alert is about missing data, and nothing follows from that",
    };
  }
  return { guard: "alert", passed: true, text: `${trigger.alertName} is firing` };
}

/** The cure must not come when the illness is over, nor on a hunch: the indicator is looked at once more. */
function evidence({ slo, sli, trigger }: Situation): GuardResult {
  if (slo === undefined) {
    return {
      guard: "evidence",
      passed: true,
      text: "no SLO belongs to this alert; its rule is the evidence",
    };
  }
  if (!sli) return { guard: "evidence", passed: false, text: `no data about ${slo} just now` };
  const text = `${slo} burns at ${rounded(sli.burnRate)}× over the last ${formatDuration(sli.windowMs)} (${sli.total - sli.good} bad of ${sli.total})`;
  return { guard: "evidence", passed: trigger.alertId === "manual" || sli.burnRate >= 1, text };
}

function notInProgress({ config, history, runId }: Situation): GuardResult {
  const other = [...history.runs.values()].find(
    (run) =>
      run.action === config.name &&
      run.id !== runId &&
      (isInProgress(run.state) || run.state === "waiting" || run.state === "ready"),
  );
  return other
    ? { guard: "in-progress", passed: false, text: `run ${other.id} of this action is ${other.state}` }
    : { guard: "in-progress", passed: true, text: "no other run of this action is under way" };
}

function cooldown({ config, history, runId, nowMs }: Situation): GuardResult {
  const { cooldownMs } = config.limits;
  const lastMs = Math.max(...countedTimes(history, config, runId));
  const agoMs = nowMs - lastMs;
  const limit = `the cooldown is ${formatDuration(cooldownMs)}`;
  if (lastMs === Number.NEGATIVE_INFINITY)
    return { guard: "cooldown", passed: true, text: `not done before, ${limit}` };
  return { guard: "cooldown", passed: agoMs >= cooldownMs, text: `last done ${spoken(agoMs)} ago, ${limit}` };
}

function maxPerDay({ config, history, runId, nowMs }: Situation): GuardResult {
  const times = countedTimes(history, config, runId).filter((atMs) => nowMs - atMs < DAY_MS);
  const { maxPerDay: limit } = config.limits;
  return {
    guard: "max-per-day",
    passed: times.length < limit,
    text: `done ${times.length} of ${limit} times in the last 24h`,
  };
}

/** Several cures at once hide which one helped, and several wrong ones at once are an outage. */
function blastRadius({ config, history, runId }: Situation): GuardResult {
  const others = [...history.runs.values()].filter((run) => run.id !== runId && isInProgress(run.state));
  const { maxAtOnce } = config.limits;
  return {
    guard: "blast-radius",
    passed: others.length < maxAtOnce,
    text: `${others.length} other actions are under way, ${maxAtOnce} may be at once`,
  };
}

function countedTimes(history: ActionHistory, { name, mode }: ActionConfig, runId: string): UnixMs[] {
  return [...history.runs.values()]
    .filter((run) => run.action === name && run.id !== runId)
    .map((run) => countedAtMs(run, mode))
    .filter((atMs) => atMs !== undefined);
}

/** Whole seconds are enough for people. */
function spoken(durationMs: number): string {
  return formatDuration(Math.max(0, Math.floor(durationMs / 1_000) * 1_000));
}

function rounded(value: number): string {
  return String(Number(value.toPrecision(3)));
}
