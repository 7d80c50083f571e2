import type { SpoolBatch } from "../../spool/record.js";
import type { SqlParams } from "../sql.js";

/** A condition that one row fulfils, for asking whether it is there. */
export interface Landmark {
  readonly where: string;
  readonly params: SqlParams;
}

/** Rows of one table that go into one partition on one shard, ready to be sent. */
export interface EncodedInsert {
  /** Days since the epoch (UTC): a day is a partition. */
  readonly day: number;
  /** Number of the shard. */
  readonly shard: number;
  readonly rows: number;
  readonly landmark: Landmark;
  /** In ClickHouse's Native format; its buffer holds nothing else. */
  readonly block: Uint8Array<ArrayBuffer>;
}

/** What one batch has for one table. */
export interface EncodedTable {
  readonly table: string;
  readonly columns: readonly string[];
  /** Rows that could be read: those of the inserts, and those outside of the retention. */
  readonly rows: number;
  /** Rows that are older than the retention, or more than a day ahead of the clock. */
  readonly outOfTime: number;
  /** Records that could not be read. */
  readonly malformed: number;
  /** Why the first of them could not; "" when there is none. */
  readonly malformedReason: string;
  readonly inserts: readonly EncodedInsert[];
}

/** What a batch of the spool comes to in the store. */
export interface EncodedBatch {
  readonly traces: EncodedTable;
  readonly logs: EncodedTable;
}

/** Turns batches of the spool into what is sent to the store; the same batch always into the same bytes. */
export interface BatchEncoder {
  /** @throws {CollectorError} STORE_ENCODER_FAILED (retryable): nothing is lost, encode it again */
  encode(batch: Pick<SpoolBatch, "records" | "token">): Promise<EncodedBatch>;
  /** Callable twice. */
  close(): Promise<void>;
}

/** What the rows of a batch depend on besides its bytes. */
export interface EncoderSettings {
  readonly shardCount: number;
  readonly retentionMs: { readonly traces: number; readonly logs: number };
}
