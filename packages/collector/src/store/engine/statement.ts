/** An `INSERT … FORMAT F` whose rows follow as bytes. */
export interface InsertTarget {
  /** As written: `table` or `database.table`. */
  readonly table: string;
  /** Column names as written, without quotes; empty when the statement lists none. */
  readonly columns: readonly string[];
  readonly format: string;
}

/** Which queue a statement belongs to: reads must not wait behind writes, nor a kill behind either. */
export type Lane = "read" | "write" | "control";

/** Reads the head of an insert with data; undefined for every other statement. */
export function parseInsert(sql: string): InsertTarget | undefined {
  const match =
    /^\s*INSERT\s+INTO\s+(?:TABLE\s+)?([\w.`"]+)\s*(?:\(([^)]*)\))?\s*FORMAT\s+(\w+)\s*;?\s*$/i.exec(sql);
  if (!match) return undefined;
  const [, table = "", columns = "", format = ""] = match;
  return {
    table: unquote(table),
    columns: columns.split(",").map(unquote).filter(Boolean),
    format,
  };
}

/** Where a statement runs. */
export function laneOf(sql: string): Lane {
  const head = sql.replace(/^(?:\s+|--[^\n]*\n|\/\*.*?\*\/)+/s, "");
  if (/^KILL\b/i.test(head)) return "control";
  return /^(?:SELECT|WITH|SHOW|DESCRIBE|DESC|EXPLAIN|EXISTS|CHECK)\b/i.test(head) ? "read" : "write";
}

/** Formats that carry the names and types of their columns, so that nobody has to tell the engine. */
export function describesItself(format: string): boolean {
  return /^(?:Native|Parquet|Arrow\w*|ORC|Avro|\w+WithNamesAndTypes)$/i.test(format);
}

/**
 * `KILL QUERY WHERE query_id = …` as the engine understands it: it makes up its own query ids, ours travel in the
 * `log_comment` setting. Always ASYNC: as a library the engine never finishes a synchronous kill.
 */
export function rewriteKill(sql: string): string {
  const where = sql.replace(/;?\s*$/, "").replace(/\s+(?:SYNC|ASYNC|TEST)$/i, "");
  return `${where.replace(/\bquery_id\b/g, "Settings['log_comment']")} ASYNC`;
}

function unquote(name: string): string {
  return name.trim().replace(/[`"]/g, "");
}
