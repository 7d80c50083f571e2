/**
 * How tables are written down once and rendered for one machine or for a cluster.
 *
 * Alone, a table is a MergeTree. On a cluster it is a replicated table `<name>_local` on every machine and a
 * Distributed table `<name>` over them, so that inserts and reads use the same names everywhere.
 */
export interface Table {
  readonly name: string;
  /** Column and index definitions, one an entry. */
  readonly columns: readonly string[];
  /** MergeTree when absent. */
  readonly family?: "Replacing" | "Summing";
  readonly partitionBy: string;
  readonly orderBy: string;
  readonly primaryKey?: string;
  /** Time by which rows grow old, an expression of type DateTime or Date. */
  readonly age: string;
  readonly signal: Signal;
  /** Rows with the same value live on the same shard. */
  readonly shardBy: string;
}

/** What retention is given for. */
export type Signal = "traces" | "logs" | "metrics";

/** A materialised view that fills one table from another as rows are inserted. */
export interface View {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  /** SELECT with `{from}` in the place of the source. */
  readonly select: string;
}

/** Where tables are made. */
export interface Dialect {
  readonly cluster: string | undefined;
  readonly retentionDays: Readonly<Record<Signal, number>>;
  /** Largest part that merging may make, so that making room need not remove more than it must; alone only. */
  readonly maxPartBytes?: number;
}

/** Inserts that are remembered for telling repeats apart, per table. At one a second this is a quarter of an hour. */
const DEDUPLICATION_WINDOW = 1_000;

/** Statements that make a table where it is missing. */
export function createTable(table: Table, dialect: Dialect): string[] {
  const { cluster } = dialect;
  const name = localName(table.name, dialect);
  const where = cluster === undefined ? "" : ` ON CLUSTER \`${cluster}\``;
  const window =
    cluster === undefined ? "non_replicated_deduplication_window" : "replicated_deduplication_window";
  const local = `CREATE TABLE IF NOT EXISTS ${name}${where} (
  ${table.columns.join(",\n  ")}
) ENGINE = ${engineOf(table, dialect)}
PARTITION BY ${table.partitionBy}${table.primaryKey === undefined ? "" : `\nPRIMARY KEY (${table.primaryKey})`}
ORDER BY (${table.orderBy})
TTL ${ttlOf(table, dialect)}
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, ${window} = ${DEDUPLICATION_WINDOW}${
    dialect.maxPartBytes === undefined
      ? ""
      : `, max_bytes_to_merge_at_max_space_in_pool = ${dialect.maxPartBytes}`
  }`;
  if (cluster === undefined) return [local];
  const distributed = `CREATE TABLE IF NOT EXISTS ${table.name}${where} AS ${name}
ENGINE = Distributed(\`${cluster}\`, currentDatabase(), ${name}, ${table.shardBy})`;
  return [local, distributed];
}

/** Statement that makes a view where it is missing. */
export function createView(view: View, dialect: Dialect): string {
  const where = dialect.cluster === undefined ? "" : ` ON CLUSTER \`${dialect.cluster}\``;
  const select = view.select.replace("{from}", localName(view.from, dialect));
  return `CREATE MATERIALIZED VIEW IF NOT EXISTS ${view.name}${where} TO ${localName(view.to, dialect)} AS ${select}`;
}

/** Statement that gives an existing table the configured retention. */
export function alterRetention(table: Table, dialect: Dialect): string {
  const where = dialect.cluster === undefined ? "" : ` ON CLUSTER \`${dialect.cluster}\``;
  return `ALTER TABLE ${localName(table.name, dialect)}${where} MODIFY TTL ${ttlOf(table, dialect)}`;
}

/** Name of the table that holds the rows. */
export function localName(table: string, dialect: Pick<Dialect, "cluster">): string {
  return dialect.cluster === undefined ? table : `${table}_local`;
}

function engineOf(table: Table, dialect: Dialect): string {
  const family = `${table.family ?? ""}MergeTree`;
  if (dialect.cluster === undefined) return `${family}()`;
  const path = `/clickhouse/tables/{shard}/{database}/${localName(table.name, dialect)}`;
  return `Replicated${family}('${path}', '{replica}')`;
}

function ttlOf(table: Table, dialect: Dialect): string {
  return `${table.age} + toIntervalDay(${dialect.retentionDays[table.signal]})`;
}
