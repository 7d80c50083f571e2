import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@tocsin/model";
import { ManualClock } from "@tocsin/model/testing";
import { createMatcher, isStaleAt, SampleBuffer } from "@tocsin/promql";
import { afterEach, beforeEach, expect, test } from "vitest";
import { metricsBody } from "../../test/otlp-data.js";
import { type WireSample, writeWriteRequest } from "../remote-write/write-request-writer.js";
import { Spool } from "../spool/index.js";
import { Head } from "./head.js";
import { HeadConsumer } from "./head-consumer.js";

const NOW = 1_790_000_000_000;
let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "tocsin-head-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const clock = new ManualClock(NOW);

async function open(maxBytes?: number) {
  const spool = await Spool.open({ dir: join(dir, "spool"), consumers: ["head"], clock, maxBytes });
  const head = new Head(
    { retentionMs: 3 * 3_600_000, outOfOrderMs: 600_000, maxSeries: 1_000, maxLabels: 32 },
    { clock },
  );
  const consumer = new HeadConsumer(
    {
      dir: join(dir, "head"),
      snapshotIntervalMs: 3_600_000,
      classicHistograms: true,
      promoteResourceAttributes: [],
    },
    { head, spool: spool.consumer("head"), clock, logger: silentLogger },
  );
  await consumer.start();
  return { spool, head, consumer };
}

const append = (spool: Spool, signal: "metrics" | "samples" | "traces", body: Buffer) =>
  spool.append({ signal, body, receivedAtMs: clock.now() });

const samples = (name: string, list: readonly WireSample[], startMs = 0) =>
  writeWriteRequest([{ labels: { __name__: name, job: "a" }, samples: list, startMs }]);

const delta = (timeMs: number, value: number) =>
  metricsBody({}, [{ name: "orders", kind: "sum", temporality: "delta", points: [{ timeMs, value }] }]);

function valuesOf(head: Head, name: string): unknown[] {
  const found = head
    .querier(0, 2 * NOW)
    .select([createMatcher("__name__", "=", name)], { startMs: 0, endMs: 2 * NOW });
  if (!Array.isArray(found) || found.length === 0) return [];
  const buffer = new SampleBuffer();
  found[0].read(buffer);
  return Array.from({ length: buffer.length }, (_, i) => [
    buffer.timestamps[i]! - NOW,
    buffer.histograms?.[i] ?? (isStaleAt(buffer.bits, i) ? "stale" : buffer.values[i]),
    ...(buffer.hasStartTimestamps ? [buffer.startTimestamps![i]! - NOW] : []),
  ]);
}

const HISTOGRAM = {
  schema: -53,
  count: 3,
  sum: 1,
  zeroThreshold: 0,
  zeroCount: 0,
  positive: { offset: 0, buckets: [1, 2] },
  negative: { offset: 0, buckets: [] },
  customValues: [0.5],
  counterResetHint: "unknown",
} as const;

test("what a stop keeps, a start brings back: floats, markers, histograms, starts, metadata", async () => {
  const first = await open();
  const many = Array.from({ length: 100 }, (_, i) => ({
    timeMs: NOW - 100_000 + i * 1_000,
    value: i * 1.25,
  }));
  await append(
    first.spool,
    "samples",
    samples("m", [...many, { timeMs: NOW, value: "stale" }], NOW - 200_000),
  );
  await append(first.spool, "samples", samples("h", [{ timeMs: NOW - 5, value: HISTOGRAM }]));
  await expect.poll(() => valuesOf(first.head, "h").length).toBe(1);
  const before = valuesOf(first.head, "m");
  expect(before).toHaveLength(102);
  await first.consumer.close();
  await first.spool.close();

  const second = await open();
  expect(valuesOf(second.head, "m")).toEqual(before);
  expect(valuesOf(second.head, "h")).toEqual([[-5, HISTOGRAM]]);
  expect(second.head.completeFromMs).toBe(first.head.completeFromMs);
  await second.consumer.close();
  await second.spool.close();
});

test("after a kill the spool is read again from the snapshot, and counts nothing twice", async () => {
  const first = await open();
  await append(first.spool, "metrics", delta(NOW - 3_000, 5));
  await expect.poll(() => valuesOf(first.head, "orders_total").length).toBe(1);
  await first.consumer.close();
  await first.spool.close();

  // The second life reads two more deltas and dies without a snapshot.
  const second = await open();
  await append(second.spool, "metrics", delta(NOW - 2_000, 2));
  await append(second.spool, "metrics", delta(NOW - 1_000, 1));
  await expect.poll(() => valuesOf(second.head, "orders_total").length).toBe(3);
  await second.spool.close();

  const third = await open();
  await append(third.spool, "metrics", delta(NOW, 1));
  await expect.poll(() => valuesOf(third.head, "orders_total").length).toBe(4);
  expect(valuesOf(third.head, "orders_total")).toEqual([
    [-3_000, 5],
    [-2_000, 7],
    [-1_000, 8],
    [0, 9],
  ]);
  await third.consumer.close();
  await third.spool.close();
});

test("a damaged snapshot is put aside", async () => {
  const first = await open();
  await append(first.spool, "samples", samples("m", [{ timeMs: NOW, value: 1 }]));
  await expect.poll(() => valuesOf(first.head, "m").length).toBe(1);
  await first.consumer.close();
  await first.spool.close();
  const file = join(dir, "head", "head.snapshot");
  const bytes = await readFile(file);
  bytes[bytes.length - 20] ^= 1;
  await writeFile(file, bytes);
  const second = await open();
  expect(second.head.index.size).toBe(0);
  await expect(readFile(file)).rejects.toThrow("ENOENT");
  await second.consumer.close();
  await second.spool.close();
});

test("makes room in the spool before its time: without a snapshot for traces, with one for samples", async () => {
  const { spool, head, consumer } = await open(64_000);
  const lag = () => spool.status().consumers[0].lagBytes;
  const untilRead = async (bytes: number) => {
    while (lag() > bytes) await new Promise((resolve) => setImmediate(resolve));
  };
  await append(spool, "samples", samples("up", [{ timeMs: NOW, value: 1 }]));
  for (let n = 0; n < 20; n++) {
    await append(spool, "traces", Buffer.alloc(1_000));
    await untilRead(9_000);
  }
  // The first room was made by the snapshot that holds the sample, the rest by moving on alone.
  const snapshot = await readFile(join(dir, "head", "head.snapshot"));
  for (let n = 0; n < 20; n++) {
    await append(spool, "traces", Buffer.alloc(1_000));
    await untilRead(9_000);
  }
  expect((await readFile(join(dir, "head", "head.snapshot"))).equals(snapshot)).toBe(true);
  await consumer.close();
  await spool.close();
  const again = await open(64_000);
  expect(valuesOf(again.head, "up")).toEqual(valuesOf(head, "up"));
  await again.consumer.close();
  await again.spool.close();
});
