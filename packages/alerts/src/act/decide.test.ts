import { expect, test } from "vitest";
import { firing } from "../../test/action-contract.js";
import { action, decidedRecord, historyOf } from "../../test/action-fixtures.js";
import { evaluateGuards, evaluatePlan, nextState, type Situation } from "./decide.js";
import { EMPTY_HISTORY } from "./run.js";

const MINUTE_MS = 60_000;
const nowMs = 100 * MINUTE_MS;
const burning = {
  windowMs: MINUTE_MS,
  endMs: nowMs,
  good: 545,
  total: 600,
  errorRatio: 0.0917,
  burnRate: 91.7,
};

const calm: Situation = {
  config: action(),
  trigger: firing,
  runId: "this",
  history: EMPTY_HISTORY,
  isLeader: true,
  slo: "checkout-availability",
  sli: burning,
  nowMs,
};

function startedAt(id: string, atMs: number, name = "rollback", after: "finished" | "running" = "finished") {
  const started = { kind: "action.started", atMs, id, phase: "act", attempt: 1, before: null } as const;
  const finished = { kind: "action.finished", atMs, id, phase: "act", outcome: "ok", message: "" } as const;
  const verified = { kind: "action.verified", atMs, id, verdict: "helped", reason: "", after: null } as const;
  const decided = decidedRecord({ id, action: name, atMs, state: "ready" });
  return after === "finished" ? [decided, started, finished, verified] : [decided, started];
}

test.each([
  { name: "nothing speaks against it", situation: {}, want: [] },
  {
    name: "all actions are stopped",
    situation: {
      history: historyOf([
        { kind: "action.stop_all", atMs: 1, isStopped: true, by: "ana", reason: "release" },
      ]),
    },
    want: ["stop-all"],
  },
  {
    name: "actions were stopped and released again",
    situation: {
      history: historyOf([
        { kind: "action.stop_all", atMs: 1, isStopped: true, by: "ana", reason: "release" },
        { kind: "action.stop_all", atMs: 2, isStopped: false, by: "ana", reason: "done" },
      ]),
    },
    want: [],
  },
  { name: "another process acts", situation: { isLeader: false }, want: ["leader"] },
  {
    name: "the alert is over",
    situation: { trigger: { ...firing, status: "resolved" as const } },
    want: ["alert"],
  },
  {
    name: "the alert is about missing data",
    situation: { trigger: { ...firing, hasData: false } },
    want: ["alert"],
  },
  { name: "no data about the SLO", situation: { sli: undefined }, want: ["evidence"] },
  {
    name: "the SLO does not burn any more",
    situation: { sli: { ...burning, burnRate: 0.99 } },
    want: ["evidence"],
  },
  { name: "it just still burns", situation: { sli: { ...burning, burnRate: 1 } }, want: [] },
  {
    name: "a rule alert without SLO is its own evidence",
    situation: { slo: undefined, sli: undefined },
    want: [],
  },
  {
    name: "done within the cooldown",
    situation: { history: historyOf(startedAt("a", nowMs - 29 * MINUTE_MS)) },
    want: ["cooldown"],
  },
  {
    name: "done just before the cooldown",
    situation: { history: historyOf(startedAt("a", nowMs - 30 * MINUTE_MS)) },
    want: [],
  },
  {
    name: "another action's cooldown is its own",
    situation: { history: historyOf(startedAt("a", nowMs - 1, "scale")) },
    want: [],
  },
  {
    name: "done as often as a day allows",
    situation: {
      history: historyOf([
        ...startedAt("a", nowMs - 99 * MINUTE_MS),
        ...startedAt("b", nowMs - 66 * MINUTE_MS),
      ]),
    },
    want: ["max-per-day"],
  },
  {
    name: "the same action is under way",
    situation: { history: historyOf(startedAt("a", nowMs - 50 * MINUTE_MS, "rollback", "running")) },
    want: ["in-progress", "blast-radius"],
  },
  {
    name: "another action is under way",
    situation: { history: historyOf(startedAt("a", nowMs - 50 * MINUTE_MS, "scale", "running")) },
    want: ["blast-radius"],
  },
  {
    name: "the same action waits for a person",
    situation: { history: historyOf([decidedRecord({ id: "a", state: "waiting", atMs: 1 })]) },
    want: ["in-progress"],
  },
  {
    name: "a dry run counts as done for the next dry run, so that it shows what auto would do",
    situation: {
      config: action({ mode: "dry-run" }),
      history: historyOf([decidedRecord({ id: "a", state: "dry-run", atMs: nowMs - 1 })]),
    },
    want: ["cooldown"],
  },
  {
    name: "a dry run holds up nothing that is real",
    situation: { history: historyOf([decidedRecord({ id: "a", state: "dry-run", atMs: nowMs - 1 })]) },
    want: [],
  },
  {
    name: "the run does not stand in its own way",
    situation: { runId: "a", history: historyOf([decidedRecord({ id: "a", state: "waiting", atMs: 1 })]) },
    want: [],
  },
])("guards: $name", ({ situation, want }) => {
  const guards = evaluateGuards({ ...calm, ...situation });
  expect(guards.filter(({ passed }) => !passed).map(({ guard }) => guard)).toEqual(want);
});

test("says the numbers that it looked at", () => {
  const history = historyOf(startedAt("a", nowMs - 4 * MINUTE_MS));
  expect(evaluateGuards({ ...calm, history }).map(({ text }) => text)).toEqual([
    "actions are not stopped",
    "this process acts",
    "CheckoutBurn is firing",
    "checkout-availability burns at 91.7× over the last 1m (55 bad of 600)",
    "no other run of this action is under way",
    "last done 4m ago, the cooldown is 30m",
    "done 1 of 2 times in the last 24h",
    "0 other actions are under way, 1 may be at once",
  ]);
});

const pass = [{ guard: "alert" as const, passed: true, text: "" }];

test.each([
  { mode: "dry-run" as const, guards: pass, want: "dry-run" },
  { mode: "approve" as const, guards: pass, want: "waiting" },
  { mode: "auto" as const, guards: pass, want: "ready" },
  {
    mode: "auto" as const,
    guards: [...pass, { guard: "cooldown" as const, passed: false, text: "" }],
    want: "blocked",
  },
])("$mode leads to $want", ({ mode, guards, want }) => {
  expect(nextState(mode, guards)).toBe(want);
});

test.each([
  {
    name: "a refusal of the action's own caps",
    plan: { refusal: "6 replicas are over the cap of 5" },
    passed: false,
  },
  { name: "nothing to do", plan: { isNeeded: false }, passed: false },
  { name: "something to do", plan: {}, passed: true },
])("plan: $name", ({ plan, passed }) => {
  const whole = {
    summary: "s",
    changes: [],
    request: { method: "POST", url: "" },
    refusal: null,
    isNeeded: true,
    details: {},
  };
  expect(evaluatePlan({ ...whole, ...plan }).passed).toBe(passed);
});
