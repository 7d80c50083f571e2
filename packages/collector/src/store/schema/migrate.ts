import { CollectorError } from "../../errors.js";
import type { Sql } from "../sql.js";
import { alterRetention, createTable, createView, type Dialect } from "./table.js";
import { METRIC_TABLES, OTEL_TABLES, TABLES, TRACE_ID_VIEW } from "./tables.js";

/** One step of the schema. A step never changes after a release; later ones build on it. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  /** Statements that can be repeated: a crash between two of them only means that the step is done again. */
  statements(dialect: Dialect): readonly string[];
}

export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: "traces and logs of OpenTelemetry",
    statements: (dialect) => [
      ...OTEL_TABLES.flatMap((table) => createTable(table, dialect)),
      createView(TRACE_ID_VIEW, dialect),
    ],
  },
  {
    version: 2,
    name: "series and samples of metrics",
    statements: (dialect) => METRIC_TABLES.flatMap((table) => createTable(table, dialect)),
  },
];

/** Statements for the table in which applied steps are noted. */
function bookkeeping(dialect: Dialect): string {
  const where = dialect.cluster === undefined ? "" : ` ON CLUSTER \`${dialect.cluster}\``;
  const engine =
    dialect.cluster === undefined
      ? "MergeTree()"
      : "ReplicatedMergeTree('/clickhouse/tables/all/{database}/tocsin_schema', '{shard}-{replica}')";
  return `CREATE TABLE IF NOT EXISTS tocsin_schema${where} (
  version UInt32, name String, retention String, applied_at DateTime DEFAULT now()
) ENGINE = ${engine} ORDER BY version`;
}

/**
 * Brings the tables to what this version needs, then applies the configured retention.
 *
 * @returns the steps that were applied now
 * @throws {CollectorError} STORE_SCHEMA_TOO_NEW when a later version of Tocsin has been here
 */
export async function migrate(sql: Sql, dialect: Dialect): Promise<readonly Migration[]> {
  await sql.command(bookkeeping(dialect));
  const retention = JSON.stringify(dialect.retentionDays);
  const applied = await sql.query<{ version: number; retention: string }>(
    "SELECT version, argMax(retention, applied_at) AS retention FROM tocsin_schema GROUP BY version ORDER BY version",
  );
  const newest = applied.at(-1)?.version ?? 0;
  const known = MIGRATIONS.at(-1)?.version ?? 0;
  if (newest > known) {
    throw new CollectorError(
      "STORE_SCHEMA_TOO_NEW",
      `The store has schema version ${newest}, and this Tocsin knows versions up to ${known}. Run the newer Tocsin again, or give this one another data directory.`,
    );
  }
  const missing = MIGRATIONS.filter(({ version }) => !applied.some((row) => row.version === version));
  for (const migration of missing) {
    for (const statement of migration.statements(dialect)) await sql.command(statement);
    await note(sql, migration, retention);
  }
  if (applied.length > 0 && applied.some((row) => row.retention !== retention)) {
    for (const table of TABLES) await sql.command(alterRetention(table, dialect), { settings: NO_REWRITE });
    for (const migration of MIGRATIONS) await note(sql, migration, retention);
  }
  return missing;
}

/** A new retention holds for what comes and for whole parts; nothing is rewritten for it. */
const NO_REWRITE = { materialize_ttl_after_modify: "0" };

async function note(sql: Sql, migration: Migration, retention: string): Promise<void> {
  await sql.command(
    "INSERT INTO tocsin_schema (version, name, retention) SELECT {version:UInt32}, {name:String}, {retention:String}",
    { params: { version: migration.version, name: migration.name, retention } },
  );
}
