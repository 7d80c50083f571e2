import { messageOf, type UnixMs } from "@tocsin/model";
import type { SpoolRecord } from "../../spool/record.js";
import { dayOf, TimeWindow } from "../native/time-window.js";
import type { Placement } from "../placement.js";
import type { EncodedInsert, EncodedTable, Landmark } from "./encoded-batch.js";
import type { RowSource } from "./row-source.js";

interface Decoded<C> {
  readonly columns: C;
  readonly receivedAtMs: UnixMs;
  readonly window: TimeWindow;
}

interface Destination {
  readonly day: number;
  readonly shard: number;
  readonly landmark: Landmark;
  rows: number;
}

/**
 * Makes the blocks of one table out of records, one for each day (nearly always one) on each shard: a day is a
 * partition, and each partition tells repeated inserts apart by itself.
 */
export class TableEncoder<C extends { readonly rowCount: number }> {
  readonly #source: RowSource<C>;
  readonly #placement: Placement;
  readonly #retentionMs: number;

  constructor(source: RowSource<C>, placement: Placement, retentionMs: number) {
    this.#source = source;
    this.#placement = placement;
    this.#retentionMs = retentionMs;
  }

  /** @param batchShard the shard of rows that do not say theirs */
  encode(records: readonly SpoolRecord[], batchShard: number): EncodedTable {
    const { table, block } = this.#source;
    const { decoded, malformed, malformedReason } = this.#decode(records);
    const destinations = new Map<number, Destination>();
    let rows = 0;
    let outOfTime = 0;
    for (const { columns, receivedAtMs, window } of decoded) {
      rows += columns.rowCount;
      for (let row = 0; row < columns.rowCount; row++) {
        const timeMs = this.#source.timeMs(columns, row, receivedAtMs);
        if (!window.contains(timeMs)) {
          outOfTime += 1;
          continue;
        }
        const day = dayOf(timeMs);
        const shard = this.#source.shardOf(columns, row, this.#placement) ?? batchShard;
        const key = day * this.#placement.shardCount + shard;
        const known = destinations.get(key);
        if (known) known.rows += 1;
        else {
          const landmark = this.#source.landmark(columns, row, receivedAtMs);
          destinations.set(key, { day, shard, landmark, rows: 1 });
        }
      }
    }
    const inserts = [...destinations.values()].map((destination) =>
      this.#insert(destination, decoded, batchShard),
    );
    return { table, columns: block.names, rows, outOfTime, malformed, malformedReason, inserts };
  }

  #decode(records: readonly SpoolRecord[]) {
    const decoded: Decoded<C>[] = [];
    let malformed = 0;
    let malformedReason = "";
    for (const { signal, body, receivedAtMs } of records) {
      if (signal !== this.#source.signal) continue;
      try {
        const columns = this.#source.decode(body);
        decoded.push({ columns, receivedAtMs, window: TimeWindow.kept(receivedAtMs, this.#retentionMs) });
      } catch (error) {
        // Receivers check what they take; this is a record from before a check was added.
        malformed += 1;
        malformedReason ||= messageOf(error);
      }
    }
    return { decoded, malformed, malformedReason };
  }

  #insert(
    { day, shard, rows, landmark }: Destination,
    decoded: readonly Decoded<C>[],
    batchShard: number,
  ): EncodedInsert {
    const { block, append, shardOf } = this.#source;
    const placement = this.#placement;
    block.clear();
    for (const { columns, window, receivedAtMs } of decoded) {
      const isOnShard = (row: number): boolean => (shardOf(columns, row, placement) ?? batchShard) === shard;
      append(columns, window.onDay(day), receivedAtMs, placement.shardCount > 1 ? isOnShard : undefined);
    }
    return { day, shard, rows, landmark, block: block.copy() };
  }
}
