/** The traps of the engine as a library, each found by trying, against the real engine and the real client. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ClickHouseClient, createClient } from "@clickhouse/client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { engineAvailability } from "./availability.js";
import { EngineSupervisor } from "./supervisor.js";

const availability = engineAvailability();
if (!availability.available) console.warn(`Skipped: ${availability.message}`);
const ifEngine = test.skipIf(!availability.available);

let folder: string;
let engine: EngineSupervisor;
let client: ClickHouseClient;

const connect = () => {
  const endpoint = engine.endpoint;
  if (!endpoint) throw new Error("the engine is not running");
  return createClient({ ...endpoint, log: { level: 127 } });
};

beforeAll(async () => {
  if (!availability.available) return;
  folder = await mkdtemp(join(tmpdir(), "tocsin-engine-"));
  engine = await EngineSupervisor.start({
    directory: folder,
    maxMemoryBytes: 400 << 20,
    markCacheBytes: 8 << 20,
  });
  client = connect();
}, 60_000);

afterAll(async () => {
  await client?.close();
  await engine?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const rows = async <T>(query: string, options: object = {}): Promise<T[]> =>
  (await client.query({ query, format: "JSONEachRow", ...options })).json<T>();

ifEngine("the client reads, writes and pings", async () => {
  expect(await client.ping()).toEqual({ success: true });
  await client.command({
    query: "CREATE TABLE people (name String, age UInt8) ENGINE = MergeTree ORDER BY name",
  });
  await client.insert({ table: "people", format: "JSONEachRow", values: [{ name: "Ada", age: 36 }] });
  const found = await rows("SELECT * FROM people WHERE name = {name:String} AND age IN {ages:Array(UInt8)}", {
    query_params: { name: "Ada", ages: [35, 36] },
  });
  expect(found).toEqual([{ name: "Ada", age: 36 }]);
});

ifEngine("an error is the client's own kind of error", async () => {
  await expect(rows("SELECT * FROM nowhere")).rejects.toMatchObject({ code: "60", type: "UNKNOWN_TABLE" });
  await expect(rows("SELECT {a:String}")).rejects.toMatchObject({ code: "456" });
});

ifEngine("nobody gets in without the secret, and it is no argument of the process", async () => {
  const { url, password } = engine.endpoint!;
  const none: Record<string, string> = {};
  for (const headers of [none, { "X-ClickHouse-Key": "wrong" }]) {
    const response = await fetch(url, { method: "POST", body: "SELECT 1", headers });
    expect([response.status, await response.text()]).toEqual([
      401,
      expect.stringContaining("AUTHENTICATION_FAILED"),
    ]);
  }
  const commandLine = await readFile(`/proc/${engine.status().pid}/cmdline`, "utf8").catch(() => "");
  expect(commandLine).not.toContain(password);
});

ifEngine("one session is one queue, so reads run on several", async () => {
  const seen = await Promise.all([
    rows<{ n: string }>(
      "SELECT count() AS n FROM system.processes WHERE query LIKE '%sleep(0.3)%' AND sleep(0.3) = 0",
    ),
    rows("SELECT sleep(0.3)"),
    rows<{ n: string }>("SELECT 1 AS n"),
  ]);
  expect(Number(seen[0]?.[0]?.n)).toBeGreaterThanOrEqual(1);
});

ifEngine("parameters of queries at the same time do not mix", async () => {
  const values = Array.from({ length: 30 }, (_, n) => n);
  const answers = await Promise.all(
    values.map((n) => rows<{ n: number }>("SELECT {n:UInt8} AS n FROM numbers(1)", { query_params: { n } })),
  );
  expect(answers.map((answer) => answer[0]?.n)).toEqual(values);
});

ifEngine("an aborted request ends its query in the engine", async () => {
  const abort = new AbortController();
  const endless = client.query({
    query: "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1",
    query_id: "endless",
    abort_signal: abort.signal,
  });
  const isRunning = async () =>
    (await rows("SELECT 1 FROM system.processes WHERE Settings['log_comment'] = 'endless'")).length > 0;
  while (!(await isRunning()));
  abort.abort();
  await expect(endless).rejects.toThrow();
  while (await isRunning());
});

ifEngine("a kill by query id works, although the engine makes up its own ids", async () => {
  const endless = rows("SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1", {
    query_id: "victim",
  });
  const ended = expect(endless).rejects.toMatchObject({ code: "394" });
  while (
    (await rows("SELECT 1 FROM system.processes WHERE Settings['log_comment'] = 'victim'")).length === 0
  );
  await client.command({ query: "KILL QUERY WHERE query_id = 'victim' SYNC" });
  await ended;
});

ifEngine("every statement has a time limit, its own or the default", async () => {
  const limit = "SELECT toString(getSetting('max_execution_time')) AS seconds";
  expect(await rows(limit)).toEqual([{ seconds: "30" }]);
  expect(await rows(limit, { clickhouse_settings: { max_execution_time: 0 } })).toEqual([{ seconds: "30" }]);
  await expect(
    rows("SELECT sleepEachRow(0.2) FROM numbers(20)", {
      clickhouse_settings: { max_execution_time: 1, max_block_size: "1" },
    }),
  ).rejects.toMatchObject({ code: "159" });
});

ifEngine("settings of one query are gone in the next", async () => {
  const threads = "SELECT toString(getSetting('max_result_rows')) AS rows";
  const many = Array.from({ length: 12 }, (_, n) =>
    n % 2 === 0 ? rows(threads, { clickhouse_settings: { max_result_rows: "77" } }) : rows(threads),
  );
  expect((await Promise.all(many)).flat()).toEqual(
    Array.from({ length: 12 }, (_, n) => ({ rows: n % 2 === 0 ? "77" : "0" })),
  );
});

ifEngine("the shell answers while a query keeps the engine busy", async () => {
  const abort = new AbortController();
  const busy = client
    .query({ query: "SELECT count() FROM numbers(1000000000000)", abort_signal: abort.signal })
    .catch(() => {});
  expect(await client.ping()).toEqual({ success: true });
  expect(await rows("SELECT 1 AS one")).toEqual([{ one: 1 }]);
  abort.abort();
  await busy;
});

ifEngine("memory is limited to what was given", async () => {
  const settings = await rows<{ name: string; value: string }>(
    "SELECT name, value FROM system.server_settings WHERE name IN ('max_server_memory_usage', 'mark_cache_size') ORDER BY name",
  );
  expect(settings.map((setting) => setting.value)).toEqual([String(8 << 20), String(400 << 20)]);
  await expect(
    rows("SELECT length(groupArray(repeat('a', 1000))) FROM numbers(10000000)"),
  ).rejects.toMatchObject({ type: "MEMORY_LIMIT_EXCEEDED" });
  expect(engine.status()).toMatchObject({ state: "running", restarts: 0 });
});

ifEngine("a binary insert repeated with its token adds nothing, in the table or behind it", async () => {
  const window = "SETTINGS non_replicated_deduplication_window = 100";
  await client.command({
    query: `CREATE TABLE raw (day UInt8, n UInt64) ENGINE = MergeTree PARTITION BY day ORDER BY n ${window}`,
  });
  await client.command({
    query: `CREATE TABLE sums (day UInt8, total UInt64) ENGINE = SummingMergeTree ORDER BY day ${window}`,
  });
  await client.command({
    query: "CREATE MATERIALIZED VIEW to_sums TO sums AS SELECT day, sum(n) AS total FROM raw GROUP BY day",
  });
  const bytes = Buffer.alloc(900);
  for (let row = 0; row < 100; row++) {
    bytes.writeUInt8(row % 2, row * 9);
    bytes.writeBigUInt64LE(BigInt(row), row * 9 + 1);
  }
  for (const token of ["batch-1", "batch-1", "batch-2"]) {
    const response = await fetch(
      `${engine.endpoint!.url}/?query=${encodeURIComponent("INSERT INTO raw (day, n) FORMAT RowBinary")}` +
        `&insert_deduplication_token=${token}&deduplicate_blocks_in_dependent_materialized_views=1`,
      { method: "POST", body: bytes, headers: { "X-ClickHouse-Key": engine.endpoint!.password } },
    );
    expect([response.status, await response.text()]).toEqual([200, ""]);
  }
  expect(await rows("SELECT toInt32(count()) AS n FROM raw")).toEqual([{ n: 200 }]);
  expect(await rows("SELECT toInt32(sum(total)) AS n FROM sums")).toEqual([{ n: 2 * 4950 }]);
  expect(await readdir(join(folder, "staging"))).toEqual([]);
});

ifEngine(
  "an engine that was killed comes back by itself with its tables",
  async () => {
    const { pid } = engine.status();
    process.kill(pid!, "SIGKILL");
    while (engine.status().restarts === 0) await new Promise((next) => setTimeout(next, 5));
    await engine.whenRunning();
    await client.close();
    client = connect();
    expect(engine.status()).toMatchObject({
      state: "running",
      restarts: 1,
      lastError: expect.stringContaining("SIGKILL"),
    });
    expect(await rows("SELECT toInt32(count()) AS n FROM raw")).toEqual([{ n: 200 }]);
  },
  60_000,
);

ifEngine(
  "the engine ends when its parent is killed",
  async () => {
    const parent = spawn(
      process.execPath,
      [
        "--input-type=module",
        "-e",
        `import { EngineSupervisor } from ${JSON.stringify(new URL("../../../dist/store/engine/supervisor.js", import.meta.url).href)};
       const engine = await EngineSupervisor.start({ directory: ${JSON.stringify(join(folder, "orphan"))} });
       console.log(engine.status().pid);
       setInterval(() => {}, 1000);`,
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const [line] = (await once(parent.stdout, "data")) as [Buffer];
    const pid = Number(line.toString());
    const isAlive = () => {
      try {
        return process.kill(pid, 0);
      } catch {
        return false;
      }
    };
    expect(isAlive()).toBe(true);
    parent.kill("SIGKILL");
    await once(parent, "exit");
    while (isAlive()) await new Promise((next) => setTimeout(next, 10));
  },
  60_000,
);
