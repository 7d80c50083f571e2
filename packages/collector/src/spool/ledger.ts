import type { SpoolMetrics } from "./metrics.js";
import type { Settlement } from "./record.js";

/**
 * Accounts for every record that one consumer was handed:
 * read = passed on + passed over + dropped (by reason) + in hand.
 */
export class Ledger {
  readonly #consumer: string;
  readonly #metrics: SpoolMetrics;
  #read = 0;
  #settled = 0;

  constructor(consumer: string, metrics: SpoolMetrics) {
    this.#consumer = consumer;
    this.#metrics = metrics;
  }

  /** Records that were handed out and not accounted for yet. */
  get inHand(): number {
    return this.#read - this.#settled;
  }

  /** @param isReplay whether an earlier process appended them */
  read(records: number, isReplay: boolean): void {
    this.#read += records;
    this.#metrics.readRecords.inc({ consumer: this.#consumer }, records);
    if (isReplay) this.#metrics.replayedRecords.inc({ consumer: this.#consumer }, records);
  }

  damaged(records: number, bytes: number): void {
    if (records === 0) return;
    this.#metrics.damagedRecords.inc({ consumer: this.#consumer }, records);
    this.#metrics.damagedBytes.inc({ consumer: this.#consumer }, bytes);
  }

  settle(records: number, settlement: Settlement): void {
    if (records === 0) return;
    this.#settled += records;
    const [outcome, reason] =
      typeof settlement === "string" ? [settlement, ""] : ["dropped", settlement.dropped];
    this.#metrics.settledRecords.inc({ consumer: this.#consumer, outcome, reason }, records);
  }
}
