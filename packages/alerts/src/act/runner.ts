import { createHash } from "node:crypto";
import {
  type Cancel,
  type Clock,
  every,
  type Logger,
  messageOf,
  silentLogger,
  systemClock,
} from "@tocsin/model";
import { type Journal, readPart } from "../journal.js";
import type { ActionDefinition, ActionPlan, BoundAction } from "./action.js";
import type { ActionConfig } from "./config.js";
import { evaluateGuards, evaluatePlan, nextState } from "./decide.js";
import { ActionError } from "./errors.js";
import { execute } from "./execute.js";
import { applyActionRecord, keepActionRecords, parseActionRecord } from "./history.js";
import { actionDefinitions } from "./index.js";
import {
  type ActionHistory,
  type ActionRecord,
  type ActionRun,
  EMPTY_HISTORY,
  type GuardResult,
  type Person,
} from "./run.js";
import { isSameDeed } from "./same-deed.js";
import type { SliReader, SliReading } from "./sli-reader.js";
import type { ActionTrigger } from "./trigger.js";
import { measurableAtMs, mustRevert, verificationStep } from "./verification.js";

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

const TICK_MS = 1_000;
/** How often a blocked run is looked at again while its alert fires. */
const RECONSIDER_MS = 5_000;
const DAY_MS = 86_400_000;

/**
 * Decides, journals, acts and verifies.
 *
 * Every decision is made in one queue, so that two alerts cannot both find the way free. Nothing is done before
 * the record of it is on the disk, and if it cannot be recorded it is not done: actions fail closed.
 */
export class ActionRunner {
  readonly #deps: Required<ActionRunnerDeps>;
  readonly #configs: ReadonlyMap<string, ActionConfig>;
  readonly #bound: ReadonlyMap<string, BoundAction>;
  readonly #closing = new AbortController();
  readonly #executing = new Map<string, Promise<void>>();
  readonly #listeners = new Set<(run: ActionRun) => void>();
  /** Firing alerts and the actions they ask for, by run id. */
  readonly #active = new Map<
    string,
    { trigger: ActionTrigger; config: ActionConfig; consideredAtMs: number }
  >();
  readonly #alerts = new Map<string, "firing" | "resolved">();
  #history: ActionHistory;
  #queue: Promise<unknown> = Promise.resolve();
  #cancelTick: Cancel | undefined;

  private constructor(deps: Required<ActionRunnerDeps>, history: ActionHistory) {
    this.#deps = deps;
    this.#history = history;
    this.#configs = new Map(deps.actions.map((config) => [config.name, config]));
    this.#bound = new Map(deps.actions.map((config) => [config.name, bind(config, deps)]));
    deps.journal.addCompaction({
      part: "action",
      keep: (records, nowMs) => keepActionRecords(records, nowMs),
    });
  }

  /** Reads what was done before. Nothing is done until `start`. */
  static async open(deps: ActionRunnerDeps): Promise<ActionRunner> {
    let history = EMPTY_HISTORY;
    for await (const record of readPart(deps.journal, "action", parseActionRecord)) {
      history = applyActionRecord(history, record);
    }
    const defaults = {
      definitions: actionDefinitions,
      isLeader: () => true,
      fetch: globalThis.fetch,
      clock: systemClock,
      logger: silentLogger,
      random: Math.random,
    };
    return new ActionRunner({ ...defaults, ...deps }, history);
  }

  /** Takes up what the last process left unfinished, then watches. */
  async start(): Promise<void> {
    await this.#serially(() => this.#resume());
    this.#cancelTick ??= every(this.#deps.clock, TICK_MS, () => this.#serially(() => this.#tick()));
  }

