import type { UnixMs } from "@tocsin/model";

/**
 * One durable fact. `kind` is `<part>.<what>` (`action.started`, `silence.added`) and tells the shape of the
 * other fields, which are plain JSON: what cannot be written as JSON cannot be remembered.
 */
export interface JournalRecord {
  readonly kind: string;
  /** When the fact became true, by the writer's clock. */
  readonly atMs: UnixMs;
}

/**
 * Append-only memory that outlives the process: alert state, silences, the notification outbox, actions.
 *
 * State is rebuilt by folding the records in their order. A record is written *before* the world is changed
 * on its account, so that a restart never forgets what was done.
 */
export interface Journal {
  /**
   * Resolves once the record is on the disk (fsync), so that it outlives a kill -9 and a loss of power.
   * Records appended without awaiting keep their order and share one fsync.
   *
   * @throws whatever the disk says; the record is then not there, and whoever wanted to act must not.
   */
  append(record: JournalRecord): Promise<void>;

  /** Every record so far, oldest first; those appended while reading may or may not be seen. */
  read(): AsyncIterable<JournalRecord>;

  /**
   * Says which old records of one part still matter, so that the journal does not grow for ever.
   * Without one, every record of that part is kept.
   */
  addCompaction(compaction: JournalCompaction): void;
}

/** A part's rule for forgetting. It is pure and sees the records on the disk, never the part's memory. */
export interface JournalCompaction {
  /** The part before the dot of the kinds that it owns, such as `action`. */
  readonly part: string;
  /** The records to keep, in order; folding them must give the same state as folding all of them. */
  keep(records: readonly JournalRecord[], nowMs: UnixMs): readonly JournalRecord[];
}

/** The records of one part, typed by the caller's own reader; unknown or damaged ones are skipped by it. */
export async function* readPart<Record>(
  journal: Journal,
  part: string,
  parse: (record: JournalRecord) => Record | undefined,
): AsyncIterable<Record> {
  for await (const record of journal.read()) {
    if (!record.kind.startsWith(`${part}.`)) continue;
    const parsed = parse(record);
    if (parsed !== undefined) yield parsed;
  }
}

/** A journal without a disk, for tests and for modes that have nothing to remember. */
export class MemoryJournal implements Journal {
  readonly records: JournalRecord[] = [];

  async append(record: JournalRecord): Promise<void> {
    this.records.push(structuredClone(record));
  }

  async *read(): AsyncIterable<JournalRecord> {
    yield* structuredClone(this.records);
  }

  addCompaction(): void {}
}
