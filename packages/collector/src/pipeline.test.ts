import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@tocsin/model";
import { ManualClock } from "@tocsin/model/testing";
import { Registry } from "prom-client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { otlpJsonToProtobuf } from "./otlp/index.js";
import { SignalsPipeline } from "./pipeline.js";
import { Spool } from "./spool/index.js";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "tocsin-pipeline-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const SPAN = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", name: "a" };
const BODY = otlpJsonToProtobuf(
  "traces",
  Buffer.from(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: Array(20).fill(SPAN) }] }] })),
);

/** A pipeline that counts spans, over a spool of its own. */
async function open(clock: ManualClock) {
  const spool = await Spool.open({
    dir: join(dir, "spool"),
    consumers: ["signals"],
    maxBytes: 20_000,
    clock,
  });
  let spans = 0;
  const pipeline = await SignalsPipeline.open({
    consumer: spool.consumer("signals"),
    spans: {},
    observers: {
      traces: (columns) => {
        spans += columns.rowCount;
      },
      metrics: () => {},
    },
    state: {
      count: {
        snapshot: () => Buffer.from(String(spans)),
        restore: (bytes) => {
          spans = Number(Buffer.from(bytes).toString());
        },
      },
    },
    snapshotFile: join(dir, "state"),
    clock,
    logger: silentLogger,
    registry: new Registry(),
  });
  const isBehindAtFirst = !pipeline.hasCaughtUp;
  pipeline.start();
  const lag = () => spool.status().consumers[0].lagBytes;
  return { spool, pipeline, lag, isBehindAtFirst, spans: () => spans };
}

test("a full spool is made room in before the snapshot's time, and what it counted stays exact", async () => {
  const clock = new ManualClock(1_790_000_000_000);
  const { spool, pipeline, lag, spans } = await open(clock);
  // Twice what the spool holds.
  for (let n = 1; n <= 60; n++) {
    await spool.append({ signal: "traces", body: BODY, receivedAtMs: clock.now() });
    // Early snapshots keep a distance; no ten seconds pass, so the regular one never comes.
    await clock.advance(100);
    while (spans() < 20 * n || lag() > 10_000) await new Promise((resolve) => setImmediate(resolve));
  }
  await pipeline.close();
  await spool.close();
  const again = await open(clock);
  expect(again.spans()).toBe(60 * 20);
  await again.pipeline.close();
  await again.spool.close();
});

test("it has caught up only when it has seen what was in the spool at its start", async () => {
  const clock = new ManualClock(1_790_000_000_000);
  const written = await Spool.open({
    dir: join(dir, "spool"),
    consumers: ["signals"],
    maxBytes: 20_000,
    clock,
  });
  for (let n = 0; n < 5; n++)
    await written.append({ signal: "traces", body: BODY, receivedAtMs: clock.now() });
  await written.close();
  const { pipeline, spool, spans, isBehindAtFirst } = await open(clock);
  expect(isBehindAtFirst).toBe(true);
  while (!pipeline.hasCaughtUp) await new Promise((resolve) => setImmediate(resolve));
  expect(spans()).toBe(5 * 20);
  // What comes afterwards does not make it fall behind again.
  await spool.append({ signal: "traces", body: BODY, receivedAtMs: clock.now() });
  expect(pipeline.hasCaughtUp).toBe(true);
  while (spans() < 6 * 20) await new Promise((resolve) => setImmediate(resolve));
  await pipeline.close();
  await spool.close();
});
