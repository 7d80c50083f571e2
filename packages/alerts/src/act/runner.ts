// One piece: a run is decided, written down, done and verified in this order, which is nowhere else to be seen.
import {
  type Cancel,
  type Clock,
  every,
  type Logger,
  messageOf,
  silentLogger,
  systemClock,
} from "@tocsin/model";
import type { Journal } from "../journal.js";
import type { ActionDefinition, ActionPlan } from "./action.js";
import { Assessor, type AssessorDeps, decisionOf, runId } from "./assessor.js";
import type { ActionConfig } from "./config.js";
import { nextState } from "./decide.js";
import { ActionError } from "./errors.js";
import { execute } from "./execute.js";
import { actionDefinitions } from "./index.js";
import { RecordBook } from "./record-book.js";
import type { ActionHistory, ActionRun, GuardResult, Person } from "./run.js";
import { isSameDeed } from "./same-deed.js";
import type { SliReader, SliReading } from "./sli-reader.js";
import type { ActionTrigger } from "./trigger.js";
import {
  effectiveMs,
  FORGOTTEN_ACTION_VERIFY,
  measurableAtMs,
  mustRevert,
  verificationStep,
} from "./verification.js";

/** What the runner is handed. */
export interface ActionRunnerDeps {
  readonly journal: Journal;
  readonly actions: readonly ActionConfig[];
  readonly sli: SliReader;
  readonly definitions?: readonly ActionDefinition[];
  /** Whether this process may act, when several watch the same alerts. */
  readonly isLeader?: () => boolean;
  readonly fetch?: typeof fetch;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** 0–1, for the jitter of retries. */
  readonly random?: () => number;
}

/** An action as the config has it, with what is left of its limits. */
export interface CataloguedAction extends ActionConfig {
  readonly usedToday: number;
  readonly isRepeatable: boolean;
  readonly canRevert: boolean;
}

type RunnerDeps = AssessorDeps & { readonly random: () => number };

const TICK_MS = 1_000;
/** How often a blocked run is looked at again while its alert fires. */
const RECONSIDER_MS = 5_000;
const DAY_MS = 86_400_000;

/**
 * Decides, journals, acts and verifies. One piece, because it is the one place where the order of these is kept.
 *
 * Every decision is made in one queue, so that two alerts cannot both find the way free. Nothing is done before
 * the record of it is on the disk, and if it cannot be recorded it is not done: actions fail closed.
 */
export class ActionRunner {
  #deps: RunnerDeps;
  readonly #book: RecordBook;
  #assessor: Assessor;
  readonly #closing = new AbortController();
  readonly #executing = new Map<string, Promise<void>>();
  /** Firing alerts and the actions that they ask for, by run id. */
  readonly #active = new Map<string, { trigger: ActionTrigger; action: string; consideredAtMs: number }>();
  /** The last word on each alert that asked for an action. */
  readonly #alerts = new Map<string, "firing" | "resolved">();
  #queue: Promise<unknown> = Promise.resolve();
  #cancelTick: Cancel | undefined;

  private constructor(deps: RunnerDeps, book: RecordBook) {
    this.#deps = deps;
    this.#book = book;
    this.#assessor = new Assessor(deps);
  }

  /**
   * Reads what was done before. Nothing is done until `start`.
   *
   * @throws {ActionError} ACTION_UNKNOWN when a configured action is of no known kind
   */
  static async open(deps: ActionRunnerDeps): Promise<ActionRunner> {
    const { journal, logger = silentLogger, clock = systemClock, random = Math.random } = deps;
    const { definitions = actionDefinitions, isLeader = () => true, fetch = globalThis.fetch } = deps;
    const book = await RecordBook.open(journal, logger);
    const { actions, sli } = deps;
    return new ActionRunner({ actions, sli, definitions, isLeader, fetch, clock, logger, random }, book);
  }

