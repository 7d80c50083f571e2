import { expect, test } from "vitest";
import { action, decidedRecord, historyOf } from "../../test/action-fixtures.js";
import type { SliReading } from "./sli-reader.js";
import { mustRevert, type Observation, verificationStep } from "./verification.js";

const { verify } = action();
const slo = "checkout-availability";

function reading(bad: number, total: number): SliReading {
  const errorRatio = bad / total;
  return { windowMs: 30_000, endMs: 0, good: total - bad, total, errorRatio, burnRate: errorRatio / 0.001 };
}

/** A run that was done at 0, with these bad events of 400 in the window before. */
function runWith(bad: number) {
  const id = "run";
  const history = historyOf([
    decidedRecord({ id }),
    { kind: "action.started", atMs: 0, id, phase: "act", attempt: 1, before: reading(bad, 400) },
    { kind: "action.finished", atMs: 0, id, phase: "act", outcome: "ok", message: "" },
  ]);
  return history.runs.get(id)!;
}

const measured = { slo, alert: undefined, sli: reading(0, 340), sliSince: reading(0, 340) };

test.each<{ name: string; bad: number; seen: Observation; want: string | undefined }>([
  {
    name: "before settle and window are over: nothing yet",
    bad: 40,
    seen: { ...measured, nowMs: 34_999 },
    want: undefined,
  },
  { name: "as soon as it is sure: helped", bad: 40, seen: { ...measured, nowMs: 35_000 }, want: "helped" },
  {
    name: "few bad events before: waits for more evidence",
    bad: 4,
    seen: { ...measured, nowMs: 35_000 },
    want: undefined,
  },
  {
    name: "all the time since then is evidence enough",
    bad: 4,
    seen: { ...measured, sliSince: reading(0, 2_000), nowMs: 80_000 },
    want: "helped",
  },
  {
    name: "no evidence until the deadline",
    bad: 4,
    seen: { ...measured, nowMs: 120_000 },
    want: "too little data",
  },
  {
    name: "a cure that was rough at first counts by its latest window",
    bad: 40,
    seen: { ...measured, sliSince: reading(300, 1_000), nowMs: 60_000 },
    want: "helped",
  },
  {
    name: "harm is not said before the deadline",
    bad: 4,
    seen: { ...measured, sli: reading(99, 340), nowMs: 119_999 },
    want: undefined,
  },
  {
    name: "harm is said at the deadline",
    bad: 4,
    seen: { ...measured, sli: reading(99, 340), sliSince: reading(99, 340), nowMs: 120_000 },
    want: "worse",
  },
])("$name", ({ bad, seen, want }) => {
  expect(verificationStep(runWith(bad), verify, seen)?.verdict).toBe(want);
});

test.each([
  { policy: "never", verdict: "worse", want: false },
  { policy: "worse", verdict: "worse", want: true },
  { policy: "worse", verdict: "no effect", want: false },
  { policy: "unless-helped", verdict: "no effect", want: true },
  { policy: "unless-helped", verdict: "too little data", want: false },
  { policy: "unless-helped", verdict: "helped", want: false },
] as const)("revert $policy after $verdict: $want", ({ policy, verdict, want }) => {
  expect(mustRevert(policy, verdict)).toBe(want);
});
