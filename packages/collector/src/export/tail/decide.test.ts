import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RANDOM_VALUES } from "../probability.js";
import { TailConfig } from "./config.js";
import { decide, isKept } from "./decide.js";
import { compilePolicies, type TraceFacts } from "./policy.js";

const policiesOf = (...policies: object[]) => {
  const named = policies.map((policy, index) => ({ name: `p${index}`, ...policy }));
  return compilePolicies(TailConfig.parse({ policies: named }).policies).policies;
};

function trace(facts: Partial<TraceFacts> = {}): TraceFacts {
  return {
    randomness: RANDOM_VALUES / 2,
    startMs: 0,
    endMs: 10,
    spans: 1,
    statuses: 1,
    conditions: 0,
    ...facts,
  };
}

const error = { type: "status_code", status_code: { status_codes: ["ERROR"] } };
const always = { type: "always_sample" };
const share = (sampling_percentage: number) => ({
  type: "probabilistic",
  probabilistic: { sampling_percentage },
});
const rate = (spans_per_second: number) => ({ type: "rate_limiting", rate_limiting: { spans_per_second } });
const slow = (threshold_ms: number, upper_threshold_ms?: number) => ({
  type: "latency",
  latency: { threshold_ms, upper_threshold_ms },
});
const and = (...and_sub_policy: object[]) => ({ type: "and", and: { and_sub_policy } });
const drop = (...drop_sub_policy: object[]) => ({ type: "drop", drop: { drop_sub_policy } });

describe("one trace of 10 ms in the middle of randomness", () => {
  test.each([
    { policies: [always], threshold: 0, by: 0 },
    { policies: [error], threshold: RANDOM_VALUES, by: -1 },
    { policies: [error, always], threshold: 0, by: 1 },
    { policies: [slow(10)], threshold: 0, by: 0 },
    { policies: [slow(11)], threshold: RANDOM_VALUES, by: -1 },
    { policies: [slow(5, 9)], threshold: RANDOM_VALUES, by: -1 },
    { policies: [{ type: "span_count", span_count: { min_spans: 2 } }], threshold: RANDOM_VALUES, by: -1 },
    { policies: [{ type: "status_code", status_code: { status_codes: ["UNSET"] } }], threshold: 0, by: 0 },
    { policies: [share(75)], threshold: RANDOM_VALUES / 4, by: 0 },
    { policies: [share(25)], threshold: RANDOM_VALUES, by: -1 },
    { policies: [share(0)], threshold: RANDOM_VALUES, by: -1 },
    // The likeliest chance counts, whatever the order.
    { policies: [share(75), share(90)], threshold: Math.round(0.1 * RANDOM_VALUES), by: 1 },
    { policies: [share(75), always], threshold: 0, by: 1 },
    { policies: [and(slow(10), share(75))], threshold: RANDOM_VALUES / 4, by: 0 },
    { policies: [and(slow(11), share(75))], threshold: RANDOM_VALUES, by: -1 },
    { policies: [and(error, always), share(50)], threshold: RANDOM_VALUES / 2, by: 1 },
    { policies: [always, drop(slow(10))], threshold: RANDOM_VALUES, by: 1 },
    { policies: [always, drop(error)], threshold: 0, by: 0 },
    // Three quarters dropped: the upper quarter would stay, and the middle is not in it.
    { policies: [always, drop(slow(10), share(75))], threshold: RANDOM_VALUES, by: 1 },
    { policies: [always, drop(slow(10), share(25))], threshold: RANDOM_VALUES / 4, by: 0 },
    { policies: [rate(1)], threshold: 0, by: 0 },
  ])("$policies", ({ policies, threshold, by }) => {
    expect(decide(policiesOf(...policies), [trace()], [])).toEqual([{ threshold, policy: by }]);
  });
});

