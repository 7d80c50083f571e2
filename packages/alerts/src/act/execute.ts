import type { Clock, UnixMs } from "@tocsin/model";
import type { ActionPlan, ActionResult, BoundAction } from "./action.js";
import { afterFailure } from "./attempt.js";
import { ActionError } from "./errors.js";
import type { ActionRecord, ActionRun } from "./run.js";
import { isSameDeed } from "./same-deed.js";

/** What doing one run needs. */
export interface Execution {
  /** As it is in the journal, its first attempt recorded. */
  readonly run: ActionRun;
  readonly phase: "act" | "revert";
  /** Found started after a restart: the process that started it may have done it. */
  readonly isResumed: boolean;
  readonly bound: BoundAction;
  readonly timeoutMs: number;
  /** Aborted at shutdown. */
  readonly closing: AbortSignal;
  readonly clock: Clock;
  readonly random: () => number;
  record(record: ActionRecord): Promise<void>;
  /** Why another attempt must not be made, if so. */
  whyNotNow(): string | undefined;
}

/**
 * Does a run whose start is in the journal, with as many attempts as it may have, and records how it ended.
 * At shutdown it records nothing: the next process finds the run as started and takes it up.
 */
export async function execute(execution: Execution): Promise<void> {
  const { run, phase, bound, closing, clock, record } = execution;
  let { plan } = run;
  if (!plan) return;
  let wasEffectUnknown = execution.isResumed;
  let attempt = phase === "act" ? run.attempts : (run.revert?.attempts ?? 1);
  const finished = (outcome: "ok" | "failed" | "unknown", message: string): Promise<void> =>
    record({ kind: "action.finished", atMs: clock.now(), id: run.id, phase, outcome, message });
  for (;;) {
    try {
      const { message } = await call(execution, plan);
      return await finished("ok", message);
    } catch (thrown) {
      const next = afterFailure(thrown, {
        attempt,
        isRepeatable: bound.isRepeatable,
        wasEffectUnknown,
        random: execution.random(),
      });
      if (next.next === "leave") return;
      if (next.next === "give-up") return await finished(next.outcome, next.message);
      wasEffectUnknown ||= thrown instanceof ActionError && thrown.effect === "unknown";
      if (!(await pause(clock, next.delayMs, closing))) return;
      let objection = execution.whyNotNow();
      if (objection === undefined && next.mustReplan && phase === "act") {
        const fresh = await freshPlan();
        if (fresh && wasEffectUnknown && !fresh.isNeeded) {
          return await finished("ok", "An earlier attempt had done it although it got no answer.");
        }
        if (!fresh) objection = "the target changed and could not be read again";
        else if (!isSameDeed(fresh, plan)) objection = "the target changed and the plan no longer fits it";
        else plan = fresh;
      }
      if (objection !== undefined) {
        return await finished(wasEffectUnknown ? "unknown" : "failed", `Not tried again: ${objection}.`);
      }
      attempt += 1;
      await record({ kind: "action.started", atMs: clock.now(), id: run.id, phase, attempt, before: null });
    }
  }

  /** The target moved under us: it is read again, and the deed goes on only if it is still the one decided. */
  async function freshPlan(): Promise<ActionPlan | undefined> {
    try {
      const signal = AbortSignal.any([closing, AbortSignal.timeout(execution.timeoutMs)]);
      return await bound.plan(run.trigger, signal);
    } catch {
      return undefined;
    }
  }
}

function call({ run, phase, bound, closing, timeoutMs }: Execution, plan: ActionPlan): Promise<ActionResult> {
  const signal = AbortSignal.any([closing, AbortSignal.timeout(timeoutMs)]);
  if (phase === "act") return bound.act(plan, { idempotencyKey: run.key, signal });
  return bound.revert(plan, { idempotencyKey: `${run.key}-revert`, signal });
}

/** @returns false when it was cut short by a shutdown */
function pause(clock: Clock, delayMs: UnixMs, closing: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (closing.aborted) return resolve(false);
    const onAbort = (): void => {
      cancel();
      resolve(false);
    };
    const cancel = clock.after(delayMs, () => {
      closing.removeEventListener("abort", onAbort);
      resolve(true);
    });
    closing.addEventListener("abort", onAbort, { once: true });
  });
}
