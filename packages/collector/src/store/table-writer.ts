import type { Logger } from "@tocsin/model";
import { CollectorError } from "../errors.js";
import type { EncodedInsert, EncodedTable, Landmark } from "./encode/encoded-batch.js";
import type { StoreDropReason, StoreMetrics } from "./metrics.js";
import type { Shards } from "./shards.js";
import type { Sql } from "./sql.js";

export interface TableWriterDeps {
  readonly shards: Shards;
  readonly metrics: StoreMetrics;
  readonly logger: Logger;
}

/** What became of the rows of one batch in one table. */
export interface TableResult {
  readonly encoded: EncodedTable;
  readonly written: number;
  readonly dropped: Readonly<Record<StoreDropReason, number>>;
}

/** Sends encoded rows to their tables, in such a way that a repeat adds nothing. */
export class TableWriter {
  readonly #deps: TableWriterDeps;

  constructor(deps: TableWriterDeps) {
    this.#deps = deps;
  }

  /**
   * @param batchToken names the inserts
   * @param mayBeRepeat whether an earlier attempt for this batch may have reached the engine
   * @returns what became of the rows, once all of them are in the table; to be counted when the whole batch is done
   */
  async write(encoded: EncodedTable, batchToken: string, mayBeRepeat: boolean): Promise<TableResult> {
    let written = 0;
    let refused = 0;
    for (const insert of encoded.inserts) {
      if (await this.#insert(encoded, insert, batchToken, mayBeRepeat)) written += insert.rows;
      else refused += insert.rows;
    }
    const { malformed, outOfTime } = encoded;
    return { encoded, written, dropped: { malformed, time: outOfTime, refused } };
  }

  count({ encoded, written, dropped }: TableResult): void {
    const { metrics, logger } = this.#deps;
    const { table, malformed, malformedReason } = encoded;
    // A malformed record counts as one row: how many it holds is not known.
    metrics.accepted.inc({ table }, encoded.rows + malformed);
    metrics.written.inc({ table }, written);
    for (const [reason, count] of Object.entries(dropped)) {
      if (count > 0) metrics.dropped.inc({ table, reason }, count);
    }
    if (malformed > 0) {
      logger.warn(
        { table, records: malformed, reason: malformedReason },
        "records could not be decoded and were left out",
      );
    }
  }

  /** False when the engine called the rows invalid, which no repetition changes. */
  async #insert(
    { table, columns }: EncodedTable,
    { day, shard, landmark, block }: EncodedInsert,
    batchToken: string,
    mayBeRepeat: boolean,
  ): Promise<boolean> {
    const sql = this.#deps.shards.at(shard);
    const token = `${batchToken}/${table}/${day}`;
    const insert = { table, columns, parts: [block], token };
    try {
      await sql.insertNative(insert);
      if (mayBeRepeat && !(await this.#isThere(sql, table, landmark))) {
        await sql.insertNative({ ...insert, token: `${token}/again` });
      }
      return true;
    } catch (error) {
      const code = error instanceof CollectorError ? error.code : "STORE_WRITE_FAILED";
      this.#deps.metrics.insertFailures.inc({ code });
      if (!(error instanceof CollectorError) || error.retryable) throw error;
      this.#deps.logger.error({ table, reason: error.message }, "the engine refused rows; they are left out");
      return false;
    }
  }

  /**
   * The engine notes a token before the rows are in place. Killed between the two it takes the repeat for a duplicate
   * and the rows are lost, so after a repeat one row is looked for. Replicated tables do both in one step.
   */
  async #isThere(sql: Sql, table: string, { where, params }: Landmark): Promise<boolean> {
    if (this.#deps.shards.isReplicated) return true;
    const [row] = await sql.query<{ n: number }>(`SELECT count() AS n FROM ${table} WHERE ${where}`, {
      params,
    });
    return (row?.n ?? 0) > 0;
  }
}
