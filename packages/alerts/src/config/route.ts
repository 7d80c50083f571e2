import { duration } from "@tocsin/model/config";
import { z } from "zod";
import { createMatcher, type Matcher } from "../route/matcher.js";
import { matcherList } from "./fields.js";

/** A node of the route tree as it is written; what is left out comes from the parent. Durations in ms. */
export interface RouteConfig {
  receiver?: string | undefined;
  group_by?: string[] | undefined;
  match?: Matcher[] | undefined;
  match_re?: Matcher[] | undefined;
  matchers?: Matcher[] | undefined;
  continue: boolean;
  group_wait?: number | undefined;
  group_interval?: number | undefined;
  repeat_interval?: number | undefined;
  mute_time_intervals?: string[] | undefined;
  active_time_intervals?: string[] | undefined;
  routes: RouteConfig[];
  escalation?: EscalationConfig | undefined;
}

/** Tocsin's own: who else is told when nobody acknowledges. */
export const EscalationConfig = z.strictObject({
  after: duration().describe("How long the group may fire without being acknowledged."),
  receiver: z.string().describe("Who is told then."),
});
export type EscalationConfig = z.output<typeof EscalationConfig>;

/** The older forms `match: {severity: page}` and `match_re: {service: "a|b"}`. */
export function matchMap(operator: "=" | "=~") {
  return z.record(z.string(), z.unknown()).transform((map, context): Matcher[] =>
    Object.entries(map).flatMap(([name, value]) => {
      // YAML's nothing is Go's empty text; as a regular expression it would match everything, and is refused.
      if (value === null && operator === "=") return [createMatcher(name, operator, "")];
      if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") {
        context.addIssue({
          code: "custom",
          message: `the value for the label "${name}" is missing. Write a text, quoted if it may be read as something else.`,
          path: [name],
          input: value,
        });
        return [];
      }
      try {
        return [createMatcher(name, operator, String(value))];
      } catch (error) {
        context.addIssue({
          code: "custom",
          message: error instanceof Error ? error.message : String(error),
          path: [name],
          input: value,
        });
        return [];
      }
    }),
  );
}

function positive(name: string, isZeroAllowed: boolean) {
  return duration().superRefine((value, context) => {
    if (value === 0 && !isZeroAllowed)
      context.addIssue({ code: "custom", message: `${name} cannot be zero. Write 1s for "at once".` });
  });
}

export const RouteConfig: z.ZodType<RouteConfig> = z
  .strictObject({
    receiver: z.string().optional().describe("Name of the receiver; inherited."),
    group_by: z
      .array(z.string())
      .superRefine((labels, context) => {
        if (new Set(labels).size !== labels.length)
          context.addIssue({ code: "custom", message: "a label is listed twice in group_by." });
        if (labels.includes("...") && labels.length > 1)
          context.addIssue({
            code: "custom",
            message: 'group_by: "..." means every label, and stands alone.',
          });
      })
      .optional()
      .describe('Labels that make a group; "..." for all of them.'),
    match: matchMap("=").optional().describe("Older form of matchers."),
    match_re: matchMap("=~").optional().describe("Older form of matchers."),
    matchers: matcherList().optional(),
    continue: z.boolean().default(false).describe("Go on with the next sibling after a match."),
    group_wait: duration().optional().describe("How long a new group waits for more alerts. Default 30s."),
    group_interval: positive("group_interval", false)
      .optional()
      .describe("How long until changes of a group are told. Default 5m."),
    repeat_interval: positive("repeat_interval", false)
      .optional()
      .describe("How long until an unchanged group is told again. Default 4h."),
    mute_time_intervals: z.array(z.string()).optional(),
    active_time_intervals: z.array(z.string()).optional(),
    get routes() {
      return z.array(RouteConfig).default([]);
    },
    escalation: EscalationConfig.optional(),
  })
  .meta({ id: "Route" });

/** All matchers of a route node, older forms included. */
export function routeMatchers(route: RouteConfig): Matcher[] {
  return [...(route.match ?? []), ...(route.match_re ?? []), ...(route.matchers ?? [])];
}