  /** Takes up what the last process left unfinished, then watches. */
  async start(): Promise<void> {
    await this.#serially(() => this.#resume());
    this.#cancelTick ??= every(this.#deps.clock, TICK_MS, () =>
      this.#serially(() => this.#tick()).catch(() => {}),
    );
  }

  /**
   * Tells the runner of an alert that fires or resolves; telling it twice is harmless. Resolves when the decision
   * is in the journal, not when the action is done.
   */
  alertChanged(trigger: ActionTrigger, actionNames: readonly string[]): Promise<void> {
    return this.#serially(async () => {
      if (actionNames.length > 0) this.#alerts.set(trigger.alertId, trigger.status);
      for (const action of actionNames) {
        const id = runId(action, trigger.alertId);
        if (!this.#assessor.find(action)) {
          this.#deps.logger.warn(
            { action, alert: trigger.alertName },
            "alert names an action that does not exist",
          );
        } else if (trigger.status === "resolved") {
          await this.#withdraw(id, "the alert resolved before it was done");
        } else {
          this.#active.set(id, { trigger, action, consideredAtMs: this.#deps.clock.now() });
          await this.#consider(action, trigger, id);
        }
      }
    });
  }

  /**
   * Goes on with other actions, from the next decision on. What is under way ends as it began; what waits for an action that is gone,
   * or is now only shown, is withdrawn.
   *
   * @throws {ActionError} ACTION_UNKNOWN when an action is of no known kind; then nothing has changed
   */
  reconfigure(actions: readonly ActionConfig[]): Promise<void> {
    return this.#serially(async () => {
      const deps = { ...this.#deps, actions };
      this.#assessor = new Assessor(deps);
      this.#deps = deps;
      await this.#withdrawForgotten();
    });
  }

  /** Runs, newest decision first. */
  runs(): readonly ActionRun[] {
    return [...this.#book.history.runs.values()].sort((a, b) => b.decidedAtMs - a.decidedAtMs);
  }

  run(id: string): ActionRun | undefined {
    return this.#book.history.runs.get(id);
  }

  /** Who stopped all actions, if anyone did. */
  get stopped(): ActionHistory["stopped"] {
    return this.#book.history.stopped;
  }

  /** The configured actions with what is left of their limits. */
  catalogue(): readonly CataloguedAction[] {
    const sinceMs = this.#deps.clock.now() - DAY_MS;
    const runs = [...this.#book.history.runs.values()];
    return this.#deps.actions.map((config) => {
      const { isRepeatable, canRevert } = this.#assessor.get(config.name).bound;
      const usedToday = runs.filter(
        ({ action, startedAtMs }) =>
          action === config.name && startedAtMs !== undefined && startedAtMs > sinceMs,
      ).length;
      return { ...config, usedToday, isRepeatable, canRevert };
    });
  }

  /** Is told of every change of a run, after it is in the journal. */
  onChange(listener: (run: ActionRun) => void): Cancel {
    return this.#book.onChange(listener);
  }

  /**
   * A named person says yes to a waiting run. The target is read again: if the plan is no longer the one that was
   * shown, nothing is done and the run waits with the new plan.
   *
   * @throws {ActionError} ACTION_UNKNOWN, ACTION_NOT_WAITING, ACTION_PERSON_REQUIRED, ACTION_GUARDED, ACTION_PLAN_CHANGED
   */
  approve(id: string, person: Person): Promise<ActionRun> {
    return this.#serially(async () => {
      const run = this.#waiting(id, person);
      const found = await this.#assess(run.action, run.trigger, id);
      refuseIfGuarded(found.guards);
      const kept = { requestedBy: run.requestedBy ?? null, expiresAtMs: run.expiresAtMs ?? null };
      if (found.plan && run.plan && !isSameDeed(found.plan, run.plan)) {
        await this.#book.record(decisionOf(found, { ...kept, state: "waiting" }));
        throw new ActionError(
          "ACTION_PLAN_CHANGED",
          `The target changed since the plan was shown; it would now be: ${found.plan.summary}. Look at it and approve again.`,
        );
      }
      const { by, reason } = person;
      await this.#book.record({
        kind: "action.answered",
        atMs: found.atMs,
        id,
        answer: "approved",
        by,
        reason,
      });
      await this.#book.record(decisionOf(found, { ...kept, state: "ready" }));
      await this.#begin(id, "act", found.sli);
      return this.#book.known(id);
    });
  }

  /** A named person says no. @throws {ActionError} ACTION_UNKNOWN, ACTION_NOT_WAITING, ACTION_PERSON_REQUIRED */
  decline(id: string, person: Person): Promise<ActionRun> {
    return this.#serially(async () => {
      const { by, reason } = person;
      this.#waiting(id, person);
      const atMs = this.#deps.clock.now();
      await this.#book.record({ kind: "action.answered", atMs, id, answer: "declined", by, reason });
      return this.#book.known(id);
    });
  }

  /** What an action would do now, and what would speak against it. Changes and records nothing. */
  async plan(action: string): Promise<{ plan: ActionPlan | undefined; guards: readonly GuardResult[] }> {
    const { trigger, id } = this.#assessor.manual(action, this.#book.history);
    return this.#assess(action, trigger, id);
  }

  /**
   * A named person wants the action done, without an alert. Every guard but the alert's own holds.
   *
   * @throws {ActionError} ACTION_UNKNOWN, ACTION_PERSON_REQUIRED, ACTION_GUARDED
   */
  runNow(action: string, person: Person): Promise<ActionRun> {
    return this.#serially(async () => {
      requirePerson(person);
      const { trigger, id } = this.#assessor.manual(action, this.#book.history);
      const found = await this.#assess(action, trigger, id);
      refuseIfGuarded(found.guards);
      const state = found.config.mode === "dry-run" ? "dry-run" : "ready";
      const requestedBy = { by: person.by, reason: person.reason };
      await this.#book.record(decisionOf(found, { state, requestedBy }));
      if (state === "ready") await this.#begin(id, "act", found.sli);
      return this.#book.known(id);
    });
  }

  /** The switch: while it is on, nothing is started, approved, retried or reverted. It outlives a restart. */
  stopAll(isStopped: boolean, { by, reason }: Person): Promise<void> {
    return this.#serially(async () => {
      requirePerson({ by, reason });
      const atMs = this.#deps.clock.now();
      await this.#book.record({ kind: "action.stop_all", atMs, isStopped, by, reason });
    });
  }

  /** Ends what is under way without waiting for its effect; the journal knows where it stood. */
  async close(): Promise<void> {
    this.#cancelTick?.();
    this.#closing.abort(new Error("shutting down"));
    await this.#queue;
    await Promise.all(this.#executing.values());
  }

  async #withdrawForgotten(): Promise<void> {
    for (const { id, action, state } of this.#book.history.runs.values()) {
      const found = this.#assessor.find(action);
      if (!found) await this.#withdraw(id, "its action left the config");
      else if (state === "waiting" && found.config.mode === "dry-run")
        await this.#withdraw(id, "its action is only shown now");
    }
  }

  async #resume(): Promise<void> {
    await this.#withdrawForgotten();
    for (const run of this.#book.history.runs.values()) {
      const found = this.#assessor.find(run.action);
      if (run.state !== "acting" && run.state !== "reverting") continue;
      const phase = run.state === "acting" ? "act" : "revert";
      if (found?.bound.isRepeatable && !this.stopped && this.#deps.isLeader()) {
        this.#execute(run.id, phase, true);
        continue;
      }
      const message =
        "The process ended before the target had answered. The call is not repeated; what follows shows whether it was done.";
      const atMs = this.#deps.clock.now();
      await this.#book.record({
        kind: "action.finished",
        atMs,
        id: run.id,
        phase,
        outcome: "unknown",
        message,
      });
    }
  }

  async #tick(): Promise<void> {
    const nowMs = this.#deps.clock.now();
    for (const { id, state, expiresAtMs } of this.#book.history.runs.values()) {
      if (state === "verifying") await this.#verify(this.#book.known(id));
      if (state !== "waiting" || expiresAtMs === undefined || nowMs < expiresAtMs) continue;
      const reason = "nobody answered in time";
      await this.#book.record({ kind: "action.lapsed", atMs: nowMs, id, state: "expired", reason });
    }
    for (const [id, active] of this.#active) {
      if (nowMs - active.consideredAtMs < RECONSIDER_MS) continue;
      active.consideredAtMs = nowMs;
      await this.#consider(active.action, active.trigger, id);
    }
  }

  /** Decides about one action for one firing; a run that was decided before is left as it is. */
  async #consider(action: string, trigger: ActionTrigger, id: string): Promise<void> {
    const known = this.#book.history.runs.get(id);
    if (known && known.state !== "blocked" && known.state !== "ready") return;
    const found = await this.#assess(action, trigger, id);
    const next = nextState(found.config.mode, found.guards);
    // A run that was approved and then held up (by a crash, or a full disk) is not asked about again.
    const state = next === "waiting" && known?.answer?.answer === "approved" ? "ready" : next;
    if (state === "blocked" && known?.state === "blocked" && isSameBlock(known.guards, found.guards)) return;
    await this.#book.record(decisionOf(found, { state }));
    if (state === "ready") await this.#begin(id, "act", found.sli);
  }

  #assess(action: string, trigger: ActionTrigger, id: string) {
    return this.#assessor.assess(action, trigger, id, this.#book.history, this.#closing.signal);
  }

  /** Writes that it starts, then lets it run beside the queue. */
  async #begin(id: string, phase: "act" | "revert", before: SliReading | undefined): Promise<void> {
    const atMs = this.#deps.clock.now();
    await this.#book.record({ kind: "action.started", atMs, id, phase, attempt: 1, before: before ?? null });
    this.#execute(id, phase, false);
  }

  #execute(id: string, phase: "act" | "revert", isResumed: boolean): void {
    const run = this.#book.known(id);
    const { config, bound } = this.#assessor.get(run.action);
    const done = execute({
      run,
      phase,
      isResumed,
      bound,
      timeoutMs: config.timeoutMs,
      closing: this.#closing.signal,
      clock: this.#deps.clock,
      random: this.#deps.random,
      record: (record) => this.#book.record(record),
      whyNotNow: () => this.#whyNotNow(run),
    })
      .catch((thrown) => {
        const fields = { action: run.action, run: id, reason: messageOf(thrown) };
        this.#deps.logger.error(fields, "action could not be recorded");
      })
      .finally(() => this.#executing.delete(id));
    this.#executing.set(id, done);
  }

  /** What has come up since the action was started that forbids another attempt. */
  #whyNotNow({ state, trigger }: ActionRun): string | undefined {
    if (this.stopped) return `all actions were stopped by ${this.stopped.by}`;
    if (!this.#deps.isLeader()) return "another process acts now";
    const isResolved = state === "acting" && this.#alerts.get(trigger.alertId) === "resolved";
    return isResolved ? "the alert resolved meanwhile" : undefined;
  }

  async #verify(run: ActionRun): Promise<void> {
    const found = this.#assessor.find(run.action);
    const verify = found?.config.verify ?? FORGOTTEN_ACTION_VERIFY;
    const nowMs = this.#deps.clock.now();
    const slo = verify.slo ?? run.trigger.slo ?? undefined;
    const isMeasurable = slo !== undefined && nowMs >= measurableAtMs(run, verify);
    const sli = isMeasurable ? await this.#assessor.readSli(slo, verify.windowMs, nowMs) : undefined;
    const sinceMs = effectiveMs(run, verify, nowMs);
    const sliSince = isMeasurable ? await this.#assessor.readSli(slo, sinceMs, nowMs) : undefined;
    const alert = this.#alerts.get(run.trigger.alertId);
    const observation = { slo, sli, sliSince, alert, nowMs };
    const judgement = verificationStep(run, verify, observation);
    if (!judgement) return;
    const { id } = run;
    await this.#book.record({ kind: "action.verified", atMs: nowMs, id, ...judgement });
    if (!found?.bound.canRevert || this.stopped || !this.#deps.isLeader()) return;
    if (mustRevert(verify.revert, judgement.verdict)) await this.#begin(id, "revert", undefined);
  }

  async #withdraw(id: string, reason: string): Promise<void> {
    this.#active.delete(id);
    const state = this.#book.history.runs.get(id)?.state;
    if (state !== "waiting" && state !== "blocked" && state !== "ready") return;
    const atMs = this.#deps.clock.now();
    await this.#book.record({ kind: "action.lapsed", atMs, id, state: "withdrawn", reason });
  }

  #serially<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
    this.#queue = result.catch((thrown) => {
      if (thrown instanceof ActionError) return;
      this.#deps.logger.error({ reason: messageOf(thrown) }, "action step failed, nothing was done");
    });
    return result;
  }

  #waiting(id: string, person: Person): ActionRun {
    requirePerson(person);
    const run = this.#book.known(id);
    if (run.state === "waiting") return run;
    throw new ActionError(
      "ACTION_NOT_WAITING",
      `The run ${id} is not waiting for an answer, it is ${run.state}.`,
    );
  }
}

function isSameBlock(a: readonly GuardResult[], b: readonly GuardResult[]): boolean {
  const failed = (guards: readonly GuardResult[]) =>
    guards.filter(({ passed }) => !passed).map(({ guard }) => guard);
  return failed(a).join() === failed(b).join();
}

function refuseIfGuarded(guards: readonly GuardResult[]): void {
  const failed = guards.filter(({ passed }) => !passed);
  if (failed.length === 0) return;
  const reasons = failed.map(({ guard, text }) => `${guard}: ${text}`).join("; ");
  throw new ActionError("ACTION_GUARDED", `This must not be done now. ${reasons}.`);
}

function requirePerson({ by }: Person): void {
  if (by.trim() !== "") return;
  throw new ActionError("ACTION_PERSON_REQUIRED", `Acting needs a named person. Send who you are as "by".`);
}
