/** Limits of every read, against the real engine: each is refused in words that name the limit, and the engine goes on. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasEngine } from "../../test/store/embedded-store.js";
import { EngineSupervisor } from "./engine/supervisor.js";
import { ClickHouseSql } from "./sql.js";

describe.skipIf(!hasEngine())("every read", () => {
  let folder: string;
  let engine: EngineSupervisor;
  let sql: ClickHouseSql;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tocsin-sql-"));
    engine = await EngineSupervisor.start({ directory: folder, maxMemoryBytes: 400 << 20 });
    sql = new ClickHouseSql(() => engine.endpoint, {
      executionSeconds: 1,
      memoryBytes: 64 << 20,
      readRows: 1_000_000,
      resultRows: 100,
    });
    await sql.command("CREATE TABLE numbered (n UInt64) ENGINE = MergeTree ORDER BY n");
    await sql.command("INSERT INTO numbered SELECT number FROM numbers(1100000)");
  }, 60_000);

  afterAll(async () => {
    await sql?.close();
    await engine?.close();
    await rm(folder, { recursive: true, force: true });
  });

  test.each([
    {
      what: "rows read",
      query: "SELECT sum(n) AS s FROM numbered",
      says: "would read more than 1000000 rows",
    },
    { what: "rows answered", query: "SELECT n FROM numbered LIMIT 101", says: "has more than 100 rows" },
    {
      what: "memory",
      query:
        "SELECT length(groupArray(repeat(toString(n), 100))) AS s FROM (SELECT n FROM numbered LIMIT 900000)",
      says: "needs more than 64 MiB of memory",
    },
    {
      what: "time",
      query: "SELECT sleepEachRow(0.2) AS s FROM numbers(20) SETTINGS max_block_size = 1",
      says: "takes longer than 1 s",
    },
  ])("is limited in $what", async ({ query, says }) => {
    await expect(sql.query(query)).rejects.toMatchObject({
      code: "STORE_QUERY_LIMIT",
      message: expect.stringContaining(says),
    });
    expect(await sql.query("SELECT 1 AS one")).toEqual([{ one: 1 }]);
    expect(engine.status().restarts).toBe(0);
  });

  test("may have more rows where that is said, and binary answers have the same limits", async () => {
    expect(await sql.query("SELECT n FROM numbered LIMIT 101", { maxResultRows: 101 })).toHaveLength(101);
    await expect(sql.queryBinary("SELECT n FROM numbered LIMIT 101")).rejects.toMatchObject({
      code: "STORE_QUERY_LIMIT",
    });
  });
});
