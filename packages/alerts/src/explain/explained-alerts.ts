import type { UnixMs } from "@tocsin/model";
import type { Alert } from "../alert.js";
import type { JournalRecord } from "../journal.js";

interface EvidenceRecord extends JournalRecord {
  readonly kind: "alert.evidence";
  readonly alert: Alert;
}

/** How long, and of how many alerts, evidence is kept. */
const RETENTION_MS = 90 * 86_400_000;
const MOST_ALERTS = 1_000;

/** Alerts that fired, with their evidence, long after they ended; the last 1,000 of 90 days. */
export class ExplainedAlerts {
  readonly #byId = new Map<string, Alert>();
  readonly #write: (record: JournalRecord) => Promise<void>;

  constructor(write: (record: JournalRecord) => Promise<void>) {
    this.#write = write;
  }

  restore(record: JournalRecord): void {
    if (isEvidenceRecord(record)) this.#set(record.alert);
  }

  /** Keeps an alert as it is now; a later call for the same episode replaces it. */
  async keep(alert: Alert, nowMs: UnixMs): Promise<void> {
    const kept = this.withEvidence(alert);
    this.#set(kept);
    await this.#write({ kind: "alert.evidence", atMs: nowMs, alert: kept } as EvidenceRecord);
  }

  /** An alert with everything that was found out about this episode, also before a restart. */
  withEvidence(alert: Alert): Alert {
    const known = this.#byId.get(alert.id)?.evidence;
    return known && alert.evidence ? { ...alert, evidence: { ...known, ...alert.evidence } } : alert;
  }

  /** By id, or by fingerprint for the latest episode. */
  find(name: string): Alert | undefined {
    const exact = this.#byId.get(name);
    if (exact) return exact;
    return [...this.#byId.values()]
      .filter(({ fingerprint }) => fingerprint === name)
      .sort((a, b) => b.activeAtMs - a.activeAtMs)[0];
  }

  /** Oldest first. */
  all(): Alert[] {
    return [...this.#byId.values()];
  }

  #set(alert: Alert): void {
    this.#byId.delete(alert.id);
    this.#byId.set(alert.id, alert);
    for (const oldest of this.#byId.keys()) {
      if (this.#byId.size <= MOST_ALERTS) break;
      this.#byId.delete(oldest);
    }
  }
}

/** The last record of each of the last alerts. For the journal's compaction. */
export function keepEvidence(records: readonly JournalRecord[], nowMs: UnixMs): JournalRecord[] {
  const last = new Map<string, EvidenceRecord>();
  for (const record of records) {
    if (!isEvidenceRecord(record) || nowMs - record.atMs > RETENTION_MS) continue;
    last.delete(record.alert.id);
    last.set(record.alert.id, record);
  }
  return [...last.values()].slice(-MOST_ALERTS);
}

export function isEvidenceRecord(record: JournalRecord): record is EvidenceRecord {
  const { alert } = record as Partial<EvidenceRecord>;
  return record.kind === "alert.evidence" && typeof alert?.id === "string";
}
