import { type Logger, messageOf, type UnixMs } from "@tocsin/model";
import { CollectorError } from "../errors.js";
import type { SpoolBatch } from "../spool/record.js";
import type { StoreDropReason, StoreMetrics } from "./metrics.js";
import { dayOf, TimeWindow } from "./native/time-window.js";
import type { Landmark, RowSource } from "./row-source.js";
import type { Shards } from "./shards.js";
import type { Sql } from "./sql.js";

export interface TableWriterDeps {
  readonly shards: Shards;
  readonly metrics: StoreMetrics;
  readonly logger: Logger;
  readonly retentionMs: number;
}

interface Decoded<C> {
  readonly columns: C;
  readonly receivedAtMs: UnixMs;
  readonly window: TimeWindow;
}

/** Rows of one batch that go into one partition on one shard. */
interface Insert {
  readonly day: number;
  readonly shard: number;
  rows: number;
  readonly landmark: Landmark;
}

/** What became of the rows of one batch in one table. */
export interface TableResult<C> {
  readonly decoded: readonly Decoded<C>[];
  readonly written: number;
  readonly dropped: Readonly<Record<StoreDropReason, number>>;
}

/**
 * Writes the rows of one table, one insert for each day (nearly always one) on each shard: a day is a partition, and
 * each partition tells repeated inserts apart by itself.
 */
export class TableWriter<C extends { readonly rowCount: number }> {
  readonly #source: RowSource<C>;
  readonly #deps: TableWriterDeps;

  constructor(source: RowSource<C>, deps: TableWriterDeps) {
    this.#source = source;
    this.#deps = deps;
  }

  /**
   * @param mayBeRepeat whether an earlier attempt for this batch may have reached the engine
   * @returns what became of the rows, once all of them are in the table; to be counted when the whole batch is done
   */
  async write(batch: SpoolBatch, mayBeRepeat: boolean): Promise<TableResult<C>> {
    const dropped: Record<StoreDropReason, number> = { malformed: 0, time: 0, refused: 0 };
    const decoded = this.#decode(batch, dropped);
    const { shards } = this.#deps;
    const batchShard = shards.ofToken(batch.token);
    const inserts = new Map<number, Insert>();
    for (const { columns, receivedAtMs, window } of decoded) {
      for (let row = 0; row < columns.rowCount; row++) {
        const timeMs = this.#source.timeMs(columns, row, receivedAtMs);
        if (!window.contains(timeMs)) {
          dropped.time += 1;
          continue;
        }
        const day = dayOf(timeMs);
        const shard = this.#source.shardOf(columns, row, shards) ?? batchShard;
        const known = inserts.get(day * shards.all.length + shard);
        if (known) known.rows += 1;
        else {
          const landmark = this.#source.landmark(columns, row, receivedAtMs);
          inserts.set(day * shards.all.length + shard, { day, shard, rows: 1, landmark });
        }
      }
    }
    let written = 0;
    for (const insert of inserts.values()) {
      const { day, shard, rows } = insert;
      const { block, append, shardOf } = this.#source;
      block.clear();
      for (const { columns, window, receivedAtMs } of decoded) {
        const isOnShard = (row: number) => (shardOf(columns, row, shards) ?? batchShard) === shard;
        append(columns, window.onDay(day), receivedAtMs, shards.all.length > 1 ? isOnShard : undefined);
      }
      if (await this.#insert(batch.token, insert, mayBeRepeat)) written += rows;
      else dropped.refused += rows;
    }
    return { decoded, written, dropped };
  }

  count({ decoded, written, dropped }: TableResult<C>): void {
    const { metrics } = this.#deps;
    const { table } = this.#source;
    const rows = decoded.reduce((sum, { columns }) => sum + columns.rowCount, 0);
    // A malformed record counts as one row: how many it holds is not known.
    metrics.accepted.inc({ table }, rows + dropped.malformed);
    metrics.written.inc({ table }, written);
    for (const [reason, count] of Object.entries(dropped)) {
      if (count > 0) metrics.dropped.inc({ table, reason }, count);
    }
  }

  #decode(batch: SpoolBatch, dropped: Record<StoreDropReason, number>): Decoded<C>[] {
    const decoded: Decoded<C>[] = [];
    for (const { signal, body, receivedAtMs } of batch.records) {
      if (signal !== this.#source.signal) continue;
      try {
        const columns = this.#source.decode(body);
        decoded.push({
          columns,
          receivedAtMs,
          window: TimeWindow.kept(receivedAtMs, this.#deps.retentionMs),
        });
      } catch (error) {
        // Receivers check what they take; this is a record from before a check was added.
        dropped.malformed += 1;
        const { table } = this.#source;
        this.#deps.logger.warn(
          { table, reason: messageOf(error) },
          "a record could not be decoded and was left out",
        );
      }
    }
    return decoded;
  }

  /** False when the engine called the rows invalid, which no repetition changes. */
  async #insert(
    batchToken: string,
    { day, shard, landmark }: Insert,
    mayBeRepeat: boolean,
  ): Promise<boolean> {
    const { table, block } = this.#source;
    const sql = this.#deps.shards.at(shard);
    const token = `${batchToken}/${table}/${day}`;
    const insert = { table, columns: block.names, parts: block.parts(), token };
    try {
      await sql.insertNative(insert);
      if (mayBeRepeat && !(await this.#isThere(sql, landmark))) {
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
  async #isThere(sql: Sql, { where, params }: Landmark): Promise<boolean> {
    if (this.#deps.shards.isReplicated) return true;
    const [row] = await sql.query<{ n: number }>(
      `SELECT count() AS n FROM ${this.#source.table} WHERE ${where}`,
      {
        params,
      },
    );
    return (row?.n ?? 0) > 0;
  }
}