describe("a rate", () => {
  const byRandomness = (...values: number[]) => values.map((randomness) => trace({ randomness, spans: 2 }));

  test("lets the most random traces in, and the first that did not fit is their threshold", () => {
    const decisions = decide(policiesOf(rate(5)), byRandomness(10, 40, 20, 30), []);
    expect(decisions.map(isKept)).toEqual([false, true, false, true]);
    expect(decisions[1]).toEqual({ threshold: 21, policy: 0 });
  });

  test("is not used up by traces that are kept anyway, and not blocked by one that never fits", () => {
    const traces = [trace({ randomness: 50, statuses: 4, spans: 4 }), trace({ randomness: 40, spans: 6 })];
    const decisions = decide(policiesOf(error, rate(5)), [...traces, ...byRandomness(30, 20)], []);
    expect(decisions.map(isKept)).toEqual([true, false, true, true]);
  });

  test("is one for the whole second, also when a part of it was decided on early", () => {
    const granted: number[] = [];
    const policies = policiesOf(rate(5));
    expect(decide(policies, byRandomness(1, 2), granted).map(isKept)).toEqual([true, true]);
    expect(decide(policies, byRandomness(3, 4), granted).map(isKept)).toEqual([false, false]);
  });

  test("holds within `and`", () => {
    const traces = [...byRandomness(1, 2, 3), trace({ randomness: 0, statuses: 4 })];
    const decisions = decide(policiesOf(and(error, rate(3)), rate(2)), traces, []);
    expect(decisions.map(({ policy }) => policy)).toEqual([-1, -1, 1, 0]);
  });

  test("weighs what it keeps: the weights sum up to what came", () => {
    // Many seconds, so that chance evens out.
    const random = xorshift(42);
    let weight = 0;
    for (let second = 0; second < 400; second++) {
      const traces = Array.from({ length: 100 }, () =>
        trace({ randomness: Math.floor(random() * RANDOM_VALUES) }),
      );
      for (const decision of decide(policiesOf(rate(20)), traces, [])) {
        if (isKept(decision)) weight += 1 / (1 - decision.threshold / RANDOM_VALUES);
      }
    }
    expect(weight / 40_000).toBeCloseTo(1, 1);
  });
});

const anyTrace = fc.record({
  randomness: fc.nat(RANDOM_VALUES - 1),
  startMs: fc.constant(0),
  endMs: fc.nat(100),
  spans: fc.integer({ min: 1, max: 10 }),
  statuses: fc.integer({ min: 1, max: 7 }),
  conditions: fc.constant(0),
});
const leaf = fc.oneof(fc.constantFrom(error, always, slow(50)), fc.integer({ min: 0, max: 100 }).map(share));
const anyPolicy = fc.oneof(
  leaf,
  fc.integer({ min: 1, max: 50 }).map(rate),
  fc.tuple(leaf, fc.integer({ min: 1, max: 50 }).map(rate)).map((parts) => and(...parts)),
  fc.tuple(leaf, leaf).map((parts) => drop(...parts)),
);

test("a trace is kept exactly when its randomness reaches the threshold, whatever the order of traces", () => {
  fc.assert(
    fc.property(
      fc.array(anyPolicy, { maxLength: 4 }),
      fc.array(anyTrace, { maxLength: 60 }),
      (some, traces) => {
        const policies = policiesOf(...some, slow(90));
        const decisions = decide(policies, traces, []);
        for (const [index, decision] of decisions.entries()) {
          if (isKept(decision)) expect(traces[index].randomness).toBeGreaterThanOrEqual(decision.threshold);
          if (isKept(decision)) expect(policies[decision.policy].holds(traces[index])).toBe(true);
        }
        const reversed = decide(policies, [...traces].reverse(), []).reverse();
        // Two traces that are equally random may stand in for one another at the edge of a rate.
        const isDistinct = new Set(traces.map(({ randomness }) => randomness)).size === traces.length;
        if (isDistinct) expect(reversed).toEqual(decisions);
      },
    ),
  );
});

test("no rate lets more spans in than it says", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), fc.array(anyTrace, { maxLength: 60 }), (limit, traces) => {
      const kept = decide(policiesOf(rate(limit)), traces, []).map(isKept);
      const spans = traces.reduce((sum, each, index) => sum + (kept[index] ? each.spans : 0), 0);
      expect(spans).toBeLessThanOrEqual(limit);
    }),
  );
});

describe("the configuration", () => {
  const refusal = (policies: object[]) => TailConfig.safeParse({ policies }).error?.issues[0]?.message;

  test.each([
    [[], /Too small/],
    [[error, error], /There are two policies "status_code". Give each its own name./],
    [[drop(error)], /Nothing would ever be kept/],
    [[drop(rate(1)), always], /Invalid discriminator value/],
    [
      [
        {
          type: "string_attribute",
          string_attribute: { key: "a", values: ["("], enabled_regex_matching: true },
        },
      ],
      /RE2/,
    ],
    [
      Array.from({ length: 32 }, (_, index) => ({
        name: `p${index}`,
        type: "boolean_attribute",
        boolean_attribute: { key: "a", value: true },
      })),
      /more than 31 policies about attributes/,
    ],
  ])("%j is refused", (policies, message) => {
    expect(refusal(policies as object[])).toMatch(message);
  });
});

/** A small generator with a seed, so that the test is the same every time. */
function xorshift(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
