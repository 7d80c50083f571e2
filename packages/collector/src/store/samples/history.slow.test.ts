import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@tocsin/model";
import { ManualClock } from "@tocsin/model/testing";
import { Engine, MemoryStorage } from "@tocsin/promql";
import express from "express";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { serveApp } from "../../../test/serve-app.js";
import { hasEngine } from "../../../test/store/embedded-store.js";
import { headCatalogue, historyCatalogue, prometheusRoutes } from "../../api/prometheus/index.js";
import { Head, HeadConsumer } from "../../head/index.js";
import { writeWriteRequest } from "../../remote-write/write-request-writer.js";
import { Spool } from "../../spool/index.js";
import { Store } from "../store.js";
import { recentAndHistory } from "./recent-and-history.js";

const HOUR_MS = 3_600_000;
const RETENTION_MS = 3 * HOUR_MS;
const LAG_MS = 600_000;
const STEP_MS = 60_000;
// The engine removes what is too old by the real clock.
const BEGIN_MS = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 48 * HOUR_MS;

describe.skipIf(!hasEngine())("metrics past memory", () => {
  let folder: string;
  let clock: ManualClock;
  /** Everything that was ever sent. */
  let truth: MemoryStorage;
  let closing: (() => Promise<void>)[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "tocsin-history-"));
    clock = new ManualClock(BEGIN_MS);
    truth = new MemoryStorage();
    closing = [];
  });

  afterEach(async () => {
    for (const close of closing.reverse()) await close();
    await rm(folder, { recursive: true, force: true });
  });

  /** The collector's parts for metrics, put together as it does. */
  async function start() {
    const spool = await Spool.open({ dir: join(folder, "spool"), consumers: ["head"], clock });
    const head = new Head(
      { retentionMs: RETENTION_MS, outOfOrderMs: LAG_MS, maxSeries: 1_000, maxLabels: 32 },
      { clock },
    );
    head.holdUntilCopied();
    const options = { classicHistograms: true, promoteResourceAttributes: [] };
    const consumer = new HeadConsumer(
      { dir: join(folder, "head"), snapshotIntervalMs: 120_000, ...options },
      { head, spool: spool.consumer("head"), clock, logger: silentLogger },
    );
    await consumer.start();
    let store: Store | undefined;
    const engine = new Engine();
    const storage = recentAndHistory(
      head,
      () => store?.history,
      () => (store ? undefined : "the store is starting"),
    );
    const app = express().use(
      prometheusRoutes({
        queryable: engine.over(storage),
        clock,
        maxQueryMs: 120_000,
        catalogue: headCatalogue(
          head,
          historyCatalogue(() => store?.history, clock),
        ),
        storage: head,
        version: "0",
      } as Parameters<typeof prometheusRoutes>[0]),
    );
    const { url, close } = await serveApp(app);
    const stop = async () => {
      await close();
      await consumer.close();
      await store?.close();
      await spool.close();
    };
    closing.push(stop);
    const openStore = async () => {
      store = await Store.open({ config: "embedded", dataDir: folder, clock });
      store.keepSamples(head, LAG_MS);
    };
    const ask = async (path: string) => {
      const response = await fetch(`${url}/api/v1/${path}`);
      return { ...((await response.json()) as object), status: response.status } as {
        status: number;
        data: { result: { metric: object; values: [number, string][] }[] };
        warnings?: string[];
      };
    };
    return {
      spool,
      head,
      openStore,
      stop: () => {
        closing.pop();
        return stop();
      },
      store: () => store,
      ask,
      range: (query: string, startMs: number, endMs: number) =>
        ask(
          `query_range?query=${encodeURIComponent(query)}&start=${startMs / 1000}&end=${endMs / 1000}&step=120`,
        ),
    };
  }
  type Parts = Awaited<ReturnType<typeof start>>;

  /** One sample of each series, as a sender does it. */
  async function send({ spool, head }: Parts, timeMs: number, services = ["a", "b"]): Promise<void> {
    const series = services.map((service, n) => {
      const labels = { __name__: "requests_total", service };
      const value = Math.floor((timeMs - BEGIN_MS) / 1000) * (n + 1);
      truth.append(labels, timeMs, value);
      return { labels, samples: [{ timeMs, value }] };
    });
    const last = () => Math.max(...[...head.index.all()].map((one) => one.lastMs), 0);
    const before = last();
    await spool.append({
      signal: "samples",
      body: writeWriteRequest(series as Parameters<typeof writeWriteRequest>[0]),
      receivedAtMs: clock.now(),
    });
    while (last() < Math.max(before, timeMs)) await new Promise((next) => setImmediate(next));
  }

  /** Hours pass in which every series gets a sample a minute. */
  async function pass(parts: Parts, hours: number): Promise<void> {
    for (let hour = 0; hour < hours; hour++) {
      for (let elapsedMs = 0; elapsedMs < HOUR_MS; elapsedMs += STEP_MS) {
        await clock.advance(STEP_MS);
        await send(parts, clock.now());
      }
      // The engine works by the real clock; left behind by hours it would be taken for dead.
      await parts.store()?.samplesCopied();
    }
  }

  /** Waits until all but the lag has been copied. */
  async function copied(parts: Parts): Promise<void> {
    const marks = async () =>
      (await parts.store()!.history.select([], { startMs: 0, endMs: clock.now() })).length;
    while ((await marks()) === 0) await clock.advance(1);
    await clock.advance(STEP_MS);
    await parts.store()!.samplesCopied();
  }

  const QUERIES = [
    "requests_total",
    "sum by (service) (rate(requests_total[30m]))",
    "count_over_time(requests_total[2h])",
  ];

  async function expectTruth(parts: Parts): Promise<void> {
    const endMs = clock.now();
    for (const query of QUERIES) {
      const want = await new Engine().rangeQuery(truth, query, BEGIN_MS, endMs, 120_000);
      const got = await parts.range(query, BEGIN_MS, endMs);
      expect(got.warnings).toBeUndefined();
      expect(got.data).toEqual(JSON.parse(JSON.stringify(want.toJSON())));
    }
  }

  test("a range over head and store is seamless, also right after a restart", {
    timeout: 60_000,
  }, async () => {
    const first = await start();
    await first.openStore();
    await pass(first, 7);
    await copied(first);
    // Memory has dropped what is older than its retention, so most of the answer is the store's.
    expect(first.head.completeFromMs).toBe(clock.now() - RETENTION_MS);
    first.head.truncate();
    await expectTruth(first);
    await first.stop();

    const second = await start();
    const early = await second.range("requests_total", BEGIN_MS, clock.now());
    expect(early.warnings).toEqual([
      `samples before ${new Date(clock.now() - RETENTION_MS).toISOString()} are in the store, which cannot be asked: the store is starting`,
    ]);
    expect(early.data.result).toHaveLength(2);
    const recent = await second.range("requests_total", clock.now() - HOUR_MS, clock.now());
    expect(recent.warnings).toBeUndefined();
    await second.openStore();
    await expectTruth(second);
  });

  test("a stop longer than the retention of memory makes no hole", { timeout: 60_000 }, async () => {
    const first = await start();
    await first.openStore();
    await pass(first, 1);
    await first.stop();
    await clock.advance(5 * HOUR_MS);
    const second = await start();
    second.head.truncate();
    await second.openStore();
    await copied(second);
    second.head.truncate();
    await expectTruth(second);
  });

  test("a store that is away for hours makes no hole, nor does what comes late", {
    timeout: 60_000,
  }, async () => {
    const parts = await start();
    await pass(parts, 2);
    await parts.openStore();
    await copied(parts);
    // An agent that could not send for an hour.
    for (let minutes = 60; minutes > 0; minutes -= 1)
      await send(parts, clock.now() - minutes * STEP_MS, ["late"]);
    await clock.advance(STEP_MS);
    await parts.store()!.samplesCopied();
    await pass(parts, 4);
    await copied(parts);
    parts.head.truncate();
    await expectTruth(parts);
    const labels = await parts.ask(`label/service/values?start=${BEGIN_MS / 1000}&end=${clock.now() / 1000}`);
    expect(labels.data).toEqual(["a", "b", "late"]);
  });

  test("a fresh directory answers with nothing, before the store is there and after", async () => {
    const parts = await start();
    const ask = () => parts.range("rate(requests_total[5m])", clock.now() - 24 * HOUR_MS, clock.now());
    expect(await ask()).toMatchObject({ status: 200, data: { result: [] } });
    await parts.openStore();
    const answer = await ask();
    expect(answer).toMatchObject({ status: 200, data: { result: [] } });
    expect(answer.warnings).toBeUndefined();
    expect(await parts.ask("series?match[]=up&start=0")).toMatchObject({ status: 200, data: [] });
    expect(await parts.ask("labels?start=0")).toMatchObject({ status: 200, data: [] });
  });
});
