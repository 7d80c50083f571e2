import { type Journal, type JournalRecord, readPart } from "@tocsin/alerts";
import type { Clock } from "@tocsin/model";
import type { SloTracker } from "./tracker.js";

/** A correction as it is written down: what was taken out of which SLO, by whom and why. */
export interface CorrectionRecord extends JournalRecord {
  readonly kind: "slo.corrected";
  readonly slo: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly reason: string;
  readonly by: string;
}

/**
 * Corrections of SLOs that people enter while the collector runs, audited: each is in the journal before it has any
 * effect, and takes effect again after a restart.
 */
export class CorrectionBook {
  readonly #tracker: SloTracker;
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #records: CorrectionRecord[] = [];

  private constructor(tracker: SloTracker, journal: Journal, clock: Clock) {
    this.#tracker = tracker;
    this.#journal = journal;
    this.#clock = clock;
  }

  /** Reads the journal and applies what it holds; a correction that the SLO already knows changes nothing. */
  static async open(deps: { tracker: SloTracker; journal: Journal; clock: Clock }): Promise<CorrectionBook> {
    const book = new CorrectionBook(deps.tracker, deps.journal, deps.clock);
    for await (const record of readPart(deps.journal, "slo", readRecord)) {
      book.#records.push(record);
      book.#apply(record);
    }
    return book;
  }

  /** Of one SLO, newest first. */
  list(slo: string): readonly CorrectionRecord[] {
    return this.#records.filter((record) => record.slo === slo).reverse();
  }

  /**
   * Takes the events of a stretch of time out of an SLO.
   *
   * @returns how many events that were, or undefined when there is no such SLO
   */
  async add(correction: {
    slo: string;
    fromMs: number;
    toMs: number;
    reason: string;
    by: string;
  }): Promise<number | undefined> {
    if (!this.#tracker.find(correction.slo)) return undefined;
    const record: CorrectionRecord = { kind: "slo.corrected", atMs: this.#clock.now(), ...correction };
    await this.#journal.append(record);
    this.#records.push(record);
    return this.#apply(record);
  }

  #apply({ slo, fromMs, toMs, reason }: CorrectionRecord): number | undefined {
    return this.#tracker.exclude(slo, { kind: "once", fromMs, toMs, reason });
  }
}

function readRecord(record: JournalRecord): CorrectionRecord | undefined {
  const { kind, slo, fromMs, toMs } = record as Partial<CorrectionRecord>;
  const isWhole =
    kind === "slo.corrected" && typeof slo === "string" && Number.isFinite(fromMs) && Number.isFinite(toMs);
  return isWhole ? (record as CorrectionRecord) : undefined;
}
