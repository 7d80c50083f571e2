import type { ActionPlan, ActionRun, SliReading } from "@tocsin/alerts";

/** A run as `/api/v1/actions` gives it: instants in ISO 8601, what is not there is null. */
export function runJson(run: ActionRun) {
  return {
    id: run.id,
    action: run.action,
    type: run.type,
    mode: run.mode,
    state: run.state,
    alert: {
      id: run.trigger.alertId,
      name: run.trigger.alertName,
      labels: run.trigger.labels,
      startsAt: iso(run.trigger.startsAtMs),
    },
    slo: run.trigger.slo,
    plan: run.plan ? planJson(run.plan) : null,
    guards: run.guards,
    decidedAt: iso(run.decidedAtMs),
    expiresAt: iso(run.expiresAtMs),
    requestedBy: run.requestedBy ?? null,
    answer: run.answer ? { ...run.answer, atMs: undefined, at: iso(run.answer.atMs) } : null,
    lapse: run.lapse ?? null,
    attempts: run.attempts,
    idempotencyKey: run.key,
    startedAt: iso(run.startedAtMs),
    finishedAt: iso(run.finishedAtMs),
    outcome: run.outcome ?? null,
    message: run.message ?? null,
    before: readingJson(run.before),
    after: readingJson(run.after),
    verdict: run.verdict ?? null,
    verdictReason: run.verdictReason ?? null,
    verifiedAt: iso(run.verifiedAtMs),
    revert: run.revert
      ? {
          startedAt: iso(run.revert.startedAtMs),
          finishedAt: iso(run.revert.finishedAtMs),
          outcome: run.revert.outcome ?? null,
          message: run.revert.message ?? null,
        }
      : null,
  };
}

export type ActionRunJson = ReturnType<typeof runJson>;

/** A plan as people may see it; what `act` needs to know besides stays inside. */
export function planJson({ summary, changes, request, refusal, isNeeded }: ActionPlan) {
  return { summary, changes, request, refusal, needed: isNeeded };
}

function readingJson(reading: SliReading | undefined) {
  if (!reading) return null;
  const { good, total, errorRatio, burnRate, windowMs, endMs } = reading;
  return { good, total, errorRatio, burnRate, windowSeconds: windowMs / 1_000, endsAt: iso(endMs) };
}

/** An instant as everything outside reads it. */
export function iso(atMs: number): string;
export function iso(atMs: number | undefined): string | null;
export function iso(atMs: number | undefined): string | null {
  return atMs === undefined ? null : new Date(atMs).toISOString();
}