  /**
   * Tells the runner of an alert that fires or resolves; telling it twice is harmless. Resolves when the decision
   * is in the journal, not when the action is done.
   */
  alertChanged(trigger: ActionTrigger, actionNames: readonly string[]): Promise<void> {
    return this.#serially(async () => {
      this.#alerts.set(trigger.alertId, trigger.status);
      for (const name of actionNames) {
        const config = this.#configs.get(name);
        if (!config) {
          this.#deps.logger.warn(
            { action: name, alert: trigger.alertName },
            "alert names an action that does not exist",
          );
          continue;
        }
        const id = runId(name, trigger.alertId);
        if (trigger.status === "resolved") await this.#withdraw(id, "the alert resolved before it was done");
        else {
          this.#active.set(id, { trigger, config, consideredAtMs: this.#deps.clock.now() });
          await this.#consider(config, trigger);
        }
      }
    });
  }

  /** Runs, newest decision first. */
  runs(): readonly ActionRun[] {
    return [...this.#history.runs.values()].sort((a, b) => b.decidedAtMs - a.decidedAtMs);
  }

  run(id: string): ActionRun | undefined {
    return this.#history.runs.get(id);
  }

  get stopped(): ActionHistory["stopped"] {
    return this.#history.stopped;
  }

  catalogue(): readonly CataloguedAction[] {
    const nowMs = this.#deps.clock.now();
    return this.#deps.actions.map((config) => {
      const bound = this.#boundOf(config.name);
      const usedToday = [...this.#history.runs.values()].filter(
        ({ action, startedAtMs }) =>
          action === config.name && startedAtMs !== undefined && nowMs - startedAtMs < DAY_MS,
      ).length;
      return { ...config, usedToday, isRepeatable: bound.isRepeatable, canRevert: bound.canRevert };
    });
  }

  /** Is told of every change of a run, after it is in the journal. */
  onChange(listener: (run: ActionRun) => void): Cancel {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
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
      const config = this.#configs.get(run.action);
      if (!config)
        throw new ActionError("ACTION_NOT_WAITING", `The action ${run.action} is no longer in the config.`);
      const assessment = await this.#assess(config, run.trigger, id);
      const { guards, plan } = assessment;
      refuseIfGuarded(guards);
      if (plan && run.plan && !isSameDeed(plan, run.plan)) {
        await this.#record({
          ...this.#decision(config, run.trigger, id, assessment),
          state: "waiting",
          expiresAtMs: run.expiresAtMs ?? null,
        });
        throw new ActionError(
          "ACTION_PLAN_CHANGED",
          `The target changed since the plan was shown; it would now be: ${plan.summary}. Look at it and approve again.`,
        );
      }
      const nowMs = this.#deps.clock.now();
      await this.#record({ kind: "action.answered", atMs: nowMs, id, answer: "approved", ...person });
      await this.#record({
        ...this.#decision(config, run.trigger, id, assessment),
        state: "ready",
        requestedBy: run.requestedBy ?? null,
      });
      await this.#begin(id, "act", assessment.sli);
      return this.#known(id);
    });
  }

  /** A named person says no. @throws {ActionError} ACTION_UNKNOWN, ACTION_NOT_WAITING, ACTION_PERSON_REQUIRED */
  decline(id: string, person: Person): Promise<ActionRun> {
    return this.#serially(async () => {
      this.#waiting(id, person);
      await this.#record({
        kind: "action.answered",
        atMs: this.#deps.clock.now(),
        id,
        answer: "declined",
        ...person,
      });
      return this.#known(id);
    });
  }

  /** What an action would do now, and what would speak against it. Changes and records nothing. */
  async plan(name: string): Promise<{ plan: ActionPlan | undefined; guards: readonly GuardResult[] }> {
    const { config, trigger, id } = this.#manual(name);
    return this.#assess(config, trigger, id);
  }

  /**
   * A named person wants the action done, without an alert. Every guard but the alert's own holds.
   *
   * @throws {ActionError} ACTION_UNKNOWN, ACTION_PERSON_REQUIRED, ACTION_GUARDED
   */
  runNow(name: string, person: Person): Promise<ActionRun> {
    return this.#serially(async () => {
      requirePerson(person);
      const { config, trigger, id } = this.#manual(name);
      const assessment = await this.#assess(config, trigger, id);
      refuseIfGuarded(assessment.guards);
      const state = config.mode === "dry-run" ? "dry-run" : "ready";
      await this.#record({ ...this.#decision(config, trigger, id, assessment), state, requestedBy: person });
      if (state === "ready") await this.#begin(id, "act", assessment.sli);
      return this.#known(id);
    });
  }

  /** The switch: while it is on, nothing is started, approved, retried or reverted. It outlives a restart. */
  stopAll(isStopped: boolean, person: Person): Promise<void> {
    return this.#serially(async () => {
      requirePerson(person);
      await this.#record({ kind: "action.stop_all", atMs: this.#deps.clock.now(), isStopped, ...person });
    });
  }

  /** Ends what is under way without waiting for its effect; the journal knows where it stood. */
  async close(): Promise<void> {
    this.#cancelTick?.();
    this.#closing.abort(new Error("shutting down"));
    await this.#queue.catch(() => undefined);
    await Promise.all(this.#executing.values());
  }

  async #resume(): Promise<void> {
    for (const run of this.#history.runs.values()) {
      const bound = this.#bound.get(run.action);
      if (run.state === "waiting" && !bound) await this.#withdraw(run.id, "its action left the config");
      if (run.state === "acting" || run.state === "reverting") {
        const phase = run.state === "acting" ? "act" : "revert";
        if (bound?.isRepeatable && !this.#history.stopped) this.#executeInBackground(run.id, phase);
        else {
          await this.#record({
            kind: "action.finished",
            atMs: this.#deps.clock.now(),
            id: run.id,
            phase,
            outcome: "unknown",
            message:
              "The process ended before the target had answered. The call is not repeated; what follows shows whether it was done.",
          });
        }
      }
    }
  }

  async #tick(): Promise<void> {
    const nowMs = this.#deps.clock.now();
    for (const run of this.#history.runs.values()) {
      if (run.state === "waiting" && run.expiresAtMs !== undefined && nowMs >= run.expiresAtMs) {
        await this.#record({
          kind: "action.lapsed",
          atMs: nowMs,
          id: run.id,
          state: "expired",
          reason: "nobody answered in time",
        });
      }
      if (run.state === "verifying") await this.#verify(run);
    }
    for (const active of this.#active.values()) {
      if (nowMs - active.consideredAtMs < RECONSIDER_MS) continue;
      active.consideredAtMs = nowMs;
      await this.#consider(active.config, active.trigger);
    }
  }

  /** Decides about one action for one firing; a run that was decided before is left as it is. */
  async #consider(config: ActionConfig, trigger: ActionTrigger): Promise<void> {
    const id = runId(config.name, trigger.alertId);
    const known = this.#history.runs.get(id);
    if (known && known.state !== "blocked" && known.state !== "ready") return;
    if (known && this.#executing.has(id)) return;
    const assessment = await this.#assess(config, trigger, id);
    const isApproved = known?.answer?.answer === "approved";
    const decided = nextState(config.mode, assessment.guards);
    const state = isApproved && decided === "waiting" ? "ready" : decided;
    if (state === "blocked" && known?.state === "blocked" && isSameBlock(known.guards, assessment.guards))
      return;
    await this.#record({ ...this.#decision(config, trigger, id, assessment), state });
    if (state === "ready") await this.#begin(id, "act", assessment.sli);
  }

  /** Guards first; only when all of them pass is the target read. */
  async #assess(config: ActionConfig, trigger: ActionTrigger, id: string): Promise<Assessment> {
    const nowMs = this.#deps.clock.now();
    const slo = config.verify.slo ?? trigger.slo ?? undefined;
    const sli = slo === undefined ? undefined : await this.#readSli(slo, config.verify.windowMs, nowMs);
    const isLeader = this.#deps.isLeader();
    const situation = { config, trigger, runId: id, history: this.#history, isLeader, slo, sli, nowMs };
    const guards = evaluateGuards(situation);
    if (guards.some(({ passed }) => !passed)) return { guards, plan: undefined, sli };
    try {
      const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(config.timeoutMs)]);
      const plan = await this.#boundOf(config.name).plan(trigger, signal);
      return { guards: [...guards, evaluatePlan(plan)], plan, sli };
    } catch (thrown) {
      return {
        guards: [...guards, { guard: "target", passed: false, text: messageOf(thrown) }],
        plan: undefined,
        sli,
      };
    }
  }

  #decision(
    config: ActionConfig,
    trigger: ActionTrigger,
    id: string,
    { guards, plan }: Assessment,
  ): Omit<Extract<ActionRecord, { kind: "action.decided" }>, "state"> {
    const atMs = this.#deps.clock.now();
    return {
      kind: "action.decided",
      atMs,
      id,
      key: idempotencyKey(id),
      action: config.name,
      type: config.type,
      mode: config.mode,
      trigger,
      plan: plan ?? null,
      guards: [...guards],
      requestedBy: null,
      expiresAtMs: config.mode === "approve" ? atMs + config.approvalTimeoutMs : null,
    };
  }

  /** Writes that it starts, then lets it run beside the queue. */
  async #begin(id: string, phase: "act" | "revert", before: SliReading | undefined): Promise<void> {
    const atMs = this.#deps.clock.now();
    await this.#record({ kind: "action.started", atMs, id, phase, attempt: 1, before: before ?? null });
    this.#executeInBackground(id, phase);
  }

  #executeInBackground(id: string, phase: "act" | "revert"): void {
    const run = this.#known(id);
    const config = this.#configs.get(run.action);
    if (!config || this.#executing.has(id)) return;
    const done = execute({
      ...this.#deps,
      run,
      phase,
      bound: this.#boundOf(run.action),
      timeoutMs: config.timeoutMs,
      closing: this.#closing.signal,
      record: (record) => this.#record(record),
      whyNotNow: () => this.#whyNotNow(run),
    })
      .catch((thrown) => {
        this.#deps.logger.error(
          { action: run.action, run: id, reason: messageOf(thrown) },
          "action could not be recorded",
        );
      })
      .finally(() => this.#executing.delete(id));
    this.#executing.set(id, done);
  }

  /** What has come up since the action was started that forbids another attempt. */
  #whyNotNow(run: ActionRun): string | undefined {
    const { stopped } = this.#history;
    if (stopped) return `all actions were stopped by ${stopped.by}`;
    if (!this.#deps.isLeader()) return "another process acts now";
    return run.state === "acting" && this.#alerts.get(run.trigger.alertId) === "resolved"
      ? "the alert resolved meanwhile"
      : undefined;
  }

  async #verify(run: ActionRun): Promise<void> {
    const config = this.#configs.get(run.action);
    const verify = config?.verify ?? {
      settleMs: 15_000,
      windowMs: 60_000,
      withinMs: 300_000,
      slo: undefined,
      revert: "never" as const,
    };
    const nowMs = this.#deps.clock.now();
    const slo = verify.slo ?? run.trigger.slo ?? undefined;
    const isMeasurable = slo !== undefined && nowMs >= measurableAtMs(run, verify);
    const sli = isMeasurable ? await this.#readSli(slo, verify.windowMs, nowMs) : undefined;
    const alert = this.#alerts.get(run.trigger.alertId);
    const judgement = verificationStep(run, verify, { slo, sli, alert, nowMs });
    if (!judgement) return;
    await this.#record({
      kind: "action.verified",
      atMs: nowMs,
      id: run.id,
      ...judgement,
      after: sli ?? null,
    });
    const canRevert =
      this.#bound.get(run.action)?.canRevert && !this.#history.stopped && this.#deps.isLeader();
    if (canRevert && mustRevert(verify.revert, judgement.verdict))
      await this.#begin(run.id, "revert", undefined);
  }

  async #withdraw(id: string, reason: string): Promise<void> {
    this.#active.delete(id);
    const run = this.#history.runs.get(id);
    if (!run || (run.state !== "waiting" && run.state !== "blocked" && run.state !== "ready")) return;
    await this.#record({
      kind: "action.lapsed",
      atMs: this.#deps.clock.now(),
      id,
      state: "withdrawn",
      reason,
    });
  }

  async #readSli(slo: string, windowMs: number, atMs: number): Promise<SliReading | undefined> {
    try {
      return await this.#deps.sli.read(slo, windowMs, atMs);
    } catch (thrown) {
      this.#deps.logger.warn(
        { slo, reason: messageOf(thrown) },
        "indicator cannot be read, so nothing is done on it",
      );
      return undefined;
    }
  }

  /** The disk first, then memory, then those who listen. */
  async #record(record: ActionRecord): Promise<void> {
    await this.#deps.journal.append(record);
    this.#history = applyActionRecord(this.#history, record);
    if (record.kind === "action.stop_all") return;
    const run = this.#known(record.id);
    this.#deps.logger.info(
      {
        action: run.action,
        run: run.id,
        state: run.state,
        verdict: run.verdict,
        failed: run.guards.find(({ passed }) => !passed)?.guard,
      },
      "action changed",
    );
    for (const listener of this.#listeners) listener(run);
  }

  #serially<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
    this.#queue = result.catch((thrown) => {
      if (!(thrown instanceof ActionError)) {
        this.#deps.logger.error({ reason: messageOf(thrown) }, "action step failed, nothing was done");
      }
    });
    return result;
  }

  #waiting(id: string, person: Person): ActionRun {
    requirePerson(person);
    const run = this.#known(id);
    if (run.state === "waiting") return run;
    throw new ActionError(
      "ACTION_NOT_WAITING",
      `The run ${id} is not waiting for an answer, it is ${run.state}.`,
    );
  }

  #known(id: string): ActionRun {
    const run = this.#history.runs.get(id);
    if (!run)
      throw new ActionError("ACTION_UNKNOWN", `There is no run ${id}. GET /api/v1/actions lists them.`);
    return run;
  }

  #boundOf(name: string): BoundAction {
    const bound = this.#bound.get(name);
    if (!bound) throw new ActionError("ACTION_UNKNOWN", `There is no action ${name} in the config.`);
    return bound;
  }

  #manual(name: string): { config: ActionConfig; trigger: ActionTrigger; id: string } {
    const config = this.#configs.get(name);
    if (!config) throw new ActionError("ACTION_UNKNOWN", `There is no action ${name} in the config.`);
    const startsAtMs = this.#deps.clock.now();
    const trigger: ActionTrigger = {
      alertId: "manual",
      alertName: "asked for by a person",
      startsAtMs,
      status: "firing",
      hasData: true,
      labels: {},
      annotations: {},
      value: null,
      slo: config.verify.slo ?? null,
    };
    return { config, trigger, id: runId(name, `manual-${startsAtMs}`) };
  }
}

interface Assessment {
  readonly guards: readonly GuardResult[];
  readonly plan: ActionPlan | undefined;
  readonly sli: SliReading | undefined;
}

/** The same for the same action and the same firing, so that a restart finds what was decided. */
function runId(action: string, alertId: string): string {
  return `act-${createHash("sha256").update(`${action}\u0000${alertId}`).digest("hex").slice(0, 16)}`;
}

function idempotencyKey(id: string): string {
  return `tocsin-${id}`;
}

function isSameBlock(a: readonly GuardResult[], b: readonly GuardResult[]): boolean {
  const failed = (guards: readonly GuardResult[]) =>
    guards
      .filter(({ passed }) => !passed)
      .map(({ guard }) => guard)
      .join();
  return failed(a) === failed(b);
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

function bind(config: ActionConfig, deps: Required<ActionRunnerDeps>): BoundAction {
  const definition = deps.definitions.find(({ type }) => type === config.type);
  if (!definition) throw new ActionError("ACTION_UNKNOWN", `There is no kind of action "${config.type}".`);
  return definition.bind(config.settings, deps);
}
