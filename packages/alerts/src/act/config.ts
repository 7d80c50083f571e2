import { nearestName } from "@tocsin/model";
import { duration } from "@tocsin/model/config";
import { z } from "zod";
import type { ActionDefinition } from "./action.js";
import { ActionMode } from "./run.js";

const MINUTE_MS = 60_000;

const Limits = z.strictObject({
  cooldown: duration()
    .default(30 * MINUTE_MS)
    .describe("Least time between two runs of this action, counted from the start of the last one."),
  max_per_day: z
    .number()
    .int()
    .positive()
    .default(4)
    .describe("Runs in any 24 hours; a cure that is needed more often does not cure."),
  max_at_once: z
    .number()
    .int()
    .positive()
    .default(1)
    .describe(
      "Blast radius: the action waits while so many others, of any name, are under way or being verified.",
    ),
});

const Verify = z.strictObject({
  settle: duration()
    .default(15_000)
    .describe("Time given to the action to take effect before it is measured."),
  window: duration()
    .default(MINUTE_MS)
    .describe(
      "The indicator is compared over this long before and after; shorter is quicker, longer is surer.",
    ),
  within: duration()
    .default(5 * MINUTE_MS)
    .describe("By then, counted from the end of the action, the verdict is given."),
  slo: z
    .string()
    .optional()
    .describe("The SLO that tells whether it helped. Default: the SLO whose alert asked for the action."),
  revert: z
    .enum(["never", "worse", "unless-helped"])
    .default("never")
    .describe("After which verdict the action is undone by itself, where it can be undone."),
});

const common = {
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]*$/i, "Names are letters, digits, dots, dashes and underscores.")
    .describe("What rules and SLOs call it under `actions`."),
  mode: ActionMode.default("dry-run").describe(
    "dry-run shows what would be done, approve waits for a named person, auto acts.",
  ),
  limits: Limits.prefault({}),
  verify: Verify.prefault({}),
  timeout: duration().default(10_000).describe("Longest that one call to the target may take."),
  approval_timeout: duration()
    .default(30 * MINUTE_MS)
    .describe("How long a run waits for a person before it expires."),
};

/** One action as an operator wrote it, ready to be used. */
export interface ActionConfig {
  readonly name: string;
  readonly mode: ActionMode;
  readonly type: string;
  /** What the action's own schema made of its part. */
  readonly settings: unknown;
  readonly limits: { readonly cooldownMs: number; readonly maxPerDay: number; readonly maxAtOnce: number };
  readonly verify: {
    readonly settleMs: number;
    readonly windowMs: number;
    readonly withinMs: number;
    readonly slo: string | undefined;
    readonly revert: "never" | "worse" | "unless-helped";
  };
  readonly timeoutMs: number;
  readonly approvalTimeoutMs: number;
}

/** The schema of `actions:`, made from the list of definitions. Exactly one of them is the key of each item. */
export function actionsSchema(definitions: readonly ActionDefinition[]) {
  const types = definitions.map(({ type }) => type);
  const item = z.strictObject({
    ...common,
    ...Object.fromEntries(
      definitions.map(({ type, config, summary }) => [type, config.optional().describe(summary)]),
    ),
  });
  return z
    .array(
      item.transform((written, context): ActionConfig => {
        const fields: Readonly<Record<string, unknown>> = written;
        const chosen = types.filter((type) => fields[type] !== undefined);
        const type = chosen[0];
        if (type === undefined || chosen.length > 1) {
          const seen =
            type === undefined ? "No action is named here" : `${chosen.join(" and ")} are both named here`;
          context.addIssue({ code: "custom", message: `${seen}; write exactly one of ${types.join(", ")}.` });
          return z.NEVER;
        }
        if (written.verify.within < written.verify.settle + written.verify.window) {
          context.addIssue({
            code: "custom",
            path: ["verify", "within"],
            message: "within must be at least settle + window, or nothing can be measured in time.",
          });
        }
        return {
          name: written.name,
          mode: written.mode,
          type,
          settings: fields[type],
          limits: {
            cooldownMs: written.limits.cooldown,
            maxPerDay: written.limits.max_per_day,
            maxAtOnce: written.limits.max_at_once,
          },
          verify: {
            settleMs: written.verify.settle,
            windowMs: written.verify.window,
            withinMs: written.verify.within,
            slo: written.verify.slo,
            revert: written.verify.revert,
          },
          timeoutMs: written.timeout,
          approvalTimeoutMs: written.approval_timeout,
        };
      }),
    )
    .superRefine((actions, context) => {
      const seen = new Set<string>();
      actions.forEach(({ name }, index) => {
        if (seen.has(name)) {
          context.addIssue({
            code: "custom",
            path: [index, "name"],
            message: `The action ${name} is defined twice.`,
          });
        }
        seen.add(name);
      });
    })
    .default([]);
}

/**
 * Names under `actions:` of rules and SLOs that no action has.
 *
 * @returns one sentence per unknown name, with the name that was probably meant
 */
export function unknownActionNames(
  named: readonly string[],
  actions: readonly Pick<ActionConfig, "name">[],
): { name: string; message: string }[] {
  const known = actions.map(({ name }) => name);
  return named
    .filter((name) => !known.includes(name))
    .map((name) => {
      const nearest = nearestName(name, known);
      const hint = nearest ? `Did you mean "${nearest}"?` : "Define it under actions.";
      return { name, message: `There is no action "${name}". ${hint}` };
    });
}
