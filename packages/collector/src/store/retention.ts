import { type Cancel, type Clock, every, type Logger, messageOf } from "@tocsin/model";
import type { StoreMetrics } from "./metrics.js";
import { TABLES } from "./schema/tables.js";
import type { Sql } from "./sql.js";

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

export async function diskUsage(sql: Sql, signal?: AbortSignal): Promise<DiskUsage> {
  const tables = await sql.query<{ table: string; bytes: number; rows: number; oldest: string }>(
    `SELECT table, sum(bytes_on_disk) AS bytes, sum(rows) AS rows,
  toString(minIf(partition, table IN ('otel_traces', 'otel_logs'))) AS oldest
FROM system.parts WHERE active AND database = currentDatabase() GROUP BY table ORDER BY table`,
    { signal },
  );
  const days = tables.map((row) => row.oldest).filter((day) => day !== "");
  return {
    bytes: tables.reduce((sum, row) => sum + row.bytes, 0),
    tables: tables.map(({ table, bytes, rows }) => ({ table, bytes, rows })),
    oldestDay: days.sort()[0],
  };
}

/** What all servers take together; undefined while one of them does not say. */
export function wholeUsage(
  parts: readonly { readonly usage: DiskUsage | undefined }[],
): DiskUsage | undefined {
  const usages = parts.flatMap(({ usage }) => usage ?? []);
  if (usages.length < parts.length) return undefined;
  const tables = new Map<string, { table: string; bytes: number; rows: number }>();
  for (const { table, bytes, rows } of usages.flatMap((usage) => usage.tables)) {
    const before = tables.get(table);
    tables.set(table, { table, bytes: bytes + (before?.bytes ?? 0), rows: rows + (before?.rows ?? 0) });
  }
  return {
    bytes: usages.reduce((sum, usage) => sum + usage.bytes, 0),
    tables: [...tables.values()],
    oldestDay: usages
      .flatMap((usage) => usage.oldestDay ?? [])
      .sort()
      .at(0),
  };
}

/**
 * Makes room: removes the oldest parts of the daily tables until the store is below its limit. Tables shrink in
 * proportion; the newest part of each always stays.
 *
 * @returns what was removed, for instance `otel_logs 2026-01-31`
 */
export async function enforceDiskCap(
  sql: Sql,
  maxBytes: number,
  onRemoved: (table: string) => void = () => {},
): Promise<string[]> {
  let { bytes } = await diskUsage(sql);
  if (bytes <= maxBytes) return [];
  const parts = await sql.query<Part>(
    `SELECT table, partition AS day, name, bytes_on_disk AS bytes
FROM system.parts WHERE active AND database = currentDatabase() AND table IN {tables:Array(String)}
ORDER BY day, min_block_number`,
    { params: { tables: DAILY_TABLES } },
  );
  const removed = new Set<string>();
  for (const part of oldestFirst(parts)) {
    if (bytes <= maxBytes) break;
    // The name stands in the text because this statement takes no parameter; it is the engine's own, not a user's.
    if (!/^[\w-]+$/.test(part.name)) continue;
    await sql.command(`ALTER TABLE ${part.table} DROP PART '${part.name}'`);
    bytes -= part.bytes;
    removed.add(`${part.table} ${part.day}`);
    onRemoved(part.table);
  }
  return [...removed];
}

/** A part of a table as the engine keeps it. */
export interface Part {
  readonly table: string;
  readonly day: string;
  readonly name: string;
  readonly bytes: number;
}

/** Day after day; within a day the tables in step, each from its first part to its last. The newest are left out. */
export function oldestFirst(parts: readonly Part[]): Part[] {
  const ranked = DAILY_TABLES.flatMap((table) => {
    const own = parts.filter((part) => part.table === table);
    return own.slice(0, -1).map((part) => {
      const sameDay = own.filter((other) => other.day === part.day);
      return { part, rank: (sameDay.indexOf(part) + 1) / sameDay.length };
    });
  });
  ranked.sort((a, b) => (a.part.day === b.part.day ? a.rank - b.rank : a.part.day < b.part.day ? -1 : 1));
  return ranked.map(({ part }) => part);
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
      const removed = await enforceDiskCap(sql, maxBytes, (table) => metrics.partsRemoved.inc({ table }));
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
