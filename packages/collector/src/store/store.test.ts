/** The store against the real embedded engine: what was written is read back, exactly and once. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ManualClock } from "@tocsin/model/testing";
import { Registry } from "prom-client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasEngine } from "../../test/store/embedded-store.js";
import {
  batch,
  logsRequest,
  record,
  spanId,
  type TestSpan,
  traceId,
  tracesRequest,
} from "../../test/store/requests.js";
import { MIGRATIONS, migrate } from "./schema/migrate.js";
import { Store } from "./store.js";

// The engine removes what is too old by the real clock.
const NOW_MS = Math.floor(Date.now() / 60_000) * 60_000;

describe.skipIf(!hasEngine())("store", () => {
  let folder: string;
  let store: Store;
  const registry = new Registry();
  const clock = new ManualClock(NOW_MS);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tocsin-store-"));
    store = await Store.open({ config: "embedded", dataDir: folder, clock, registry });
  }, 60_000);

  afterAll(async () => {
    await store?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const range = { startMs: NOW_MS - 3_600_000, endMs: NOW_MS + 1_000 };
  const metric = async (name: string, labels: Record<string, string>): Promise<number> => {
    const found = await registry.getSingleMetric(name)?.get();
    return (
      found?.values.find((value) => Object.entries(labels).every(([key, want]) => value.labels[key] === want))
        ?.value ?? 0
    );
  };

  test("a span comes back with everything it had", async () => {
    const start = NOW_MS - 1_234.5;
    const span: TestSpan = {
      service: "checkout",
      version: "1.42.0",
      name: "POST /pay",
      trace: traceId(1),
      id: spanId(2),
      parent: spanId(1),
      startMs: start,
      durationMs: 46.25,
      error: "TypeError: reading 'currency' of undefined",
      attributes: {
        "http.route": "/pay",
        "http.response.status_code": 500,
        "a.ratio": 0.5,
        "a.flag": true,
        "a.list": ["x", 2],
        "a.map": { k: "v" },
        "a.ünïcode 'quoted'\n": "öß\t'\\",
      },
      events: [
        {
          timeUnixNano: "1768478398000000001",
          name: "exception",
          attributes: [{ key: "e", value: { intValue: "9007199254740993" } }],
        },
      ],
      links: [{ traceId: traceId(9), spanId: spanId(9), traceState: "a=b", attributes: [] }],
    };
    await store.writer.write(batch("one", [record("traces", tracesRequest([span]), NOW_MS)]));
    const trace = await store.traces.byId(traceId(1).toUpperCase());
    expect(trace).toEqual({
      traceId: traceId(1),
      isTruncated: false,
      spans: [
        {
          traceId: traceId(1),
          spanId: spanId(2),
          parentSpanId: spanId(1),
          traceState: "",
          name: "POST /pay",
          kind: "server",
          service: "checkout",
          startTimeUnixNano: String(BigInt(start * 10) * 100_000n),
          durationNanos: 46_250_000,
          status: { code: "error", message: "TypeError: reading 'currency' of undefined" },
          attributes: {
            "http.route": "/pay",
            "http.response.status_code": "500",
            "a.ratio": "0.5",
            "a.flag": "true",
            "a.list": '["x",2]',
            "a.map": '{"k":"v"}',
            "a.ünïcode 'quoted'\n": "öß\t'\\",
          },
          resourceAttributes: { "service.name": "checkout", "service.version": "1.42.0" },
          scope: { name: "test", version: "0.1" },
          events: [
            { timeUnixNano: "1768478398000000001", name: "exception", attributes: { e: "9007199254740993" } },
          ],
          links: [{ traceId: traceId(9), spanId: spanId(9), traceState: "a=b", attributes: {} }],
        },
      ],
    });
    expect(await store.traces.byId(traceId(77))).toBeUndefined();
  });

  test("a batch that is written again adds nothing, and every row is accounted for", async () => {
    const spans = Array.from({ length: 20 }, (_, n) => ({
      service: "twice",
      name: "op",
      trace: traceId(500 + n),
      id: spanId(n + 1),
      startMs: NOW_MS - 1000 * n - (n >= 15 ? 86_400_000 : 0),
      durationMs: 1,
    }));
    const tooOld = {
      service: "twice",
      name: "op",
      trace: traceId(499),
      id: spanId(1),
      startMs: 1_000,
      durationMs: 1,
    };
    const again = batch("again", [
      record("traces", tracesRequest([...spans, tooOld]), NOW_MS),
      record("traces", Buffer.from([0x0a, 0xff]), NOW_MS),
      record("logs", logsRequest([{ service: "twice", body: "line", timeMs: NOW_MS }]), NOW_MS),
    ]);
    const before = await metric("tocsin_store_rows_accepted_total", { table: "otel_traces" });
    for (let time = 0; time < 3; time++) await store.writer.write(again);
    const found = await store.traces.search(
      { startMs: NOW_MS - 2 * 86_400_000, endMs: NOW_MS, service: "twice" },
      { limit: 100 },
    );
    expect(found.traces).toHaveLength(20);
    expect((await store.traces.byId(traceId(500)))?.spans).toHaveLength(1);
    expect((await store.logs.search({ ...range, service: "twice" }, { limit: 10 })).logs).toHaveLength(1);
    const accepted = (await metric("tocsin_store_rows_accepted_total", { table: "otel_traces" })) - before;
    expect(accepted).toBe(3 * 22);
    expect(await metric("tocsin_store_rows_dropped_total", { table: "otel_traces", reason: "time" })).toBe(3);
    expect(
      await metric("tocsin_store_rows_dropped_total", { table: "otel_traces", reason: "malformed" }),
    ).toBe(3);
  });

  describe("trace search", () => {
    beforeAll(async () => {
      const spans = Array.from({ length: 40 }, (_, n): TestSpan[] => [
        {
          service: "gateway",
          name: "GET /",
          trace: traceId(1000 + n),
          id: spanId(1),
          startMs: NOW_MS - 60_000 * n,
          durationMs: 100 + n,
        },
        {
          service: "cart",
          name: n % 2 ? "GET /cart" : "PUT /cart",
          trace: traceId(1000 + n),
          id: spanId(2),
          parent: spanId(1),
          startMs: NOW_MS - 60_000 * n + 10,
          durationMs: n,
          kind: n % 3 ? 3 : 2,
          ...(n % 5 === 0 && { error: "bad" }),
          attributes: { "http.route": n % 2 ? "/cart" : "/cart/:id", user: `u${n % 4}`, empty: "" },
        },
      ]).flat();
      await store.writer.write(batch("search", [record("traces", tracesRequest(spans), NOW_MS)]));
    });

    const ids = async (filter: object, limit = 100) =>
      (await store.traces.search({ ...range, ...filter }, { limit })).traces.map(
        (trace) => Number(trace.traceId.replace(/^a0*/, "0x")) - 1000,
      );
    const where = (keep: (n: number) => boolean) => Array.from({ length: 40 }, (_, n) => n).filter(keep);

    test.each([
      { name: "service", filter: { service: "cart" }, keep: () => true },
      {
        name: "operation",
        filter: { service: "cart", operation: "GET /cart" },
        keep: (n: number) => n % 2 === 1,
      },
      { name: "route", filter: { service: "cart", route: "/cart/:id" }, keep: (n: number) => n % 2 === 0 },
      { name: "status", filter: { service: "cart", status: "error" }, keep: (n: number) => n % 5 === 0 },
      { name: "kind", filter: { service: "cart", kind: "client" }, keep: (n: number) => n % 3 !== 0 },
      {
        name: "least duration",
        filter: { service: "cart", minDurationNanos: 30e6 },
        keep: (n: number) => n >= 30,
      },
      {
        name: "most duration",
        filter: { service: "cart", maxDurationNanos: 5e6 },
        keep: (n: number) => n <= 5,
      },
      {
        name: "an attribute",
        filter: { attributes: [{ key: "user", value: "u3" }] },
        keep: (n: number) => n % 4 === 3,
      },
      {
        name: "an attribute of any value",
        filter: { service: "cart", attributes: [{ key: "empty" }] },
        keep: () => true,
      },
      {
        name: "an empty attribute is not a missing one",
        filter: { service: "gateway", attributes: [{ key: "empty", value: "" }] },
        keep: () => false,
      },
      {
        name: "a resource attribute",
        filter: { attributes: [{ key: "service.name", value: "cart" }] },
        keep: () => true,
      },
      { name: "time", filter: { service: "cart", startMs: NOW_MS - 600_000 }, keep: (n: number) => n <= 10 },
      { name: "nothing that is SQL", filter: { service: "' OR 1=1 --" }, keep: () => false },
    ])("by $name, newest first", async ({ filter, keep }) => {
      expect(await ids(filter)).toEqual(where(keep));
    });

    test("page after page gives every trace once", async () => {
      const seen: string[] = [];
      let cursor: string | undefined;
      let pages = 0;
      do {
        const page = await store.traces.search(
          { ...range, service: "cart" },
          { limit: 7, ...(cursor && { cursor }) },
        );
        seen.push(...page.traces.map((trace) => trace.traceId));
        cursor = page.nextCursor;
        pages += 1;
      } while (cursor !== undefined);
      expect(seen).toEqual(Array.from({ length: 40 }, (_, n) => traceId(1000 + n)));
      expect(pages).toBe(6);
    });

    test("a summary tells of the whole trace, not of the matching spans alone", async () => {
      const { traces } = await store.traces.search({ ...range, service: "cart" }, { limit: 1 });
      expect(traces).toEqual([
        {
          traceId: traceId(1000),
          rootService: "gateway",
          rootName: "GET /",
          startTimeUnixNano: String(BigInt(NOW_MS) * 1_000_000n),
          durationNanos: 100e6,
          spanCount: 2,
          errorCount: 1,
          services: ["cart", "gateway"],
          matchCount: 1,
        },
      ]);
    });

    test("services, operations and who calls whom", async () => {
      expect((await store.services.names(range)).found).toEqual(
        expect.arrayContaining(["cart", "checkout", "gateway", "twice"]),
      );
      expect((await store.services.operations("cart", { ...range, kind: "server" })).found).toEqual([
        { name: "GET /cart", kind: "server" },
        { name: "PUT /cart", kind: "server" },
      ]);
    });

    test("an invalid cursor is refused with words", async () => {
      await expect(store.traces.search(range, { limit: 1, cursor: "x" })).rejects.toMatchObject({
        code: "STORE_CURSOR_INVALID",
      });
    });

    test("a search that is given up says so", async () => {
      await expect(
        store.traces.search(range, { limit: 1, signal: AbortSignal.abort() }),
      ).rejects.toMatchObject({
        code: "STORE_QUERY_CANCELLED",
      });
    });
  });

  test("schema steps are applied once, and again after a crash between their statements", async () => {
    const applied: string[] = [];
    const sql = {
      address: "here",
      command: async (text: string) => void applied.push(text),
      query: async () => [],
      queryBinary: async () => Buffer.alloc(0),
    };
    const dialect = { cluster: undefined, retentionDays: { traces: 7, logs: 7, metrics: 30 } };
    await migrate({ ...sql, insertNative: async () => {}, close: async () => {} }, dialect);
    expect(
      applied.filter((text) => text.startsWith("CREATE")).every((text) => text.includes("IF NOT EXISTS")),
    ).toBe(true);
    const status = await store.status();
    expect(status).toMatchObject({ kind: "embedded", isReady: true, engine: { state: "running" } });
    expect(status.disk?.tables.map((table) => table.table)).toContain("otel_traces");
    expect(MIGRATIONS.map((migration) => migration.version)).toEqual(MIGRATIONS.map((_, at) => at + 1));
  });

  test("opened again, the store has its tables and takes a new retention", async () => {
    await store.close();
    store = await Store.open({
      config: "embedded",
      dataDir: folder,
      clock,
      retention: {
        traces: 86_400_000,
        logs: 86_400_000,
        metrics: 86_400_000,
        max_disk: 1e9,
      },
    });
    expect((await store.traces.byId(traceId(1)))?.spans).toHaveLength(1);
    expect((await store.status()).retentionDays.traces).toBe(1);
  });
});
