import type { Clock, Logger } from "@tocsin/model";
import { z } from "zod";
import type { ActionTrigger } from "./trigger.js";

/** What would be done, for people to read and for the journal to keep. It holds no secrets. */
export const ActionPlan = z.object({
  /** One line: `scale deployment shop/checkout from 3 to 6 replicas`. */
  summary: z.string(),
  /** Each thing that would change, as it is and as it would be. */
  changes: z.array(z.object({ what: z.string(), before: z.string().nullable(), after: z.string() })),
  /** The exact request, without credentials. */
  request: z.object({ method: z.string(), url: z.string(), body: z.json().optional() }),
  /** Why this must not be done although the guards allow it: a cap of the action itself. Null: nothing against it. */
  refusal: z.string().nullable(),
  /** False when the target already is as it should be. */
  isNeeded: z.boolean(),
  /** What `act` and `revert` need to know besides, such as the `resourceVersion` that was read. */
  details: z.record(z.string(), z.json()),
});
export type ActionPlan = z.infer<typeof ActionPlan>;

/** How one call is made. */
export interface ActionCall {
  /** The same for every attempt at the same deed, also after a restart. */
  readonly idempotencyKey: string;
  /** Aborted at shutdown and when the time is up. */
  readonly signal: AbortSignal;
}

/** What the target said. */
export interface ActionResult {
  /** One line for the audit log: `HTTP 200, rolled back to 1.41.3`. */
  readonly message: string;
}

/** What an action is handed. */
export interface ActionDeps {
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** An action ready to be used: its config applied, its types closed over. */
export interface BoundAction {
  readonly type: string;
  /** Whether the same call with the same idempotency key is done once by the target, however often it is sent. */
  readonly isRepeatable: boolean;
  readonly canRevert: boolean;
  /** Reads the target, changing nothing, and says what would be done. */
  plan(trigger: ActionTrigger, signal: AbortSignal): Promise<ActionPlan>;
  /** Does what the plan says, no more. @throws {ActionError} */
  act(plan: ActionPlan, call: ActionCall): Promise<ActionResult>;
  /** Undoes what `act` did with this plan. @throws {ActionError} */
  revert(plan: ActionPlan, call: ActionCall): Promise<ActionResult>;
}

/** One kind of action, as the list in `act/index.ts` holds it. */
export interface ActionDefinition {
  /** The key in the config, such as `webhook`. */
  readonly type: string;
  readonly summary: string;
  readonly config: z.ZodType;
  bind(config: unknown, deps: ActionDeps): BoundAction;
}

/** What the author of an action writes. */
export interface ActionSpec<Schema extends z.ZodType, Target> {
  readonly type: string;
  /** One sentence for the reference page. */
  readonly summary: string;
  readonly config: Schema;
  /** Pure: from the target as it was read to what would be done. */
  plan(config: z.output<Schema>, target: Target, trigger: ActionTrigger): ActionPlan;
  isRepeatable(config: z.output<Schema>): boolean;
  create(config: z.output<Schema>, deps: ActionDeps): ActionTarget<Target>;
}

/** The edge of an action: what touches the world. */
export interface ActionTarget<Target> {
  /** Reads without changing anything. @throws {ActionError} */
  read(trigger: ActionTrigger, signal: AbortSignal): Promise<Target>;
  act(plan: ActionPlan, call: ActionCall): Promise<ActionResult>;
  revert?: (plan: ActionPlan, call: ActionCall) => Promise<ActionResult>;
}

/** Makes an action from its parts. Register it in `act/index.ts`; config, validation and docs follow from there. */
export function defineAction<Schema extends z.ZodType, Target>(
  spec: ActionSpec<Schema, Target>,
): ActionDefinition & { readonly config: Schema; readonly plan: ActionSpec<Schema, Target>["plan"] } {
  return {
    type: spec.type,
    summary: spec.summary,
    config: spec.config,
    plan: spec.plan,
    bind(config, deps) {
      // The config was made by `spec.config`; binding is the one place where its type is forgotten and found again.
      const settings = config as z.output<Schema>;
      const target = spec.create(settings, deps);
      const { revert } = target;
      return {
        type: spec.type,
        isRepeatable: spec.isRepeatable(settings),
        canRevert: revert !== undefined,
        plan: async (trigger, signal) => spec.plan(settings, await target.read(trigger, signal), trigger),
        act: (plan, call) => target.act(plan, call),
        revert: (plan, call) =>
          revert
            ? revert(plan, call)
            : Promise.reject(new TypeError(`The action ${spec.type} cannot be reverted.`)),
      };
    },
  };
}
