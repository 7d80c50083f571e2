import { expect, test } from "vitest";
import { afterFailure } from "./attempt.js";
import { ActionError } from "./errors.js";

const refused = new ActionError("ACTION_UNREACHABLE", "down", { retryable: true });
const broken = new ActionError("ACTION_TARGET_FAILED", "500", { retryable: true, effect: "unknown" });
const rejected = new ActionError("ACTION_REJECTED", "403");
const throttled = new ActionError("ACTION_THROTTLED", "429", { retryable: true, retryAfterMs: 7_000 });
const moved = new ActionError("ACTION_TARGET_CHANGED", "409", { retryable: true });
const aborted = new ActionError("ACTION_ABORTED", "closing", { effect: "unknown" });
const first = { attempt: 1, isRepeatable: false, wasEffectUnknown: false, random: 1 };

test.each([
  {
    name: "not connected: tries again",
    error: refused,
    state: first,
    want: { next: "retry", delayMs: 1_000 },
  },
  {
    name: "waits longer each time",
    error: refused,
    state: { ...first, attempt: 3 },
    want: { delayMs: 4_000 },
  },
  { name: "full jitter", error: refused, state: { ...first, random: 0.25 }, want: { delayMs: 250 } },
  {
    name: "gives up after the last attempt",
    error: refused,
    state: { ...first, attempt: 4 },
    want: { outcome: "failed" },
  },
  {
    name: "a wish to wait is honoured",
    error: throttled,
    state: first,
    want: { next: "retry", delayMs: 7_000 },
  },
  { name: "no is no", error: rejected, state: first, want: { next: "give-up", outcome: "failed" } },
  {
    name: "may have been done: is not repeated",
    error: broken,
    state: first,
    want: { next: "give-up", outcome: "unknown" },
  },
  {
    name: "may have been done, but the target does it once per key: is repeated",
    error: broken,
    state: { ...first, isRepeatable: true },
    want: { next: "retry" },
  },
  {
    name: "a later refusal does not make an unknown outcome known",
    error: rejected,
    state: { ...first, attempt: 2, isRepeatable: true, wasEffectUnknown: true },
    want: { next: "give-up", outcome: "unknown" },
  },
  {
    name: "a moved target is read again",
    error: moved,
    state: first,
    want: { next: "retry", mustReplan: true },
  },
  { name: "at shutdown nothing is concluded", error: aborted, state: first, want: { next: "leave" } },
  {
    name: "a fault of our own may have done anything",
    error: new Error("bug"),
    state: first,
    want: { outcome: "unknown" },
  },
])("$name", ({ error, state, want }) => {
  expect(afterFailure(error, state)).toMatchObject(want);
});
