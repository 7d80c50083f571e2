/**
 * The store over ClickHouse's HTTP protocol at configured addresses: two engines as independent shards behind one
 * configuration, and the statements that a replicated cluster gets.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMatcher, MemoryStorage } from "@tocsin/promql";
import { Registry } from "prom-client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasEngine } from "../../test/store/embedded-store.js";
import { batch, logsRequest, record, spanId, traceId, tracesRequest } from "../../test/store/requests.js";
import { StoreConfig } from "./config.js";
import { EngineSupervisor } from "./engine/supervisor.js";
import { MIGRATIONS } from "./schema/migrate.js";
import { ClickHouseSql } from "./sql.js";
import { Store } from "./store.js";

// The engine removes what is too old by the real clock.
const NOW_MS = Math.floor(Date.now() / 60_000) * 60_000;
const range = { startMs: NOW_MS - 3_600_000, endMs: NOW_MS + 1_000 };

describe.skipIf(!hasEngine())("store: {clickhouse: …}", () => {
  let folder: string;
  let engines: EngineSupervisor[];
  let store: Store;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tocsin-shards-"));
    engines = await Promise.all(
      ["one", "two"].map((name) =>
        EngineSupervisor.start({ directory: join(folder, name), secret: "shared secret" }),
      ),
    );
    await writeFile(join(folder, "password"), "shared secret\n");
    const config = StoreConfig.parse({
      clickhouse: {
        url: engines.map((engine) => engine.endpoint?.url),
        username: "tocsin",
        password_file: join(folder, "password"),
      },
    });
    store = await Store.open({ config: config as Exclude<StoreConfig, "none">, dataDir: folder });
    for (let n = 0; n < 10; n++) {
      const spans = [1, 2].map((id) => ({
        service: `s${id}`,
        name: "op",
        trace: traceId(n),
        id: spanId(id),
        ...(id === 2 && { parent: spanId(1) }),
        startMs: NOW_MS - n * 1_000 + id,
        durationMs: 5,
      }));
      // The two spans of a trace come in different batches, and so may lie on different shards.
      for (const [at, span] of spans.entries()) {
        const records = [
          record("traces", tracesRequest([span]), NOW_MS),
          record(
            "logs",
            logsRequest([{ service: span.service, body: `line ${n} ${at}`, timeMs: span.startMs }]),
            NOW_MS,
          ),
        ];
        for (let time = 0; time < 2; time++) await store.writer.write(batch(`batch ${n} ${at}`, records));
      }
    }
  }, 60_000);

  afterAll(async () => {
    await store?.close();
    for (const engine of engines ?? []) await engine.close();
    await rm(folder, { recursive: true, force: true });
  });

  test("both shards hold a part, and nothing is there twice", async () => {
    const counts = [];
    for (const engine of engines) {
      const sql = new ClickHouseSql(() => engine.endpoint);
      counts.push((await sql.query<{ n: number }>("SELECT count() AS n FROM otel_traces"))[0]!.n);
      await sql.close();
    }
    expect(Math.min(...counts)).toBeGreaterThan(0);
    expect(counts.reduce((a, b) => a + b, 0)).toBe(20);
  });

  test("traces are whole although their spans lie apart", async () => {
    for (let n = 0; n < 10; n++) expect((await store.traces.byId(traceId(n)))?.spans).toHaveLength(2);
    const { traces } = await store.traces.search(range, { limit: 50 });
    expect(traces.map((trace) => trace.traceId)).toEqual(Array.from({ length: 10 }, (_, n) => traceId(n)));
    expect(traces[0]).toMatchObject({
      rootService: "s1",
      spanCount: 2,
      services: ["s1", "s2"],
      matchCount: 2,
    });
    expect((await store.services.names(range)).found).toEqual(["s1", "s2"]);
  });

  test("pages of logs run over all shards, newest first", async () => {
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await store.logs.search(range, { limit: 7, ...(cursor && { cursor }) });
      seen.push(...page.logs.map((log) => log.body));
      cursor = page.nextCursor;
    } while (cursor);
    expect(seen).toEqual(Array.from({ length: 20 }, (_, at) => `line ${at >> 1} ${1 - (at % 2)}`));
  });

  test("samples are found wherever they lie", async () => {
    const memory = new MemoryStorage();
    for (let n = 0; n < 10; n++) memory.append({ __name__: "m", n: String(n) }, NOW_MS - 1_000, n);
    for (let time = 0; time < 6; time++) await store.copySamples(memory, NOW_MS - 2_000, NOW_MS);
    const found = await store.history.select([createMatcher("__name__", "=", "m")], range);
    expect(found).toHaveLength(10);
  });

  test("its status tells of a server, whose disk is not ours", async () => {
    expect(await store.status()).toMatchObject({
      kind: "clickhouse",
      isReady: true,
      engine: undefined,
      maxDiskBytes: undefined,
    });
  });

  test("a server that does not answer is a reason to try again", async () => {
    const config = StoreConfig.parse({ clickhouse: { url: "http://127.0.0.1:9" } });
    await expect(
      Store.open({ config: config as Exclude<StoreConfig, "none">, dataDir: folder }),
    ).rejects.toMatchObject({ code: "STORE_NOT_READY", retryable: true });
  });

  test("a store that could not be opened is opened later, with the same metrics", async () => {
    const registry = new Registry();
    const open = (url: string) => {
      const config = StoreConfig.parse({
        clickhouse: { url, username: "tocsin", password: "shared secret" },
      }) as Exclude<StoreConfig, "none">;
      return Store.open({ config, dataDir: folder, registry });
    };
    for (let attempt = 0; attempt < 2; attempt++)
      await expect(open("http://127.0.0.1:9")).rejects.toMatchObject({ code: "STORE_NOT_READY" });
    const opened = await open(engines[0]!.endpoint!.url);
    expect(await registry.metrics()).toContain("tocsin_store_insert_seconds");
    await opened.close();
  });

  test("what a cluster gets is valid SQL, replicated and distributed", async () => {
    const dialect = { cluster: "main", retentionDays: { traces: 7, logs: 7, metrics: 30 } };
    const statements = MIGRATIONS.flatMap((migration) => migration.statements(dialect));
    const sql = new ClickHouseSql(() => engines[0]?.endpoint);
    for (const statement of statements) {
      // Parsed by the engine itself; running it needs a cluster.
      await sql.command(`EXPLAIN AST ${statement}`);
      expect(statement).toContain("ON CLUSTER `main`");
    }
    await sql.close();
    const text = statements.join("\n");
    expect(text).toContain(
      "ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/otel_traces_local', '{replica}')",
    );
    expect(text).toContain("Distributed(`main`, currentDatabase(), otel_traces_local, cityHash64(TraceId))");
    expect(text).toContain("TO otel_traces_trace_id_ts_local AS SELECT");
    expect(text).not.toContain("non_replicated_deduplication_window");
  });
});
