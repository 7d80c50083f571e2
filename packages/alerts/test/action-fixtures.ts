import type { ActionConfig } from "../src/act/config.js";
import { applyActionRecord } from "../src/act/history.js";
import { type ActionHistory, type ActionRecord, EMPTY_HISTORY } from "../src/act/run.js";
import { firing } from "./action-contract.js";

/** An action as the config gives it: automatic, half an hour of cooldown, twice a day. */
export function action(changes: Partial<ActionConfig> = {}): ActionConfig {
  return {
    name: "rollback",
    mode: "auto",
    type: "webhook",
    settings: {},
    limits: { cooldownMs: 1_800_000, maxPerDay: 2, maxAtOnce: 1 },
    verify: { settleMs: 5_000, windowMs: 30_000, withinMs: 120_000, slo: undefined, revert: "never" },
    timeoutMs: 5_000,
    approvalTimeoutMs: 600_000,
    ...changes,
  };
}

type Decided = Extract<ActionRecord, { kind: "action.decided" }>;

export function decidedRecord(changes: Partial<Decided>): Decided {
  return {
    kind: "action.decided",
    atMs: 0,
    id: "run",
    key: "tocsin-run",
    action: "rollback",
    type: "webhook",
    mode: "auto",
    trigger: firing,
    plan: null,
    guards: [],
    state: "ready",
    requestedBy: null,
    expiresAtMs: null,
    ...changes,
  };
}

export function historyOf(records: readonly ActionRecord[]): ActionHistory {
  return records.reduce(applyActionRecord, EMPTY_HISTORY);
}
