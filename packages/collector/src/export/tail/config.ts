import { duration } from "@tocsin/model/config";
import { RE2JS } from "re2js";
import { z } from "zod";

/** Policies about single spans: each takes a bit of what is remembered of a trace. */
const MAX_CONDITIONS = 31;

const key = z.string().min(1).describe("Name of an attribute of a span or of its resource.");
const invertMatch = z.boolean().default(false).describe("Asks for traces in which no span has it.");

const alwaysSample = { type: z.literal("always_sample") };
const latency = {
  type: z.literal("latency"),
  latency: z.strictObject({
    threshold_ms: z.number().nonnegative().describe("From first start to last end, at least so long."),
    upper_threshold_ms: z.number().positive().optional().describe("And at most so long."),
  }),
};
const statusCode = {
  type: z.literal("status_code"),
  status_code: z.strictObject({
    status_codes: z
      .array(z.enum(["OK", "ERROR", "UNSET"]))
      .min(1)
      .describe("A span has one of these."),
  }),
};
const stringAttribute = {
  type: z.literal("string_attribute"),
  string_attribute: z
    .strictObject({
      key,
      values: z.array(z.string()).min(1).describe("A value, as text, is one of these."),
      enabled_regex_matching: z
        .boolean()
        .default(false)
        .describe("The values are RE2 expressions that a part of the text has to match."),
      invert_match: invertMatch,
    })
    .superRefine(({ values, enabled_regex_matching }, context) => {
      if (!enabled_regex_matching) return;
      values.forEach((value, index) => {
        if (isRegex(value)) return;
        const message = `"${value}" is not a regular expression in RE2 syntax.`;
        context.addIssue({ code: "custom", message, path: ["values", index] });
      });
    }),
};
const numericAttribute = {
  type: z.literal("numeric_attribute"),
  numeric_attribute: z.strictObject({
    key,
    min_value: z.number().default(Number.NEGATIVE_INFINITY).describe("At least this."),
    max_value: z.number().default(Number.POSITIVE_INFINITY).describe("At most this."),
    invert_match: invertMatch,
  }),
};
const booleanAttribute = {
  type: z.literal("boolean_attribute"),
  boolean_attribute: z.strictObject({ key, value: z.boolean(), invert_match: invertMatch }),
};
const traceState = {
  type: z.literal("trace_state"),
  trace_state: z.strictObject({
    key: z.string().min(1).describe("Member of the W3C trace state."),
    values: z.array(z.string()).min(1),
  }),
};
const spanCount = {
  type: z.literal("span_count"),
  span_count: z.strictObject({
    min_spans: z.number().int().nonnegative().default(0),
    max_spans: z.number().int().positive().optional(),
  }),
};
const probabilistic = {
  type: z.literal("probabilistic"),
  probabilistic: z.strictObject({
    sampling_percentage: z
      .number()
      .min(0)
      .max(100)
      .describe("Share of traces, by the random part of their ids: the same traces everywhere."),
  }),
};
const rateLimiting = {
  type: z.literal("rate_limiting"),
  rate_limiting: z.strictObject({
    spans_per_second: z.number().int().positive().describe("Spans that this policy lets through a second."),
  }),
};

const name = z.string().min(1).optional().describe("For metrics.");
/** Every policy but those that are made of others. */
const leaves = [
  z.strictObject({ name, ...alwaysSample }),
  z.strictObject({ name, ...latency }),
  z.strictObject({ name, ...statusCode }),
  z.strictObject({ name, ...stringAttribute }),
  z.strictObject({ name, ...numericAttribute }),
  z.strictObject({ name, ...booleanAttribute }),
  z.strictObject({ name, ...traceState }),
  z.strictObject({ name, ...spanCount }),
  z.strictObject({ name, ...probabilistic }),
] as const;
const rateLeaf = z.strictObject({ name, ...rateLimiting });

const policy = z.discriminatedUnion("type", [
  ...leaves,
  rateLeaf,
  z.strictObject({
    name,
    type: z.literal("and"),
    and: z.strictObject({
      and_sub_policy: z.array(z.discriminatedUnion("type", [...leaves, rateLeaf])).min(1),
    }),
  }),
  z.strictObject({
    name,
    type: z.literal("drop"),
    drop: z.strictObject({ drop_sub_policy: z.array(z.discriminatedUnion("type", [...leaves])).min(1) }),
  }),
]);
export type PolicyConfig = z.infer<typeof policy>;
export type LeafConfig = z.infer<(typeof leaves)[number]> | z.infer<typeof rateLeaf>;

export const TailConfig = z.strictObject({
  decision_wait: duration()
    .default(10_000)
    .describe("How long after its first span a trace is decided on; traces are passed on that much later."),
  num_traces: z
    .number()
    .int()
    .positive()
    .default(50_000)
    .describe("Traces that may wait for their decision; beyond it the oldest are decided on early."),
  expected_new_traces_per_sec: z
    .number()
    .nonnegative()
    .optional()
    .describe("Read so that a tail_sampling block can be pasted here; memory is taken as it is needed."),
  decision_cache: z
    .strictObject({
      sampled_cache_size: z.number().int().positive().default(50_000).describe("Kept traces remembered."),
      non_sampled_cache_size: z
        .number()
        .int()
        .positive()
        .default(50_000)
        .describe("Dropped traces remembered."),
    })
    .prefault({})
    .describe("How many decisions are remembered, here and on the disk, for spans that come late."),
  policies: z
    .array(policy)
    .min(1)
    .superRefine((policies, context) => {
      const names = policies.map(({ name, type }) => name ?? type);
      names.forEach((each, index) => {
        if (names.indexOf(each) === index) return;
        const message = `There are two policies "${each}". Give each its own name.`;
        context.addIssue({ code: "custom", message, path: [index, "name"] });
      });
      const asked = policies.flatMap((each) =>
        each.type === "and"
          ? each.and.and_sub_policy
          : each.type === "drop"
            ? each.drop.drop_sub_policy
            : [each],
      );
      if (
        asked.filter(({ type }) => type.endsWith("_attribute") || type === "trace_state").length >
        MAX_CONDITIONS
      ) {
        const message = `There are more than ${MAX_CONDITIONS} policies about attributes and trace states. Put several values into one.`;
        context.addIssue({ code: "custom", message });
      }
      if (policies.every(({ type }) => type === "drop")) {
        const message =
          "Nothing would ever be kept: `drop` only takes away. Add always_sample or another policy.";
        context.addIssue({ code: "custom", message });
      }
    })
    .describe(
      "A trace is kept when one of them holds and no `drop` does: always_sample, latency, status_code, string_attribute, numeric_attribute, boolean_attribute, trace_state, span_count, probabilistic, rate_limiting, and, drop; written as for the OpenTelemetry Collector's tail_sampling processor.",
    ),
});
export type TailConfig = z.infer<typeof TailConfig>;

function isRegex(text: string): boolean {
  try {
    RE2JS.compile(text);
    return true;
  } catch {
    return false;
  }
}
