import { duration, ratio } from "@tocsin/model/config";
import { z } from "zod";
import { MAX_GROUPS } from "./group-book.js";
import { BUILT_IN_GROUPS, groupLabel } from "./group-keys.js";
import { SATURATION_LIMITS, type SaturationLimits } from "./saturation-parts.js";

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

const positiveDuration = (seconds: number, description: string) =>
  duration()
    .refine((ms) => ms > 0, { error: "What is always full tells nothing; write more than 0." })
    .default(seconds * 1_000)
    .describe(description);

const positiveRatio = (share: number, description: string) =>
  ratio()
    .refine((value) => value > 0, { error: "What is always full tells nothing; write more than 0." })
    .default(share)
    .describe(description);

/** `signals.saturation:`: where the parts are full that have no limit of their own. */
const SaturationConfig = z.strictObject({
  event_loop_delay: positiveDuration(
    SATURATION_LIMITS.eventLoopDelaySeconds,
    "99th percentile of the event loop's delay that counts as full.",
  ),
  cpu_throttling: positiveRatio(
    SATURATION_LIMITS.throttledRatio,
    "Share of the CPU quota's periods that may be throttled until that counts as full.",
  ),
  garbage_collection: positiveRatio(
    SATURATION_LIMITS.garbageCollectionRatio,
    "Share of time in garbage collection that counts as full.",
  ),
  requests_in_flight: z
    .number()
    .positive()
    .default(SATURATION_LIMITS.requestsInFlight)
    .describe(
      "Requests at once in one process that count as full; raise it for services that hold requests open.",
    ),
  thread_pool_delay: positiveDuration(
    SATURATION_LIMITS.threadPoolDelaySeconds,
    "Longest wait for libuv's thread pool that counts as full.",
  ),
});

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
  sampled: z
    .record(
      z.string().min(1),
      ratio().refine((value) => value > 0, { error: "Of a service that sends no traces nothing is known." }),
    )
    .default({})
    .describe(
      "Ratio at which the traces of a service are sampled, by its name, such as `checkout: 10%`: for senders that do not say so in tracestate.",
    ),
  saturation: SaturationConfig.prefault({}).describe(
    "When a part of a service counts as full that has no limit of its own.",
  ),
});

/** What the configuration says to `Signals`. */
export function signalsOptions({ signals }: { readonly signals: z.infer<typeof SignalsConfig> }): {
  groupBy: readonly string[];
  maxGroups: number;
  sampled: ReadonlyMap<string, number>;
  saturation: SaturationLimits;
} {
  const { saturation } = signals;
  return {
    groupBy: signals.group_by,
    maxGroups: signals.max_groups,
    sampled: new Map(Object.entries(signals.sampled)),
    saturation: {
      eventLoopDelaySeconds: saturation.event_loop_delay / 1_000,
      throttledRatio: saturation.cpu_throttling,
      garbageCollectionRatio: saturation.garbage_collection,
      requestsInFlight: saturation.requests_in_flight,
      threadPoolDelaySeconds: saturation.thread_pool_delay / 1_000,
    },
  };
}
