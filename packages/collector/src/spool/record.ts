import type { UnixMs } from "@tocsin/model";
import type { OtlpSignal } from "../otlp/columns.js";

/** What a record of the spool carries: OTLP protobuf requests, or a remote-write v1 `WriteRequest` (uncompressed). */
export type SpoolSignal = OtlpSignal | "samples";

/** One acknowledged request, as the sender's bytes (converted to protobuf where it came in another form). */
export interface SpoolRecord {
  readonly signal: SpoolSignal;
  readonly body: Buffer;
  readonly receivedAtMs: UnixMs;
}

/** A place between two records. Positions are ordered: first by segment, then by offset. */
export interface SpoolPosition {
  /** Number of the segment file. */
  readonly segment: number;
  /** Bytes from the start of that file. */
  readonly offset: number;
}

/** Records in the order of acknowledgement, as handed to one consumer. */
export interface SpoolBatch {
  readonly records: readonly SpoolRecord[];
  /** Place after each record: what to commit when only those up to it are dealt with. */
  readonly ends: readonly SpoolPosition[];
  /** Place before the first record. */
  readonly start: SpoolPosition;
  /** Place after the last record: what to commit once the records are dealt with. */
  readonly position: SpoolPosition;
  /** Names exactly these records: reading the same range again gives the same token (for insert deduplication). */
  readonly token: string;
}

/** What a reader did with a record: its work, nothing (because it is for others), or it had to leave it out. */
export type Settlement = "passed_on" | "passed_over" | { readonly dropped: string };

/** What the spool gives to one reader: its own durable cursor over the common log. */
export interface SpoolConsumer {
  readonly name: string;
  /** Where the next `read` begins. */
  readonly position: SpoolPosition;
  /** Whether what was read but not committed takes so much of the spool that it should be committed soon. */
  readonly isOverdue: boolean;
  /**
   * The next records, at least one and at most about `maxBytes`; waits while there are none.
   * Recently appended records come from memory, without a disk read.
   *
   * For exact repetition after a crash, commit a batch before reading the next.
   *
   * @returns undefined when `signal` is aborted or the spool is closed before there is a record, and with `wait: false`
   * when there is none at the moment
   */
  read(options?: {
    maxBytes?: number;
    signal?: AbortSignal;
    wait?: boolean;
  }): Promise<SpoolBatch | undefined>;
  /**
   * Says what became of records that were handed out. Each is accounted for once, when that is certain; one that is being
   * tried again is not yet.
   *
   * @param dropped reason of a drop: a word that stays the same, for a metric's label
   */
  settle(records: number, settlement: Settlement): void;
  /** Makes `position` durable; segments that every consumer has passed are deleted. */
  commit(position: SpoolPosition): Promise<void>;
  /** Continues reading from another place, for consumers that keep their position elsewhere (a snapshot). */
  seek(position: SpoolPosition): void;
}

/** Orders two positions; negative when `a` is before `b`. */
export function comparePositions(a: SpoolPosition, b: SpoolPosition): number {
  return a.segment - b.segment || a.offset - b.offset;
}
