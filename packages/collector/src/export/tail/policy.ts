import { RANDOM_VALUES, thresholdOfRatio } from "../probability.js";
import { type ConditionConfig, SpanConditions } from "./conditions.js";
import type { LeafConfig, PolicyConfig } from "./config.js";

/** What is known of one trace while it waits for its decision. */
export interface TraceFacts {
  /** 0 to 2^53 - 1, the same in every collector. */
  randomness: number;
  startMs: number;
  endMs: number;
  spans: number;
  /** Status codes seen: bit 0 unset, 1 ok, 2 error. */
  statuses: number;
  /** Conditions that some span met, as bits of `SpanConditions`. */
  conditions: number;
}

/**
 * A policy in the one form that all of them have: conditions that hold or not, a threshold of randomness, a rate.
 * That is all that `and` can make of the others, so there is nothing to walk through when a trace is decided on.
 */
export interface Policy {
  readonly name: string;
  /** keep: traces at or above the threshold are kept. drop: those below it are dropped. */
  readonly kind: "keep" | "drop";
  readonly holds: (trace: TraceFacts) => boolean;
  /** 0 to 2^53. */
  readonly threshold: number;
  /** Infinity without a limit. */
  readonly spansPerSecond: number;
}

const STATUS_BITS = { UNSET: 1, OK: 2, ERROR: 4 } as const;

/** Policies ready to be asked, and the conditions that their facts are gathered by. */
export function compilePolicies(configs: readonly PolicyConfig[]): {
  policies: readonly Policy[];
  conditions: SpanConditions;
} {
  const conditions = new SpanConditions(configs.flatMap(leavesOf).filter(isCondition));
  return { policies: configs.map((config) => compile(config, conditions)), conditions };
}

function compile(config: PolicyConfig, conditions: SpanConditions): Policy {
  const leaves = leavesOf(config);
  const tests = leaves.map((leaf) => testOf(leaf, conditions)).filter((test) => test !== undefined);
  const shares = leaves.flatMap((leaf) =>
    leaf.type === "probabilistic" ? [leaf.probabilistic.sampling_percentage / 100] : [],
  );
  const rates = leaves.flatMap((leaf) =>
    leaf.type === "rate_limiting" ? [leaf.rate_limiting.spans_per_second] : [],
  );
  const isDrop = config.type === "drop";
  return {
    name: config.name ?? config.type,
    kind: isDrop ? "drop" : "keep",
    holds: (trace) => tests.every((test) => test(trace)),
    // A share is kept from above and dropped from below, so that whatever stays is everything above one threshold.
    threshold: isDrop
      ? Math.min(RANDOM_VALUES, ...shares.map((share) => RANDOM_VALUES - thresholdOfRatio(share)))
      : Math.max(0, ...shares.map(thresholdOfRatio)),
    spansPerSecond: Math.min(Number.POSITIVE_INFINITY, ...rates),
  };
}

function leavesOf(config: PolicyConfig): readonly LeafConfig[] {
  if (config.type === "and") return config.and.and_sub_policy;
  if (config.type === "drop") return config.drop.drop_sub_policy;
  return [config];
}

function isCondition(leaf: LeafConfig): leaf is ConditionConfig {
  return (
    "string_attribute" in leaf ||
    "numeric_attribute" in leaf ||
    "boolean_attribute" in leaf ||
    "trace_state" in leaf
  );
}

/** Undefined for what is no yes or no: chance and rate. */
function testOf(leaf: LeafConfig, conditions: SpanConditions): ((trace: TraceFacts) => boolean) | undefined {
  switch (leaf.type) {
    case "always_sample":
      return () => true;
    case "latency": {
      const { threshold_ms, upper_threshold_ms = Number.POSITIVE_INFINITY } = leaf.latency;
      return ({ startMs, endMs }) => endMs - startMs >= threshold_ms && endMs - startMs <= upper_threshold_ms;
    }
    case "status_code": {
      const wanted = leaf.status_code.status_codes.reduce((bits, code) => bits | STATUS_BITS[code], 0);
      return ({ statuses }) => (statuses & wanted) !== 0;
    }
    case "span_count": {
      const { min_spans, max_spans = Number.POSITIVE_INFINITY } = leaf.span_count;
      return ({ spans }) => spans >= min_spans && spans <= max_spans;
    }
    case "string_attribute":
      return conditionTest(conditions.bitOf(leaf), leaf.string_attribute.invert_match);
    case "numeric_attribute":
      return conditionTest(conditions.bitOf(leaf), leaf.numeric_attribute.invert_match);
    case "boolean_attribute":
      return conditionTest(conditions.bitOf(leaf), leaf.boolean_attribute.invert_match);
    case "trace_state":
      return conditionTest(conditions.bitOf(leaf), false);
    case "probabilistic":
    case "rate_limiting":
      return undefined;
  }
}

function conditionTest(bit: number, isInverted: boolean): (trace: TraceFacts) => boolean {
  return ({ conditions }) => ((conditions & bit) !== 0) !== isInverted;
}
