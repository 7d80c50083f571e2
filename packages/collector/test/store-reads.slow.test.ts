import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@tocsin/model";
import express from "express";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { jaegerRoutes } from "../src/api/jaeger.js";
import { logsRoutes } from "../src/api/logs.js";
import { tracesRoutes } from "../src/api/traces.js";
import { EngineSupervisor } from "../src/store/engine/supervisor.js";
import { LogReader } from "../src/store/logs/log-reader.js";
import { LogTail } from "../src/store/logs/log-tail.js";
import { migrate } from "../src/store/schema/migrate.js";
import { Shards } from "../src/store/shards.js";
import { ClickHouseSql } from "../src/store/sql.js";
import { Store } from "../src/store/store.js";
import { LatencyReader } from "../src/store/traces/latency-reader.js";
import { ServiceReader } from "../src/store/traces/service-reader.js";
import { TraceReader } from "../src/store/traces/trace-reader.js";
import { type ServedApp, serveApp } from "./serve-app.js";
import { hasEngine } from "./store/embedded-store.js";

const POLL = { timeout: 60_000, interval: 10 };

describe.skipIf(!hasEngine())("slow reads", () => {
  let folder: string;
  let engine: EngineSupervisor;
  let sql: ClickHouseSql;
  let served: ServedApp;
  let url: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tocsin-reads-"));
    engine = await EngineSupervisor.start({ directory: join(folder, "engine") });
    sql = new ClickHouseSql(() => engine.endpoint);
    // What a store reads with, put together here so that the test can look into the engine as well.
    const shards = new Shards([sql]);
    await migrate(sql, { retentionDays: { traces: 7, logs: 7, metrics: 30 }, cluster: undefined });
    const store = {
      traces: new TraceReader(shards),
      latency: new LatencyReader(shards),
      services: new ServiceReader(shards),
      logs: new LogReader(shards),
      tail: new LogTail(),
    };
    const deps = { store, clock: systemClock };
    const app = express();
    app.use("/api/v1", tracesRoutes(deps), logsRoutes(deps));
    app.use("/jaeger", jaegerRoutes(deps));
    served = await serveApp(app);
    ({ url } = served);
    // Enough to keep a read busy for a while. (A sleeping query would be no test: cancelled early it never ends.)
    await sql.command(`INSERT INTO otel_traces (Timestamp, TraceId, SpanId, SpanName, ServiceName, Duration)
SELECT now64(9) - 5, hex(number), hex(number), 'op', 'shop', number FROM numbers(2000000)`);
    await sql.command(`INSERT INTO otel_logs (Timestamp, ServiceName, SeverityNumber, Body)
SELECT now64(9) - 5, 'shop', 9, repeat('long text without the word ', 40) FROM numbers(200000)`);
  }, 120_000);

  afterAll(async () => {
    await served?.close();
    await sql?.close();
    await engine?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const running = async (): Promise<number> => {
    const [row] = await sql.query<{ n: number }>(
      "SELECT toInt32(count()) AS n FROM system.processes WHERE query LIKE '%otel_%' AND query NOT LIKE '%processes%'",
    );
    return row!.n;
  };

  test.each([
    "/api/v1/traces?attribute=not.there",
    "/api/v1/traces/summary?by=operation",
    "/api/v1/logs?q=nowhere",
    "/jaeger/api/traces?service=shop",
    "/jaeger/api/dependencies",
  ])("%s ends in the engine when whoever asked goes away", async (path) => {
    // A read may be done before it is seen; then it is asked again.
    for (let attempt = 0; ; attempt++) {
      const abort = new AbortController();
      let isDone = false;
      const asked = fetch(`${url}${path}`, { signal: abort.signal }).then(
        () => "answered",
        () => "given up",
      );
      void asked.then(() => {
        isDone = true;
      });
      while (!isDone && (await running()) === 0);
      abort.abort();
      await expect.poll(running, POLL).toBe(0);
      if ((await asked) === "given up") break;
      expect(attempt).toBeLessThan(50);
    }
    expect(engine.status().restarts).toBe(0);
  });

  test("an engine that stands still is told of by the status, which does not stand still with it", async () => {
    const store = await Store.open({ config: "embedded", dataDir: folder });
    const pid = (await store.status()).engine!.pid!;
    process.kill(pid, "SIGSTOP");
    try {
      expect(await store.status()).toMatchObject({
        isReady: false,
        fault: expect.stringContaining("has not answered for 2 s"),
        engine: { restarts: 0, state: "running" },
      });
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await expect.poll(async () => (await store.status()).isReady, POLL).toBe(true);
    await store.close();
  });
});
