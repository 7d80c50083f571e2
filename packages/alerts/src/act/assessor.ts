import { createHash } from "node:crypto";
import { type Clock, type Logger, messageOf, type UnixMs } from "@tocsin/model";
import type { ActionDefinition, ActionDeps, ActionPlan, BoundAction } from "./action.js";
import type { ActionConfig } from "./config.js";
import { evaluateGuards, evaluatePlan } from "./decide.js";
import { ActionError } from "./errors.js";
import type { ActionHistory, ActionRecord, GuardResult } from "./run.js";
import type { SliReader, SliReading } from "./sli-reader.js";
import type { ActionTrigger } from "./trigger.js";

/** What was found when an action was considered. */
export interface Assessment {
  readonly config: ActionConfig;
  readonly trigger: ActionTrigger;
  /** Id of the run. */
  readonly id: string;
  readonly atMs: UnixMs;
  readonly guards: readonly GuardResult[];
  /** Undefined when a guard failed before the target was read, or the target could not be read. */
  readonly plan: ActionPlan | undefined;
  readonly sli: SliReading | undefined;
}

/** What assessing needs. */
export interface AssessorDeps extends ActionDeps {
  readonly actions: readonly ActionConfig[];
  readonly definitions: readonly ActionDefinition[];
  readonly sli: SliReader;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly isLeader: () => boolean;
}

/** The configured actions, and the way to look at one of them without changing anything. */
export class Assessor {
  readonly #deps: AssessorDeps;
  readonly #actions: ReadonlyMap<string, { readonly config: ActionConfig; readonly bound: BoundAction }>;

  constructor(deps: AssessorDeps) {
    this.#deps = deps;
    this.#actions = new Map(
      deps.actions.map((config) => [config.name, { config, bound: bind(config, deps) }]),
    );
  }

  find(name: string): { readonly config: ActionConfig; readonly bound: BoundAction } | undefined {
    return this.#actions.get(name);
  }

  /** @throws {ActionError} ACTION_UNKNOWN */
  get(name: string): { readonly config: ActionConfig; readonly bound: BoundAction } {
    const found = this.#actions.get(name);
    if (found) return found;
    throw new ActionError("ACTION_UNKNOWN", `There is no action "${name}" in the config.`);
  }

  /** Guards first; only when all of them pass is the target read. */
  async assess(
    name: string,
    trigger: ActionTrigger,
    id: string,
    history: ActionHistory,
    closing: AbortSignal,
  ): Promise<Assessment> {
    const { config, bound } = this.get(name);
    const nowMs = this.#deps.clock.now();
    const slo = config.verify.slo ?? trigger.slo ?? undefined;
    const sli = slo === undefined ? undefined : await this.readSli(slo, config.verify.windowMs, nowMs);
    const isLeader = this.#deps.isLeader();
    const guards = evaluateGuards({ config, trigger, runId: id, history, isLeader, slo, sli, nowMs });
    const found = { config, trigger, id, atMs: nowMs, sli };
    if (guards.some(({ passed }) => !passed)) return { ...found, guards, plan: undefined };
    try {
      const signal = AbortSignal.any([closing, AbortSignal.timeout(config.timeoutMs)]);
      const plan = await bound.plan(trigger, signal);
      return { ...found, guards: [...guards, evaluatePlan(plan)], plan };
    } catch (thrown) {
      const failed: GuardResult = { guard: "target", passed: false, text: messageOf(thrown) };
      return { ...found, guards: [...guards, failed], plan: undefined };
    }
  }

  /** An indicator that cannot be read is one that is not known. */
  async readSli(slo: string, windowMs: number, endMs: UnixMs): Promise<SliReading | undefined> {
    try {
      return await this.#deps.sli.read(slo, windowMs, endMs);
    } catch (thrown) {
      this.#deps.logger.warn(
        { slo, reason: messageOf(thrown) },
        "indicator cannot be read, so nothing is done on it",
      );
      return undefined;
    }
  }

  /** The cause of a run that a person asks for; each asking is one of its own. */
  manual(name: string, history: ActionHistory): { trigger: ActionTrigger; id: string } {
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
      slo: this.get(name).config.verify.slo ?? null,
    };
    return { trigger, id: runId(name, `manual-${startsAtMs}-${history.runs.size}`) };
  }
}

/** The same for the same action and the same firing, so that a restart finds what was decided. */
export function runId(action: string, alertId: string): string {
  const digest = createHash("sha256").update(`${action}\u0000${alertId}`).digest("hex");
  return `act-${digest.slice(0, 16)}`;
}

/** An assessment as the record that the decision becomes. */
export function decisionOf(
  { config, trigger, id, atMs, guards, plan }: Assessment,
  rest: Pick<Extract<ActionRecord, { kind: "action.decided" }>, "state"> &
    Partial<Pick<Extract<ActionRecord, { kind: "action.decided" }>, "requestedBy" | "expiresAtMs">>,
): ActionRecord {
  return {
    kind: "action.decided",
    atMs,
    id,
    key: `tocsin-${id}`,
    action: config.name,
    type: config.type,
    mode: config.mode,
    trigger,
    plan: plan ?? null,
    guards: [...guards],
    requestedBy: null,
    expiresAtMs: rest.state === "waiting" ? atMs + config.approvalTimeoutMs : null,
    ...rest,
  };
}

function bind(config: ActionConfig, deps: AssessorDeps): BoundAction {
  const definition = deps.definitions.find(({ type }) => type === config.type);
  if (!definition) throw new ActionError("ACTION_UNKNOWN", `There is no kind of action "${config.type}".`);
  return definition.bind(config.settings, deps);
}
