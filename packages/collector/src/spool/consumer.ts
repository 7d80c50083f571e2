import type { Cursor } from "./cursor.js";
import type { Ledger } from "./ledger.js";
import {
  comparePositions,
  type Settlement,
  type SpoolBatch,
  type SpoolConsumer,
  type SpoolPosition,
  type SpoolRecord,
} from "./record.js";

/** Records of one segment, in order. */
export interface SpoolReading {
  readonly records: readonly SpoolRecord[];
  /** Place after each record. */
  readonly ends: readonly SpoolPosition[];
  /** Where the next reading begins. */
  readonly end: SpoolPosition;
  readonly segmentId: string;
  readonly damagedRecords: number;
  readonly damagedBytes: number;
}

/** What a consumer needs of the log. */
export interface ConsumerSource {
  end(): SpoolPosition;
  /** The place itself, or the nearest one after it that exists. */
  normalize(position: SpoolPosition): SpoolPosition;
  /** Records of one segment from `position` on; undefined when there are none yet. */
  read(
    position: SpoolPosition,
    maxBytes: number,
    until: SpoolPosition | undefined,
  ): Promise<SpoolReading | undefined>;
  /** Calls `listener` after every append and at closing; returns how to stop that. */
  onAppend(listener: () => void): () => void;
  /** Told after every commit. */
  committed(): Promise<void>;
  /** Told when a reader comes for more, so has dealt with what it had. */
  moved(): void;
  bytesBetween(from: SpoolPosition, to: SpoolPosition): number;
  readonly maxUncommittedBytes: number;
  /** Segments before this one are those of earlier processes. */
  readonly firstOwnSegment: number;
  isClosed(): boolean;
  readonly isSynced: boolean;
}

const DEFAULT_BATCH_BYTES = 4 * 1024 * 1024;
const ORIGIN: SpoolPosition = { segment: 0, offset: 0 };

/**
 * One reader of the log.
 *
 * The end of a batch is written down before the batch is handed out, so that after a crash the same records come in the
 * same batch with the same token, and whoever inserts them can tell that it has them already.
 */
export class Consumer implements SpoolConsumer {
  readonly name: string;
  #cursor: Cursor;
  #source: ConsumerSource;
  readonly #ledger: Ledger;
  #position: SpoolPosition;
  #committed: SpoolPosition;
  #pending: SpoolPosition | undefined;

  constructor(name: string, cursor: Cursor, source: ConsumerSource, ledger: Ledger) {
    this.name = name;
    this.#ledger = ledger;
    this.#cursor = cursor;
    this.#source = source;
    this.#committed = cursor.state?.position ?? ORIGIN;
    this.#position = this.#committed;
    this.#pending = cursor.state?.pending;
  }

  get position(): SpoolPosition {
    return this.#position;
  }

  /** The durable place: segments before it are no longer needed by this consumer. */
  get committed(): SpoolPosition {
    return this.#committed;
  }

  get isOverdue(): boolean {
    return this.#source.bytesBetween(this.#committed, this.#position) > this.#source.maxUncommittedBytes;
  }

  async read(
    options: { maxBytes?: number; signal?: AbortSignal; wait?: boolean } = {},
  ): Promise<SpoolBatch | undefined> {
    const { maxBytes = DEFAULT_BATCH_BYTES, signal, wait = true } = options;
    this.#source.moved();
    for (;;) {
      if (signal?.aborted || this.#source.isClosed()) return undefined;
      const start = this.#source.normalize(this.#position);
      const until = this.#pending && comparePositions(this.#pending, start) > 0 ? this.#pending : undefined;
      const reading = await this.#source.read(start, maxBytes, until);
      if (reading === undefined) {
        this.#position = start;
        if (!wait) return undefined;
        await this.#wait(start, signal);
        continue;
      }
      this.#position = reading.end;
      this.#ledger.damaged(reading.damagedRecords, reading.damagedBytes);
      // Nothing but damage: go on behind it.
      if (reading.records.length === 0) continue;
      // In hand from the moment they are no longer unread: whoever looks meanwhile would miss them in both.
      this.#ledger.read(reading.records.length, start.segment < this.#source.firstOwnSegment);
      if (until === undefined) {
        this.#pending = reading.end;
        await this.#cursor.save({ position: this.#committed, pending: reading.end }, false).catch(() => {
          // Without a disk the boundary is kept in memory alone; a crash now may repeat the batch under another token.
        });
      }
      const token = `${reading.segmentId}-${start.segment}-${start.offset}-${reading.end.offset}`;
      return { records: reading.records, ends: reading.ends, start, position: reading.end, token };
    }
  }

  /** Records that were handed out and not settled. */
  get inHand(): number {
    return this.#ledger.inHand;
  }

  settle(records: number, settlement: Settlement): void {
    this.#ledger.settle(records, settlement);
  }

  async commit(position: SpoolPosition): Promise<void> {
    this.#committed = position;
    const pending =
      this.#pending && comparePositions(this.#pending, position) > 0 ? this.#pending : undefined;
    await this.#cursor.save({ position, pending }, this.#source.isSynced);
    await this.#source.committed();
  }

  /** Whether it was never here before. */
  get isNew(): boolean {
    return this.#cursor.state === undefined;
  }

  /** Makes `position` its durable place without letting go of anything, while the spool is being opened. */
  async begin(position: SpoolPosition): Promise<void> {
    this.#position = position;
    this.#committed = position;
    this.#pending = undefined;
    await this.#cursor.save({ position, pending: undefined }, this.#source.isSynced);
  }

  seek(position: SpoolPosition): void {
    this.#position = position;
    this.#pending = undefined;
  }

  async close(): Promise<void> {
    await this.#cursor.close();
  }

  /** Waits for a record after `position`, the end of waiting, or closing. */
  async #wait(position: SpoolPosition, signal: AbortSignal | undefined): Promise<void> {
    await new Promise<void>((resolve) => {
      const end = (): void => {
        stop();
        signal?.removeEventListener("abort", end);
        resolve();
      };
      const stop = this.#source.onAppend(end);
      signal?.addEventListener("abort", end, { once: true });
      // What came between the look and the listening would be missed.
      if (comparePositions(this.#source.end(), position) > 0 || signal?.aborted || this.#source.isClosed())
        end();
    });
  }
}
