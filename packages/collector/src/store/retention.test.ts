/** The disk limit: what is oldest goes first. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ManualClock } from "@tocsin/model/testing";
import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { hasEngine } from "../../test/store/embedded-store.js";
import { batch, record, spanId, traceId, tracesRequest } from "../../test/store/requests.js";
import { oldestFirst } from "./retention.js";
import { Store } from "./store.js";

const DAY_MS = 86_400_000;
// The engine removes what is too old by the real clock.
const NOW_MS = Math.floor(Date.now() / DAY_MS) * DAY_MS + DAY_MS / 2;

test("tables shrink in step, day after day, and keep their newest part", () => {
  const part = (table: string, day: string, name: string) => ({ table, day, name, bytes: 1 });
  const parts = [
    part("otel_logs", "2026-01-01", "l1"),
    part("otel_traces", "2026-01-01", "t1"),
    part("otel_traces", "2026-01-01", "t2"),
    part("otel_logs", "2026-01-02", "l2"),
    part("otel_traces", "2026-01-02", "t3"),
    part("otel_traces", "2026-01-02", "t4"),
    part("otel_traces", "2026-01-02", "t5"),
    part("otel_logs", "2026-01-02", "l3"),
  ];
  expect(oldestFirst(parts).map(({ name }) => name)).toEqual(["t1", "t2", "l1", "t3", "l2", "t4"]);
});

test.skipIf(!hasEngine())("the store stays below its disk limit", { timeout: 20_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "tocsin-disk-"));
  const clock = new ManualClock(NOW_MS);
  const registry = new Registry();
  const retention = { traces: 30 * DAY_MS, logs: 30 * DAY_MS, metrics: 30 * DAY_MS };
  let store = await Store.open({ config: "embedded", dataDir: folder, clock, registry });
  let next = 0;
  const write = (daysAgo: number) => {
    const spans = Array.from({ length: 200 }, () => {
      next += 1;
      return {
        service: "s",
        name: "op",
        trace: traceId(next),
        id: spanId(next),
        startMs: NOW_MS - daysAgo * DAY_MS,
        durationMs: 1,
      };
    });
    return store.writer.write(batch(`b${next}`, [record("traces", tracesRequest(spans), NOW_MS)]));
  };
  const days = async () => {
    const found: number[] = [];
    for (const daysAgo of [0, 1, 2, 3]) {
      const range = { startMs: NOW_MS - daysAgo * DAY_MS - 1, endMs: NOW_MS - daysAgo * DAY_MS + 1 };
      if ((await store.traces.search(range, { limit: 1 })).traces.length > 0) found.push(daysAgo);
    }
    return found;
  };
  /** Lets the store look after its size until it is as small as it may be. */
  const shrinkTo = async (maxBytes: number) => {
    do {
      await clock.advance(30_000);
      await new Promise((done) => setTimeout(done, 10));
    } while ((await store.status()).disk!.bytes > maxBytes);
  };
  try {
    for (const daysAgo of [3, 2, 1, 0]) await write(daysAgo);
    const { bytes } = (await store.status()).disk!;
    await store.close();
    store = await Store.open({
      config: "embedded",
      dataDir: folder,
      clock,
      registry: new Registry(),
      retention: { ...retention, max_disk: Math.floor(bytes * 0.6) },
    });
    expect(await days()).toEqual([0, 1, 2, 3]);
    await shrinkTo(bytes * 0.6);
    const kept = await days();
    expect(kept.length).toBeGreaterThan(0);
    expect(kept).toEqual([0, 1, 2, 3].slice(0, kept.length));
  } finally {
    await store.close();
    await rm(folder, { recursive: true, force: true });
  }
});
