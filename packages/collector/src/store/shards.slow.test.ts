/**
 * Two engines as independent shards behind one configuration: reads are whole and in order wherever the rows lie, pages
 * give everything once, and a shard that is away is said, not left out.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasEngine } from "../../test/store/embedded-store.js";
import {
  batch,
  logsRequest,
  record,
  spanId,
  type TestLog,
  type TestSpan,
  traceId,
  tracesRequest,
} from "../../test/store/requests.js";
import { StoreConfig } from "./config.js";
import { EngineSupervisor } from "./engine/supervisor.js";
import { Store } from "./store.js";
import type { Page } from "./traces/trace.js";

// The engine removes what is too old by the real clock.
const NOW_MS = Math.floor(Date.now() / 60_000) * 60_000;
const range = { startMs: NOW_MS - 3_600_000, endMs: NOW_MS + 1_000 };
const SECRET = "shared secret";
/** Each run inserts and reads a dozen times; a longer look: TOCSIN_SHARD_RUNS=100. */
const RUNS = Number(process.env.TOCSIN_SHARD_RUNS ?? 4);

describe.skipIf(!hasEngine())("independent shards", () => {
  let folder: string;
  let engines: EngineSupervisor[];
  /** A store over one shard each, for putting rows where the shared store would not. */
  let single: Store[];
  let both: Store;
  let runs = 0;

  const storeOver = (some: readonly EngineSupervisor[]) => {
    const url = some.map((engine) => engine.endpoint?.url);
    const config = StoreConfig.parse({ clickhouse: { url, password: SECRET } });
    return Store.open({ config: config as Exclude<StoreConfig, "none">, dataDir: folder });
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tocsin-two-"));
    engines = await Promise.all(
      ["one", "two"].map((name) => EngineSupervisor.start({ directory: join(folder, name), secret: SECRET })),
    );
    single = await Promise.all(engines.map((engine) => storeOver([engine])));
    both = await storeOver(engines);
  }, 60_000);

  afterAll(async () => {
    for (const store of [...(single ?? []), both]) await store?.close();
    for (const engine of engines ?? []) await engine.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Every page from the first to the last, of a few entries each. */
  async function everyPage<T>(
    read: (page: Page) => Promise<{ entries: readonly T[]; nextCursor: string | undefined }>,
    limit: number,
  ): Promise<T[]> {
    const seen: T[] = [];
    let cursor: string | undefined;
    do {
      const page = await read({ limit, ...(cursor && { cursor }) });
      expect(page.entries.length).toBeLessThanOrEqual(limit);
      seen.push(...page.entries);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    return seen;
  }

  /** Few instants and few traces, so that ties are the rule. */
  const spans = fc.array(
    fc.record({
      trace: fc.integer({ min: 1, max: 9 }),
      second: fc.integer({ min: 0, max: 5 }),
      shard: fc.integer({ min: 0, max: 1 }),
      matches: fc.boolean(),
    }),
    { minLength: 1, maxLength: 25 },
  );

  test("pages over traces are one big read, wherever the spans lie", { timeout: 30_000 + RUNS * 5_000 }, () =>
    fc.assert(
      fc.asyncProperty(spans, fc.integer({ min: 1, max: 4 }), async (some, limit) => {
        const run = runs++;
        const service = `traces-${run}`;
        const trace = (n: number) => traceId(run * 100 + n);
        for (const [shard, store] of single.entries()) {
          const here = some.flatMap((span, at): TestSpan[] =>
            span.shard === shard
              ? [
                  {
                    service: span.matches ? service : "other",
                    name: "op",
                    trace: trace(span.trace),
                    id: spanId(at + 1),
                    // Far enough apart for a search to widen its look.
                    startMs: NOW_MS - span.second * 90_000,
                    durationMs: 1,
                  },
                ]
              : [],
          );
          if (here.length > 0)
            await store.writer.write(batch(service, [record("traces", tracesRequest(here), NOW_MS)]));
        }
        const read = async (page: Page) => {
          const { traces, nextCursor } = await both.traces.search({ ...range, service }, page);
          return { entries: traces, nextCursor };
        };
        const newest = new Map<string, number>();
        for (const { trace: n, second, matches } of some)
          if (matches) newest.set(trace(n), Math.min(second, newest.get(trace(n)) ?? 99));
        const want = [...newest]
          .sort(([a, aAt], [b, bAt]) => aAt - bAt || (a < b ? 1 : -1))
          .map(([id]) => id);
        const { entries: whole } = await read({ limit: 100 });
        expect(whole.map((one) => one.traceId)).toEqual(want);
        for (const one of whole) {
          const all = some.filter((span) => trace(span.trace) === one.traceId);
          expect(one.spanCount).toBe(all.length);
          expect((await both.traces.byId(one.traceId))?.spans).toHaveLength(all.length);
        }
        const paged = await everyPage(read, limit);
        expect(paged.map((one) => one.traceId)).toEqual(want);
      }),
      { numRuns: RUNS },
    ),
  );

  const lines = fc.array(
    fc.record({
      second: fc.integer({ min: 0, max: 3 }),
      shard: fc.integer({ min: 0, max: 1 }),
      body: fc.constantFrom("a", "b"),
      order: fc.constantFrom("1", "2"),
    }),
    { minLength: 1, maxLength: 30 },
  );

  test(
    "pages over logs are one big read, also where lines are alike",
    { timeout: 30_000 + RUNS * 5_000 },
    () =>
      fc.assert(
        fc.asyncProperty(lines, fc.integer({ min: 1, max: 4 }), async (some, limit) => {
          const service = `logs-${runs++}`;
          const line = ({ second, body, order }: (typeof some)[number]): TestLog => ({
            service,
            body,
            timeMs: NOW_MS - second * 45_000,
            attributes: { order },
          });
          for (const [shard, store] of single.entries()) {
            const here = some.filter((one) => one.shard === shard).map(line);
            if (here.length > 0)
              await store.writer.write(batch(service, [record("logs", logsRequest(here), NOW_MS)]));
          }
          const read = async (page: Page) => {
            const { logs, nextCursor } = await both.logs.search({ ...range, service }, page);
            return { entries: logs, nextCursor };
          };
          const { entries: whole } = await read({ limit: 100 });
          const text = (time: number, body: string, order: string) => `${time} ${body} ${order}`;
          expect(
            whole
              .map((log) =>
                text(Number(BigInt(log.timeUnixNano) / 1_000_000n), log.body, log.attributes.order!),
              )
              .sort(),
          ).toEqual(some.map((one) => text(line(one).timeMs, one.body, one.order)).sort());
          const times = whole.map((log) => log.timeUnixNano);
          expect(times).toEqual([...times].sort().reverse());
          expect(await everyPage(read, limit)).toEqual(whole);
        }),
        { numRuns: RUNS },
      ),
  );

  test("a page is not disturbed by what arrives meanwhile", async () => {
    const write = async (name: string, seconds: readonly number[]) => {
      const some = seconds.map((second, at) => ({
        service: "meanwhile",
        trace: traceId(70_000 + second),
        id: spanId(at + 1),
        startMs: NOW_MS - second * 1_000,
      }));
      await both.writer.write(
        batch(name, [
          record("traces", tracesRequest(some.map((one) => ({ ...one, name: "op", durationMs: 1 }))), NOW_MS),
          record(
            "logs",
            logsRequest(some.map((one) => ({ ...one, body: name, timeMs: one.startMs }))),
            NOW_MS,
          ),
        ]),
      );
    };
    await write("before", [10, 20, 30, 40]);
    const filter = { ...range, service: "meanwhile", endMs: NOW_MS - 5_000 };
    const traces = await both.traces.search(filter, { limit: 2 });
    const logs = await both.logs.search(filter, { limit: 2 });
    // A trace that was not shown goes on, after the time of the first page.
    await write("after", [1, 15]);
    await both.writer.write(
      batch("goes on", [
        record(
          "traces",
          tracesRequest([
            {
              service: "meanwhile",
              name: "op",
              trace: traceId(70_040),
              id: spanId(9),
              startMs: NOW_MS,
              durationMs: 1,
            },
          ]),
          NOW_MS,
        ),
      ]),
    );
    const later = { ...range, service: "meanwhile", endMs: NOW_MS };
    const rest = await both.traces.search(later, { limit: 9, cursor: traces.nextCursor! });
    expect(rest.traces.map((one) => one.traceId)).toEqual([traceId(70_030), traceId(70_040)]);
    const more = await both.logs.search(later, { limit: 9, cursor: logs.nextCursor! });
    expect(more.logs.map((one) => one.traceId)).toEqual([traceId(70_030), traceId(70_040)]);
  });

  test("spans of one trace are written to one shard, so that calls between services are seen", async () => {
    for (let n = 0; n < 6; n++) {
      const span = { name: "op", trace: traceId(80_000 + n), startMs: NOW_MS - 2_000, durationMs: 1 };
      const halves: TestSpan[] = [
        { ...span, service: "caller", id: spanId(1), kind: 3 },
        { ...span, service: "callee", id: spanId(2), parent: spanId(1), kind: 2 },
      ];
      // In batches of their own, whose tokens differ.
      for (const [at, half] of halves.entries())
        await both.writer.write(batch(`half ${n} ${at}`, [record("traces", tracesRequest([half]), NOW_MS)]));
    }
    const { found: calls } = await both.services.dependencies(range);
    expect(calls.filter((call) => call.parent === "caller")).toEqual([
      { parent: "caller", child: "callee", callCount: 6 },
    ]);
    const held = await Promise.all(
      single.map(
        async (store) => (await store.traces.search({ ...range, service: "callee" }, { limit: 50 })).traces,
      ),
    );
    expect(held.map((traces) => traces.length).reduce((a, b) => a + b)).toBe(6);
    expect(Math.min(...held.map((traces) => traces.length))).toBeGreaterThan(0);
  });

  test("a shard that is away refuses the whole answer and is named", async () => {
    const address = new URL(engines[1]?.endpoint?.url ?? "").origin;
    await engines[1]?.close();
    const away = { code: "STORE_NOT_READY", retryable: true, message: expect.stringContaining(address) };
    await expect(both.traces.search(range, { limit: 1 })).rejects.toMatchObject(away);
    await expect(both.traces.byId(traceId(1))).rejects.toMatchObject(away);
    await expect(both.logs.search(range, { limit: 1 })).rejects.toMatchObject(away);
    await expect(both.services.names(range)).rejects.toMatchObject(away);
    await expect(both.history.select([], range)).rejects.toMatchObject(away);
    // Nothing is left out of a batch: it is offered again until both have taken their part.
    const spread = Array.from({ length: 20 }, (_, n) => ({
      service: "away",
      name: "op",
      trace: traceId(90_000 + n),
      id: spanId(1),
      startMs: NOW_MS,
      durationMs: 1,
    }));
    await expect(
      both.writer.write(batch("away", [record("traces", tracesRequest(spread), NOW_MS)])),
    ).rejects.toMatchObject(away);
    const status = await both.status();
    expect(status).toMatchObject({ isReady: false, disk: undefined });
    expect(status.servers).toEqual([
      { address: expect.any(String), fault: null },
      { address, fault: expect.stringContaining("does not answer") },
    ]);
  });
});
