import fc from "fast-check";
import { expect, test } from "vitest";
import { decidedRecord, historyOf } from "../../test/action-fixtures.js";
import type { JournalRecord } from "../journal.js";
import { keepActionRecords, parseActionRecord } from "./history.js";
import type { ActionRecord } from "./run.js";

const id = "run";
const steps: Record<string, ActionRecord> = {
  waiting: decidedRecord({ state: "waiting", atMs: 1 }),
  approved: { kind: "action.answered", atMs: 2, id, answer: "approved", by: "ana", reason: "yes" },
  declined: { kind: "action.answered", atMs: 2, id, answer: "declined", by: "ana", reason: "no" },
  expired: { kind: "action.lapsed", atMs: 2, id, state: "expired", reason: "late" },
  ready: decidedRecord({ state: "ready", atMs: 3 }),
  started: { kind: "action.started", atMs: 4, id, phase: "act", attempt: 1, before: null },
  again: { kind: "action.started", atMs: 5, id, phase: "act", attempt: 2, before: null },
  done: { kind: "action.finished", atMs: 6, id, phase: "act", outcome: "ok", message: "HTTP 200" },
  failed: { kind: "action.finished", atMs: 6, id, phase: "act", outcome: "failed", message: "HTTP 403" },
  unknown: { kind: "action.finished", atMs: 6, id, phase: "act", outcome: "unknown", message: "timeout" },
  worse: { kind: "action.verified", atMs: 7, id, verdict: "worse", reason: "1 % → 9 %", after: null },
  reverting: { kind: "action.started", atMs: 8, id, phase: "revert", attempt: 1, before: null },
  reverted: { kind: "action.finished", atMs: 9, id, phase: "revert", outcome: "ok", message: "HTTP 200" },
};

function recordsOf(names: readonly string[]): ActionRecord[] {
  return names.map((name) => steps[name]!);
}

test.each([
  { path: ["waiting"], want: { state: "waiting" } },
  { path: ["waiting", "declined"], want: { state: "declined", answer: { by: "ana", reason: "no" } } },
  { path: ["waiting", "expired"], want: { state: "expired", lapse: "late" } },
  { path: ["waiting", "approved", "ready"], want: { state: "ready", answer: { by: "ana" } } },
  { path: ["ready", "started"], want: { state: "acting", attempts: 1, startedAtMs: 4 } },
  { path: ["ready", "started", "again"], want: { state: "acting", attempts: 2, startedAtMs: 4 } },
  { path: ["ready", "started", "done"], want: { state: "verifying", outcome: "ok", finishedAtMs: 6 } },
  { path: ["ready", "started", "unknown"], want: { state: "verifying", outcome: "unknown" } },
  { path: ["ready", "started", "failed"], want: { state: "failed", message: "HTTP 403" } },
  { path: ["ready", "started", "done", "worse"], want: { state: "done", verdict: "worse" } },
  {
    path: ["ready", "started", "done", "worse", "reverting"],
    want: { state: "reverting", verdict: "worse" },
  },
  {
    path: ["ready", "started", "done", "worse", "reverting", "reverted"],
    want: { state: "done", outcome: "ok", revert: { outcome: "ok", finishedAtMs: 9 } },
  },
])("$path leads to $want.state", ({ path, want }) => {
  expect(historyOf(recordsOf(path)).runs.get(id)).toMatchObject(want);
});

test("records without their beginning change nothing", () => {
  expect(historyOf(recordsOf(["started", "done"])).runs.size).toBe(0);
});

test("every record survives JSON and is read back as itself", () => {
  for (const record of Object.values(steps)) {
    expect(parseActionRecord(JSON.parse(JSON.stringify(record)))).toEqual(record);
  }
});

test("what is not ours or damaged is not read", () => {
  expect(parseActionRecord({ kind: "silence.added", atMs: 1 })).toBeUndefined();
  expect(parseActionRecord({ kind: "action.started", atMs: 1 })).toBeUndefined();
});

test("forgetting old finished runs leaves every other run and the switch as they were", () => {
  const names = fc.array(fc.constantFrom(...Object.keys(steps)), { maxLength: 12 });
  fc.assert(
    fc.property(fc.array(names, { maxLength: 6 }), fc.boolean(), fc.nat(4), (paths, isStopped, keepRuns) => {
      const records: ActionRecord[] = paths.flatMap((path, index) =>
        recordsOf(path).map((record) => ("id" in record ? { ...record, id: `run-${index}` } : record)),
      );
      records.push({ kind: "action.stop_all", atMs: 1, isStopped, by: "ana", reason: "" });
      const before = historyOf(records);
      const kept = keepActionRecords(records, 10, { keepMs: 1_000, keepRuns }) as readonly JournalRecord[];
      const after = historyOf(kept.map((record) => parseActionRecord(record)!));
      expect(after.stopped).toEqual(before.stopped);
      const finished = new Set(["declined", "expired", "failed", "done", "dry-run", "withdrawn"]);
      for (const run of before.runs.values()) {
        if (!finished.has(run.state)) expect(after.runs.get(run.id)).toEqual(run);
      }
      const finishedAfter = [...after.runs.values()].filter(({ state }) => finished.has(state));
      expect(finishedAfter.length).toBeLessThanOrEqual(keepRuns);
      for (const run of finishedAfter) expect(run).toEqual(before.runs.get(run.id));
    }),
  );
});
