import type { UnixMs } from "@tocsin/model";
import { isOn } from "../alert.js";
import type { JournalRecord } from "../journal.js";
import type { AlertRuleSource } from "./source.js";
import { NO_ALERTS, RESOLVED_RETENTION_MS, type RuleAlerts, shiftAlert, type TrackedAlert } from "./state.js";

/** A pending alert whose condition was last seen longer ago than this starts anew, as in Prometheus. */
const OUTAGE_TOLERANCE_MS = 3_600_000;

/** Pending alerts are written down again this often, so that the journal knows when they were last seen. */
export const PENDING_REFRESH_MS = 600_000;

/** The alerts of every rule, by source and rule id, folded from the journal. */
export class AlertStore {
  readonly #sources = new Map<string, Map<string, RuleAlerts>>();

  /** The alerts of one rule. */
  get(source: string, ruleId: string): RuleAlerts {
    return this.#sources.get(source)?.get(ruleId) ?? NO_ALERTS;
  }

  set(source: string, ruleId: string, alerts: RuleAlerts): void {
    let rules = this.#sources.get(source);
    if (alerts.size === 0 && !rules) return;
    if (!rules) {
      rules = new Map();
      this.#sources.set(source, rules);
    }
    if (alerts.size === 0) rules.delete(ruleId);
    else rules.set(ruleId, alerts);
  }

  *all(): Iterable<TrackedAlert> {
    for (const rules of this.#sources.values()) for (const alerts of rules.values()) yield* alerts.values();
  }

  /** Rules with alerts in one source. */
  rulesOf(source: string): ReadonlyMap<string, RuleAlerts> {
    return this.#sources.get(source) ?? new Map();
  }

  update(source: string, change: (alerts: RuleAlerts) => RuleAlerts): void {
    for (const [ruleId, alerts] of this.rulesOf(source)) this.set(source, ruleId, change(alerts));
  }

  /** Takes back a record of the journal; the later one counts. */
  restore(record: JournalRecord): void {
    if (!isStateRecord(record)) return;
    for (const { ruleId, ...tracked } of record.changes) {
      const { alert } = tracked;
      const alerts = new Map(this.get(alert.source, ruleId));
      if (alert.state === "inactive") alerts.delete(alert.fingerprint);
      else alerts.set(alert.fingerprint, tracked);
      this.set(alert.source, ruleId, alerts);
    }
  }

  /**
   * Drops what a restart must not bring back: pending alerts after a long outage, resolved ones past their time.
   *
   * @returns the gone rules' alerts that were on: nobody evaluates them any more, so they end
   */
  settle(sources: readonly AlertRuleSource[], nowMs: UnixMs): { ruleId: string; tracked: TrackedAlert }[] {
    const known = new Map(
      sources.map((source) => [source.name, new Set(source.rules().map((rule) => rule.id))]),
    );
    const orphans: { ruleId: string; tracked: TrackedAlert }[] = [];
    for (const [source, rules] of this.#sources) {
      for (const [ruleId, alerts] of [...rules]) {
        const isKnown = known.get(source)?.has(ruleId) ?? false;
        const kept = new Map<string, TrackedAlert>();
        for (const [key, written] of alerts) {
          // Written down by a clock that was ahead of today's, not just a tick of a timer.
          const aheadMs = written.alert.updatedAtMs - nowMs;
          const tracked = aheadMs > 1_000 ? shiftAlert(written, -aheadMs) : written;
          const { alert } = tracked;
          const isStale = alert.state === "pending" && nowMs - alert.updatedAtMs > OUTAGE_TOLERANCE_MS;
          const isOver = alert.state === "resolved" && nowMs - (alert.endsAtMs ?? 0) > RESOLVED_RETENTION_MS;
          if (!isKnown && isOn(alert.state)) {
            orphans.push({
              ruleId,
              tracked: {
                alert: {
                  ...alert,
                  state: "resolved",
                  endsAtMs: Math.max(nowMs, alert.startsAtMs ?? 0),
                  updatedAtMs: nowMs,
                },
              },
            });
          } else if (!isStale && !isOver && (isKnown || alert.state === "resolved")) kept.set(key, tracked);
        }
        this.set(source, ruleId, kept);
      }
    }
    return orphans;
  }
}

interface StateRecord extends JournalRecord {
  readonly kind: "alert.state";
  readonly changes: readonly (TrackedAlert & { readonly ruleId: string })[];
}

/** One record for all changes of one evaluation, so that one fsync makes them durable. */
export function stateRecord(
  changes: readonly { readonly ruleId: string; readonly tracked: TrackedAlert }[],
  nowMs: UnixMs,
): StateRecord {
  return {
    kind: "alert.state",
    atMs: nowMs,
    changes: changes.map(({ ruleId, tracked }) => ({ ...tracked, ruleId })),
  };
}

function isStateRecord(record: JournalRecord): record is StateRecord {
  return record.kind === "alert.state" && Array.isArray((record as { changes?: unknown }).changes);
}

/** Keeps one record with the last state of every alert that still has one. For the journal's compaction. */
export function keepAlerts(records: readonly JournalRecord[], nowMs: UnixMs): JournalRecord[] {
  const last = new Map<string, StateRecord["changes"][number]>();
  const others: JournalRecord[] = [];
  for (const record of records) {
    if (!isStateRecord(record)) {
      others.push(record);
      continue;
    }
    for (const change of record.changes) {
      const key = `${change.alert.source}\u0001${change.ruleId}\u0001${change.alert.fingerprint}`;
      if (isForgotten(change, nowMs)) last.delete(key);
      else last.set(key, change);
    }
  }
  return last.size === 0
    ? others
    : [...others, { kind: "alert.state", atMs: nowMs, changes: [...last.values()] } as StateRecord];
}

function isForgotten({ alert }: TrackedAlert, nowMs: UnixMs): boolean {
  return (
    alert.state === "inactive" ||
    (alert.state === "resolved" && nowMs - (alert.endsAtMs ?? 0) > RESOLVED_RETENTION_MS)
  );
}
