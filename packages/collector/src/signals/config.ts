import { z } from "zod";
import { MAX_GROUPS } from "./group-book.js";
import { BUILT_IN_GROUPS, groupLabel } from "./group-keys.js";

/** Labels of the published series that a group must not take. */
const TAKEN = new Set<string>([
  ...BUILT_IN_GROUPS,
  "service",
  "slo",
  "window",
  "outcome",
  "quantile",
  "part",
]);

/** `signals:` in tocsin.yaml. */
export const SignalsConfig = z.strictObject({
  group_by: z
    .array(
      z
        .string()
        .min(1)
        .refine((key) => !TAKEN.has(groupLabel(key)), {
          error: "Every service has this dimension already; name an attribute, such as tenant.id.",
        }),
    )
    .max(8)
    .refine((keys) => new Set(keys.map(groupLabel)).size === keys.length, {
      error: "Two of these attributes would have the same label.",
    })
    .default([])
    .describe(
      "Attributes (of spans, metric points or resources) by whose values signals are told apart, such as tenant.id. SLOs may use them in `by`.",
    ),
  max_groups: z
    .number()
    .int()
    .positive()
    .default(MAX_GROUPS)
    .describe("Values of one attribute of one service that are told apart; the rest counts as {other}."),
});

/** What the configuration says to `Signals`. */
export function signalsOptions({ signals }: { readonly signals: z.infer<typeof SignalsConfig> }): {
  groupBy: readonly string[];
  maxGroups: number;
} {
  return { groupBy: signals.group_by, maxGroups: signals.max_groups };
}
