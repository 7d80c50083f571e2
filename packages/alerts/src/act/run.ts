import { z } from "zod";
import { ActionPlan } from "./action.js";
import { SliReading } from "./sli-reader.js";
import { ActionTrigger } from "./trigger.js";

/** Whether an action is only shown, waits for a person, or is done at once. */
export const ActionMode = z.enum(["dry-run", "approve", "auto"]);
export type ActionMode = z.infer<typeof ActionMode>;

/** One thing that was looked at before acting, and what it said. */
export const GuardResult = z.object({
  guard: z.enum([
    "stop-all",
    "leader",
    "alert",
    "evidence",
    "in-progress",
    "cooldown",
    "max-per-day",
    "blast-radius",
    "target",
    "plan",
  ]),
  passed: z.boolean(),
  /** One sentence with the numbers: `last done 4m ago, cooldown is 30m`. */
  text: z.string(),
});
export type GuardResult = z.infer<typeof GuardResult>;

/** Did it help? `too little data` is an answer too: nobody may claim the others then. */
export const Verdict = z.enum(["helped", "no effect", "worse", "too little data"]);
export type Verdict = z.infer<typeof Verdict>;

/** Who said yes or no, and why. */
const person = { by: z.string().min(1), reason: z.string() };

/**
 * Everything that can happen to an action, as the journal keeps it. An action's state is the fold of these and
 * nothing else, so that what is remembered after a restart is what was known before it.
 */
export const ActionRecord = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("action.decided"),
    atMs: z.number(),
    id: z.string(),
    key: z.string(),
    action: z.string(),
    type: z.string(),
    mode: ActionMode,
    trigger: ActionTrigger,
    plan: ActionPlan.nullable(),
    guards: z.array(GuardResult),
    /** `ready`: to be done now. `blocked`: a guard is against it; it is looked at again while the alert fires. */
    state: z.enum(["blocked", "dry-run", "waiting", "ready"]),
    /** Who asked for it, when it was not an alert. */
    requestedBy: z.object(person).nullable(),
    expiresAtMs: z.number().nullable(),
  }),
  z.object({
    kind: z.literal("action.answered"),
    atMs: z.number(),
    id: z.string(),
    answer: z.enum(["approved", "declined"]),
    ...person,
  }),
  z.object({
    kind: z.literal("action.lapsed"),
    atMs: z.number(),
    id: z.string(),
    /** `expired`: nobody answered in time. `withdrawn`: the alert resolved, or its action left the config. */
    state: z.enum(["expired", "withdrawn"]),
    reason: z.string(),
  }),
  z.object({
    kind: z.literal("action.started"),
    atMs: z.number(),
    id: z.string(),
    phase: z.enum(["act", "revert"]),
    attempt: z.number().int(),
    /** The indicator just before the first attempt. */
    before: SliReading.nullable(),
  }),
  z.object({
    kind: z.literal("action.finished"),
    atMs: z.number(),
    id: z.string(),
    phase: z.enum(["act", "revert"]),
    outcome: z.enum(["ok", "failed", "unknown"]),
    message: z.string(),
  }),
  z.object({
    kind: z.literal("action.verified"),
    atMs: z.number(),
    id: z.string(),
    verdict: Verdict,
    reason: z.string(),
    after: SliReading.nullable(),
  }),
  z.object({
    kind: z.literal("action.stop_all"),
    atMs: z.number(),
    isStopped: z.boolean(),
    ...person,
  }),
]);
export type ActionRecord = z.infer<typeof ActionRecord>;

export type ActionState =
  | "blocked"
  | "dry-run"
  | "waiting"
  | "declined"
  | "expired"
  | "withdrawn"
  | "ready"
  | "acting"
  | "failed"
  | "verifying"
  | "reverting"
  | "done";

/** One consideration of one action for one firing of one alert, with all that came of it. */
export interface ActionRun {
  readonly id: string;
  readonly key: string;
  readonly action: string;
  readonly type: string;
  readonly mode: ActionMode;
  readonly trigger: ActionTrigger;
  readonly plan: ActionPlan | undefined;
  readonly guards: readonly GuardResult[];
  readonly state: ActionState;
  readonly decidedAtMs: number;
  readonly expiresAtMs: number | undefined;
  readonly requestedBy: Person | undefined;
  readonly answer: (Person & { readonly answer: "approved" | "declined"; readonly atMs: number }) | undefined;
  /** Why it lapsed. */
  readonly lapse: string | undefined;
  readonly attempts: number;
  readonly startedAtMs: number | undefined;
  readonly finishedAtMs: number | undefined;
  readonly outcome: "ok" | "failed" | "unknown" | undefined;
  readonly message: string | undefined;
  readonly before: SliReading | undefined;
  readonly after: SliReading | undefined;
  readonly verdict: Verdict | undefined;
  readonly verdictReason: string | undefined;
  readonly verifiedAtMs: number | undefined;
  readonly revert:
    | {
        readonly startedAtMs: number;
        readonly attempts: number;
        readonly finishedAtMs: number | undefined;
        readonly outcome: "ok" | "failed" | "unknown" | undefined;
        readonly message: string | undefined;
      }
    | undefined;
}

export interface Person {
  readonly by: string;
  readonly reason: string;
}

/** All runs in the order of their decisions, and the switch that stops them. */
export interface ActionHistory {
  readonly runs: ReadonlyMap<string, ActionRun>;
  readonly stopped: (Person & { readonly sinceMs: number }) | undefined;
}

export const EMPTY_HISTORY: ActionHistory = { runs: new Map(), stopped: undefined };
