import type { UnixMs } from "@tocsin/model";
import type { JournalRecord } from "../journal.js";
import type { ActionConfig } from "./config.js";
import { type ActionHistory, ActionRecord, type ActionRun, type ActionState } from "./run.js";

const DAY_MS = 86_400_000;

/** Reads a journal record as one of ours; records of a newer or damaged form are not ours. */
export function parseActionRecord(record: JournalRecord): ActionRecord | undefined {
  const parsed = ActionRecord.safeParse(record);
  return parsed.success ? parsed.data : undefined;
}

/**
 * The history after one more record. Pure, and the only way in which a run changes: live and after a restart.
 * Records about runs that are not known (their beginning was compacted away) change nothing.
 */
export function applyActionRecord(history: ActionHistory, record: ActionRecord): ActionHistory {
  if (record.kind === "action.stop_all") {
    const stopped = record.isStopped
      ? { by: record.by, reason: record.reason, sinceMs: record.atMs }
      : undefined;
    return { ...history, stopped };
  }
  const known = history.runs.get(record.id);
  const next = record.kind === "action.decided" ? decided(record, known) : known && changed(known, record);
  if (!next) return history;
  const runs = new Map(history.runs);
  runs.set(next.id, next);
  return { ...history, runs };
}

function decided(
  record: Extract<ActionRecord, { kind: "action.decided" }>,
  known: ActionRun | undefined,
): ActionRun {
  return {
    id: record.id,
    key: record.key,
    action: record.action,
    type: record.type,
    mode: record.mode,
    trigger: record.trigger,
    plan: record.plan ?? undefined,
    guards: record.guards,
    state: record.state,
    decidedAtMs: record.atMs,
    expiresAtMs: record.expiresAtMs ?? undefined,
    requestedBy: record.requestedBy ?? undefined,
    answer: known?.answer,
    lapse: undefined,
    attempts: 0,
    startedAtMs: undefined,
    finishedAtMs: undefined,
    outcome: undefined,
    message: undefined,
    before: undefined,
    after: undefined,
    verdict: undefined,
    verdictReason: undefined,
    verifiedAtMs: undefined,
    revert: undefined,
  };
}

function changed(
  run: ActionRun,
  record: Exclude<ActionRecord, { kind: "action.decided" | "action.stop_all" }>,
): ActionRun {
  const { atMs } = record;
  switch (record.kind) {
    case "action.answered": {
      const { answer, by, reason } = record;
      return {
        ...run,
        state: answer === "approved" ? "ready" : "declined",
        answer: { answer, by, reason, atMs },
      };
    }
    case "action.lapsed":
      return { ...run, state: record.state, lapse: record.reason };
    case "action.started":
      if (record.phase === "revert") {
        const startedAtMs = run.revert?.startedAtMs ?? atMs;
        const revert = { startedAtMs, attempts: record.attempt, finishedAtMs: undefined, outcome: undefined };
        return { ...run, state: "reverting", revert: { ...revert, message: undefined } };
      }
      return {
        ...run,
        state: "acting",
        attempts: record.attempt,
        startedAtMs: run.startedAtMs ?? atMs,
        before: record.before ?? run.before,
      };
    case "action.finished": {
      const { outcome, message } = record;
      if (record.phase === "act") {
        const state: ActionState = outcome === "failed" ? "failed" : "verifying";
        return { ...run, state, finishedAtMs: atMs, outcome, message };
      }
      if (!run.revert) return run;
      return { ...run, state: "done", revert: { ...run.revert, finishedAtMs: atMs, outcome, message } };
    }
    case "action.verified":
      return {
        ...run,
        state: "done",
        verdict: record.verdict,
        verdictReason: record.reason,
        verifiedAtMs: atMs,
        after: record.after ?? undefined,
      };
  }
}

/** Whether nothing more will happen to the run by itself. */
export function isOver(state: ActionState): boolean {
  return (
    state === "dry-run" ||
    state === "declined" ||
    state === "expired" ||
    state === "withdrawn" ||
    state === "failed" ||
    state === "done"
  );
}

/** Whether the run has changed the world, or may have, and its effect is not known yet. */
export function isInProgress(state: ActionState): boolean {
  return state === "acting" || state === "verifying" || state === "reverting";
}

/**
 * When the run counts against cooldown and daily limit: when it started. Dry runs count among themselves, so that they show
 * what `auto` would do, and hold up nothing that is real.
 */
export function countedAtMs(run: ActionRun, mode: ActionConfig["mode"]): UnixMs | undefined {
  return run.startedAtMs ?? (run.state === "dry-run" && mode === "dry-run" ? run.decidedAtMs : undefined);
}

/** How long finished runs are kept in the journal. */
export interface HistoryRetention {
  readonly keepMs: number;
  readonly keepRuns: number;
}

export const DEFAULT_RETENTION: HistoryRetention = { keepMs: 90 * DAY_MS, keepRuns: 1_000 };

/**
 * Which records still matter: all of unfinished runs, of the newest finished ones, and the last switch.
 * Nothing younger than `keepMs` is forgotten while fewer than `keepRuns` are kept.
 */
export function keepActionRecords(
  records: readonly JournalRecord[],
  nowMs: UnixMs,
  retention: HistoryRetention = DEFAULT_RETENTION,
): readonly JournalRecord[] {
  let history: ActionHistory = { runs: new Map(), stopped: undefined };
  const parsed = records.map((record) => ({ record, action: parseActionRecord(record) }));
  for (const { action } of parsed) if (action) history = applyActionRecord(history, action);
  const finished = [...history.runs.values()]
    .filter((run) => isOver(run.state))
    .sort((a, b) => b.decidedAtMs - a.decidedAtMs);
  const forgotten = new Set(
    finished
      .filter((run, index) => index >= retention.keepRuns || nowMs - run.decidedAtMs > retention.keepMs)
      .map(({ id }) => id),
  );
  const lastSwitch = parsed.findLast(({ action }) => action?.kind === "action.stop_all")?.record;
  // Answers are remembered across later decisions, so that the first decision is needed to find them.
  const firstDecision = new Map<string, JournalRecord>();
  const lastDecision = new Map<string, JournalRecord>();
  for (const { record, action } of parsed) {
    if (action?.kind !== "action.decided") continue;
    if (!firstDecision.has(action.id)) firstDecision.set(action.id, record);
    lastDecision.set(action.id, record);
  }
  return parsed
    .filter(({ record, action }) => {
      // A newer version's record is not ours to throw away.
      if (!action) return true;
      if (action.kind === "action.stop_all") return record === lastSwitch;
      if (action.kind === "action.decided") {
        const isEdge = firstDecision.get(action.id) === record || lastDecision.get(action.id) === record;
        return isEdge && !forgotten.has(action.id);
      }
      return history.runs.has(action.id) && !forgotten.has(action.id);
    })
    .map(({ record }) => record);
}
