import type { UnixMs } from "@tocsin/model";
import type { JournalRecord } from "../journal.js";

/** Somebody has taken an alert on. It stops repeats and escalation, not the news of its end; it ends with the alert. */
export interface Acknowledgement {
  /** Of one episode: the next time the same labels fire, nobody has taken them on. */
  readonly alertId: string;
  readonly by: string;
  readonly atMs: UnixMs;
  readonly comment: string;
}

interface AckRecord extends JournalRecord {
  readonly kind: "acknowledgement.set";
  readonly acknowledgement: Acknowledgement;
}

export class Acknowledgements {
  readonly #byId = new Map<string, Acknowledgement>();
  readonly #write: (record: JournalRecord) => Promise<void>;

  constructor(write: (record: JournalRecord) => Promise<void>) {
    this.#write = write;
  }

  restore(record: JournalRecord): void {
    if (record.kind !== "acknowledgement.set") return;
    const { acknowledgement } = record as AckRecord;
    this.#byId.set(acknowledgement.alertId, acknowledgement);
  }

  get(alertId: string): Acknowledgement | undefined {
    return this.#byId.get(alertId);
  }

  async set(acknowledgement: Acknowledgement): Promise<void> {
    await this.#write({
      kind: "acknowledgement.set",
      atMs: acknowledgement.atMs,
      acknowledgement,
    } as AckRecord);
    this.#byId.set(acknowledgement.alertId, acknowledgement);
  }

  /** Forgets acknowledgements of alerts that are over. */
  forget(isOver: (alertId: string) => boolean): void {
    for (const id of this.#byId.keys()) if (isOver(id)) this.#byId.delete(id);
  }
}

/** Longer than any alert is worth remembering. For the journal's compaction. */
const RETENTION_MS = 30 * 86_400_000;

export function keepAcknowledgements(records: readonly JournalRecord[], nowMs: UnixMs): JournalRecord[] {
  return records.filter((record) => nowMs - record.atMs < RETENTION_MS);
}
