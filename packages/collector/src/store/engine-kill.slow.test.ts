/** The engine dies while batches come from a real spool: nothing is lost, nothing is there twice. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger, systemClock } from "@tocsin/model";
import { expect, test } from "vitest";
import { hasEngine } from "../../test/store/embedded-store.js";
import { batch, logsRequest, record, spanId, traceId, tracesRequest } from "../../test/store/requests.js";
import { Spool } from "../spool/index.js";
import { runStoreConsumer } from "./consumer.js";
import { EngineSupervisor } from "./engine/supervisor.js";
import { ClickHouseSql } from "./sql.js";
import { Store } from "./store.js";

const ifEngine = test.skipIf(!hasEngine());

const KILLS = Number(process.env.TOCSIN_ENGINE_KILLS ?? 2);
const NOW_MS = Math.floor(Date.now() / 60_000) * 60_000;

async function folderFor(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "tocsin-kill-"));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const tick = (delayMs = 1) => new Promise((next) => setTimeout(next, delayMs));

ifEngine("an engine that is killed while it writes", { timeout: 60_000 + KILLS * 5_000 }, () =>
  folderFor(async (folder) => {
    const spool = await Spool.open({ dir: join(folder, "spool"), consumers: ["store"] });
    const store = await Store.open({ config: "embedded", dataDir: folder });
    const ending = new AbortController();
    const running = runStoreConsumer({
      consumer: spool.consumer("store"),
      write: (one) => store.writer.write(one),
      clock: systemClock,
      logger: silentLogger,
      signal: ending.signal,
    });
    let spans = 0;
    const append = async () => {
      const some = Array.from({ length: 50 }, () => {
        spans += 1;
        return {
          service: "s",
          name: "op",
          trace: traceId(spans),
          id: spanId(1),
          startMs: NOW_MS - (spans % 1000),
          durationMs: 1,
        };
      });
      await spool.append({ signal: "traces", body: tracesRequest(some), receivedAtMs: NOW_MS });
      await spool.append({
        signal: "logs",
        body: logsRequest(some.map(({ trace }) => ({ service: "s", body: "line", timeMs: NOW_MS, trace }))),
        receivedAtMs: NOW_MS,
      });
    };
    for (let kill = 1; kill <= KILLS; kill++) {
      const { pid } = (await store.status()).engine ?? {};
      // Intake goes on all the while; the moment of the kill wanders through what the engine does with a batch.
      for (let step = 0; step < 4 + (kill % 7); step++) {
        await append();
        await tick();
      }
      if (pid !== undefined) process.kill(pid, "SIGKILL");
      while (((await store.status()).engine?.restarts ?? 0) < kill) await Promise.all([append(), tick(20)]);
    }
    await append();
    const written = async () =>
      (await store.status()).disk?.tables.find((one) => one.table === "otel_logs")?.rows ?? 0;
    while ((await written()) < spans) await tick(20);
    ending.abort();
    await running;
    await store.close();
    await spool.close();
    const engine = await EngineSupervisor.start({ directory: join(folder, "store") });
    const sql = new ClickHouseSql(() => engine.endpoint);
    const count = async (table: string) =>
      (await sql.query(`SELECT count() AS every, uniqExact(TraceId) AS distinct FROM ${table}`))[0];
    const traces = await count("otel_traces");
    const logs = await count("otel_logs");
    await sql.close();
    await engine.close();
    expect({ traces, logs }).toEqual({
      traces: { every: spans, distinct: spans },
      logs: { every: spans, distinct: spans },
    });
  }),
);

ifEngine(
  "an engine that was killed after it noted a token and before the rows were in place",
  { timeout: 60_000 },
  () =>
    folderFor(async (folder) => {
      const span = {
        service: "s",
        name: "op",
        trace: traceId(1),
        id: spanId(1),
        startMs: NOW_MS,
        durationMs: 1,
      };
      const one = batch("torn", [record("traces", tracesRequest([span]), NOW_MS)]);
      const first = await Store.open({ config: "embedded", dataDir: folder });
      await first.writer.write(one);
      await first.close();
      // What such a kill leaves behind: the token in the log, and no part.
      const tables = join(folder, "store", "data", "store");
      for (const path of await readdir(tables, { recursive: true })) {
        if (/\d{8}_\d+_\d+_\d+$/.test(path)) await rm(join(tables, path), { recursive: true });
      }
      const second = await Store.open({ config: "embedded", dataDir: folder });
      expect(await second.traces.byId(traceId(1))).toBeUndefined();
      for (let time = 0; time < 2; time++) await second.writer.write(one);
      expect((await second.traces.byId(traceId(1)))?.spans).toHaveLength(1);
      await second.close();
      const third = await Store.open({ config: "embedded", dataDir: folder });
      await third.writer.write(one);
      expect((await third.traces.byId(traceId(1)))?.spans).toHaveLength(1);
      await third.close();
    }),
);
