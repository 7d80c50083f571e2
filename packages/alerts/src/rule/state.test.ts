import fc from "fast-check";
import { expect, test } from "vitest";
import { isOn } from "../alert.js";
import type { ActiveSample, AlertRule } from "./source.js";
import { NO_ALERTS, type RuleAlerts, stepRule } from "./state.js";

const rule = (more: Partial<AlertRule> = {}): AlertRule => ({
  name: "A",
  id: "A",
  forMs: 0,
  keepFiringForMs: 0,
  onNoData: "ok",
  onError: "keep",
  labels: {},
  annotations: {},
  actions: [],
  condition: "x",
  ...more,
});
const context = { source: "s", generatorUrl: "" };
const active: ActiveSample = { labels: {}, annotations: {}, value: 1 };

/** Steps through a history of the condition, one evaluation a second; gives the states. */
function states(history: readonly boolean[], of: AlertRule): string[] {
  let alerts: RuleAlerts = NO_ALERTS;
  return history.map((isActive, second) => {
    alerts = stepRule(
      of,
      alerts,
      { kind: "samples", samples: isActive ? [active] : [] },
      second * 1_000,
      context,
    ).alerts;
    return [...alerts.values()][0]?.alert.state ?? "inactive";
  });
}

test.each([
  ["for 0 fires at once", {}, "0110", ["inactive", "firing", "firing", "resolved"]],
  ["pending until `for` has passed", { forMs: 2_000 }, "1111", ["pending", "pending", "firing", "firing"]],
  [
    "a gap starts `for` anew",
    { forMs: 2_000 },
    "110111",
    ["pending", "pending", "inactive", "pending", "pending", "firing"],
  ],
  [
    "keep_firing_for bridges a gap",
    { keepFiringForMs: 2_000 },
    "10010000",
    ["firing", "firing", "firing", "firing", "firing", "firing", "resolved", "resolved"],
  ],
  ["a resolved alert that comes back is a new episode", {}, "101", ["firing", "resolved", "firing"]],
])("%s", (_, more, history, want) => {
  expect(
    states(
      [...history].map((char) => char === "1"),
      rule(more),
    ),
  ).toEqual(want);
});

test("no alert fires before its condition held for `for`, and every alert that fired resolves", () => {
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), { maxLength: 60 }),
      fc.integer({ min: 0, max: 8 }),
      fc.integer({ min: 0, max: 5 }),
      (history, forSeconds, keepSeconds) => {
        const of = rule({ forMs: forSeconds * 1_000, keepFiringForMs: keepSeconds * 1_000 });
        const seen = states(history, of);
        let run = 0;
        for (const [index, isActive] of history.entries()) {
          run = isActive ? run + 1 : 0;
          const wasOn = index > 0 && seen[index - 1] === "firing";
          if (seen[index] === "firing" && !wasOn) expect(run).toBeGreaterThan(forSeconds);
        }
        const after = states([...history, ...Array.from({ length: 20 }, () => false)], of);
        expect(after.at(-1)).not.toBe("firing");
      },
    ),
  );
});

test("an error keeps alerts, and raises one when the rule says so", () => {
  const firing = stepRule(rule(), NO_ALERTS, { kind: "samples", samples: [active] }, 0, context).alerts;
  const error = new Error("no answer");
  const kept = stepRule(rule(), firing, { kind: "error", error }, 1_000, context);
  expect(kept).toMatchObject({ alerts: firing, health: "error", error });
  const raised = stepRule(
    rule({ onError: "alert" }),
    firing,
    { kind: "error", error },
    1_000,
    context,
  ).alerts;
  expect([...raised.values()].map(({ alert }) => [alert.state, alert.labels.tocsin_state])).toEqual([
    ["firing", undefined],
    ["error", "error"],
  ]);
  const after = stepRule(
    rule({ onError: "alert" }),
    raised,
    { kind: "samples", samples: [active] },
    2_000,
    context,
  ).alerts;
  expect([...after.values()].filter(({ alert }) => isOn(alert.state))).toHaveLength(1);
});

test("two results with the same labels are an error, not one alert", () => {
  const step = stepRule(rule(), NO_ALERTS, { kind: "samples", samples: [active, active] }, 0, context);
  expect(step.error?.message).toBe(
    'The rule "A" gives two alerts with the same labels. Leave a label in the expression that tells them apart.',
  );
});
