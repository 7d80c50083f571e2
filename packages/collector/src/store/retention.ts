import { type Cancel, type Clock, every, type Logger, messageOf } from "@tocsin/model";
import type { StoreMetrics } from "./metrics.js";
import { TABLES } from "./schema/tables.js";
import type { Sql, SqlParams } from "./sql.js";

/** What the tables take on disk. */
export interface DiskUsage {
  readonly bytes: number;
  readonly tables: readonly { readonly table: string; readonly bytes: number; readonly rows: number }[];
  /** First day of which there are traces or logs, as YYYY-MM-DD; undefined in an empty store. */
  readonly oldestDay: string | undefined;
}

/** Tables whose days are removed to make room: they hold nearly everything, one partition a day. */
const DAILY_TABLES = TABLES.filter((table) => table.partitionBy.startsWith("toDate(")).map(
  (table) => table.name,
);

const CHECK_PERIOD_MS = 30_000;

export async function diskUsage(sql: Sql): Promise<DiskUsage> {
  const tables = await sql.query<{ table: string; bytes: number; rows: number; oldest: string }>(
    `SELECT table, sum(bytes_on_disk) AS bytes, sum(rows) AS rows,
  toString(minIf(partition, table IN ('otel_traces', 'otel_logs'))) AS oldest
FROM system.parts WHERE active AND database = currentDatabase() GROUP BY table ORDER BY table`,
  );
  const days = tables.map((row) => row.oldest).filter((day) => day !== "");
  return {
    bytes: tables.reduce((sum, row) => sum + row.bytes, 0),
    tables: tables.map(({ table, bytes, rows }) => ({ table, bytes, rows })),
    oldestDay: days.sort()[0],
  };
}

/**
 * Makes room: removes the oldest day of all daily tables until the store is below its limit. When only today is left,
 * its oldest parts go, in the order in which they came; the newest part of a table always stays.
 *
 * @returns what was removed, for instance `otel_logs 2026-01-31`
 */
export async function enforceDiskCap(
  sql: Sql,
  maxBytes: number,
  today: string,
  onRemoved: (table: string) => void = () => {},
): Promise<string[]> {
  let bytes = (await diskUsage(sql)).bytes;
  if (bytes <= maxBytes) return [];
  const parts = await sql.query<Part>(
    `SELECT table, partition AS day, name, min_block_number AS block, bytes_on_disk AS bytes
FROM system.parts WHERE active AND database = currentDatabase() AND table IN {tables:Array(String)}
ORDER BY day, block`,
    { params: { tables: DAILY_TABLES } },
  );
  const removed: string[] = [];
  const drop = async (table: string, statement: string, params: SqlParams, gone: readonly Part[]) => {
    await sql.command(`ALTER TABLE ${table} ${statement}`, { params });
    bytes -= gone.reduce((sum, part) => sum + part.bytes, 0);
    removed.push(`${table} ${Object.values(params).join(" ")}`);
    onRemoved(table);
  };
  for (const day of [...new Set(parts.map((part) => part.day))].filter((one) => one < today)) {
    if (bytes <= maxBytes) return removed;
    for (const table of DAILY_TABLES) {
      const gone = parts.filter((part) => part.day === day && part.table === table);
      if (gone.length > 0) await drop(table, "DROP PARTITION {day:String}", { day }, gone);
    }
  }
  const newest = new Set(DAILY_TABLES.map((table) => parts.findLast((part) => part.table === table)));
  for (const part of parts.filter((one) => one.day >= today && !newest.has(one))) {
    if (bytes <= maxBytes) return removed;
    await drop(part.table, "DROP PART {name:String}", { name: part.name }, [part]);
  }
  return removed;
}

interface Part {
  readonly table: string;
  readonly day: string;
  readonly name: string;
  readonly block: number;
  readonly bytes: number;
}

/** Looks after the disk limit from time to time; the returned function ends that. */
export function keepDiskCap(deps: {
  sql: Sql;
  maxBytes: number;
  clock: Clock;
  logger: Logger;
  metrics: StoreMetrics;
}): Cancel {
  const { sql, maxBytes, clock, logger, metrics } = deps;
  return every(clock, CHECK_PERIOD_MS, async () => {
    try {
      const today = new Date(clock.now()).toISOString().slice(0, 10);
      const removed = await enforceDiskCap(sql, maxBytes, today, (table) =>
        metrics.partitionsRemoved.inc({ table }),
      );
      if (removed.length > 0)
        logger.warn({ removed, maxBytes }, "the store reached its disk limit; the oldest went");
    } catch (error) {
      logger.warn(
        { reason: messageOf(error) },
        "the store's size could not be checked; it will be tried again",
      );
    }
  });
}
