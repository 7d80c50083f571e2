import { describe, expect, test } from "vitest";
import { createMatcher } from "./matcher.js";
import { MemoryStorage } from "./memory-storage.js";
import { SampleBuffer } from "./sample-buffer.js";
import { isStaleAt, STALE_MARKER } from "./stale.js";
import type { Series } from "./storage.js";

async function read(storage: MemoryStorage, hints: { startMs: number; endMs: number; latestOnly?: boolean }) {
  const found: readonly Series[] = await storage
    .querier()
    .select([createMatcher("__name__", "=~", ".+")], hints);
  const buffer = new SampleBuffer(1);
  found[0]?.read(buffer);
  return { times: [...buffer.timestamps.slice(0, buffer.length)], buffer };
}

describe("MemoryStorage", () => {
  test("hands out the samples asked for, the ends included", async () => {
    const storage = new MemoryStorage();
    for (const tMs of [1, 2, 3, 4]) storage.append({ __name__: "m" }, tMs, tMs);
    expect((await read(storage, { startMs: 2, endMs: 3 })).times).toEqual([2, 3]);
    expect((await read(storage, { startMs: 1, endMs: 3, latestOnly: true })).times).toEqual([3]);
  });

  test("puts late samples in their place and lets a repeated time replace", async () => {
    const storage = new MemoryStorage();
    for (const [tMs, value] of [
      [1, 10],
      [5, 50],
      [3, 30],
      [5, 51],
    ] as const) {
      storage.append({ __name__: "m" }, tMs, value);
    }
    const { times, buffer } = await read(storage, { startMs: 0, endMs: 9 });
    expect(times).toEqual([1, 3, 5]);
    expect([...buffer.values.slice(0, 3)]).toEqual([10, 30, 51]);
  });

  test("keeps staleness markers apart from NaN, through insertion and copying", async () => {
    const storage = new MemoryStorage();
    storage.append({ __name__: "m" }, 3, STALE_MARKER);
    storage.append({ __name__: "m" }, 1, Number.NaN);
    storage.append({ __name__: "m" }, 2, 7);
    const { buffer } = await read(storage, { startMs: 0, endMs: 9 });
    expect([0, 1, 2].map((i) => isStaleAt(buffer.bits, i))).toEqual([false, false, true]);
  });

  test("keeps start timestamps, unknown ones as zero", async () => {
    const storage = new MemoryStorage();
    storage.append({ __name__: "m" }, 10, 1);
    storage.append({ __name__: "m" }, 20, 2, 5);
    storage.append({ __name__: "m" }, 30, 3);
    const { buffer } = await read(storage, { startMs: 0, endMs: 99 });
    expect([...(buffer.startTimestamps?.slice(0, 3) ?? [])]).toEqual([0, 5, 0]);
  });

  test("counts a label with the empty value as absent", async () => {
    const storage = new MemoryStorage();
    storage.append({ __name__: "m", a: "" }, 1, 1);
    storage.append({ __name__: "m" }, 2, 2);
    expect((await read(storage, { startMs: 0, endMs: 9 })).times).toEqual([1, 2]);
  });
});
