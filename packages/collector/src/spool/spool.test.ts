import { mkdtemp, open, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Registry } from "prom-client";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { comparePositions, type SpoolRecord } from "./record.js";
import { SEGMENT_HEAD_BYTES } from "./segment.js";
import { Spool, type SpoolOptions } from "./spool.js";

let dir: string;
let registry: Registry;
const opened: Spool[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "tocsin-spool-"));
  registry = new Registry();
});

afterEach(async () => {
  for (const spool of opened.splice(0)) await spool.close();
  await rm(dir, { recursive: true, force: true });
});

async function openSpool(options: Partial<SpoolOptions> = {}): Promise<Spool> {
  registry = new Registry();
  const spool = await Spool.open({ dir, consumers: ["store"], registry, ...options });
  opened.push(spool);
  return spool;
}

function record(text: string): SpoolRecord {
  return { signal: "traces", body: Buffer.from(text), receivedAtMs: 1_790_000_000_000.5 };
}

/** Commits everything up to the end of the log and gives its texts. */
async function readAll(spool: Spool, name = "store", maxBytes = 1 << 20): Promise<string[]> {
  const consumer = spool.consumer(name);
  const texts: string[] = [];
  while (comparePositions(consumer.position, spool.end) < 0) {
    // The end of the log may be damage, behind which nothing comes.
    const batch = await consumer.read({ maxBytes, wait: false });
    if (!batch) break;
    for (const { body } of batch.records) texts.push(body.toString());
    await consumer.commit(batch.position);
  }
  return texts;
}

async function metric(name: string): Promise<number> {
  const found = (await registry.getMetricsAsJSON()).find((each) => each.name === name);
  return found?.values.reduce((sum, each) => sum + each.value, 0) ?? Number.NaN;
}

describe("reading and committing", () => {
  test("gives every record once, in order, from memory and from disk alike", async () => {
    for (const tailBytes of [1 << 20, 0]) {
      const spool = await openSpool({ tailBytes, dir: join(dir, String(tailBytes)) });
      const texts = Array.from({ length: 500 }, (_, index) => `record ${index} ${"x".repeat(index)}`);
      await Promise.all(texts.map((text) => spool.append(record(text))));
      expect(await readAll(spool, "store", 2_000)).toEqual(texts);
    }
  });

  test("keeps signal and time of receipt", async () => {
    const spool = await openSpool({ tailBytes: 0 });
    await spool.append({ signal: "samples", body: Buffer.alloc(0), receivedAtMs: 12.25 });
    const batch = await spool.consumer("store").read();
    expect(batch?.records).toEqual([{ signal: "samples", body: Buffer.alloc(0), receivedAtMs: 12.25 }]);
  });

  test("wakes a reader that waits", async () => {
    const spool = await openSpool();
    const reading = spool.consumer("store").read();
    await spool.append(record("late"));
    expect((await reading)?.records.map(({ body }) => body.toString())).toEqual(["late"]);
  });

  test("ends a waiting read when aborted and when closed", async () => {
    const spool = await openSpool();
    const ending = new AbortController();
    const aborted = spool.consumer("store").read({ signal: ending.signal });
    ending.abort();
    expect(await aborted).toBeUndefined();
    const closed = spool.consumer("store").read();
    await spool.close();
    expect(await closed).toBeUndefined();
    await expect(spool.append(record("x"))).rejects.toMatchObject({ code: "SPOOL_CLOSED" });
  });

  test("goes on after a restart where it was committed, and repeats an uncommitted batch just as it was", async () => {
    let spool = await openSpool();
    for (const text of ["a", "b", "c"]) await spool.append(record(text));
    const first = await spool.consumer("store").read({ maxBytes: 1 });
    await spool.consumer("store").commit(first?.position ?? spool.end);
    const second = await spool.consumer("store").read({ maxBytes: 1 });
    await spool.close();
    spool = await openSpool();
    await spool.append(record("d"));
    const again = await spool.consumer("store").read({ maxBytes: 1_000_000 });
    expect(again?.records.map(({ body }) => body.toString())).toEqual(["b"]);
    expect(again?.token).toBe(second?.token);
    await spool.consumer("store").commit(again?.position ?? spool.end);
    expect(await readAll(spool)).toEqual(["c", "d"]);
  });

  test("a position kept elsewhere is gone back to with seek", async () => {
    const spool = await openSpool({ consumers: ["store", "signals"] });
    await spool.append(record("a"));
    const { position: snapshot } = (await spool.consumer("signals").read()) ?? { position: spool.end };
    await spool.append(record("b"));
    expect(await readAll(spool)).toEqual(["a", "b"]);
    await spool.consumer("signals").read();
    spool.consumer("signals").seek(snapshot);
    expect(await readAll(spool, "signals")).toEqual(["b"]);
  });

  test("each consumer has its own place, and an unknown one is refused", async () => {
    const spool = await openSpool({ consumers: ["store", "forward"] });
    await spool.append(record("a"));
    expect(await readAll(spool)).toEqual(["a"]);
    expect(await readAll(spool, "forward")).toEqual(["a"]);
    expect(() => spool.consumer("other")).toThrow(
      'The spool was opened for store, forward, not for "other".',
    );
  });
});

describe("the size on disk", () => {
  test("segments are deleted once every consumer has committed past them", async () => {
    const spool = await openSpool({ consumers: ["store", "forward"], segmentBytes: 1_000 });
    for (let index = 0; index < 50; index++) await spool.append(record("y".repeat(200)));
    expect(spool.status().segments).toBeGreaterThan(10);
    await readAll(spool);
    expect(spool.status().segments).toBeGreaterThan(10);
    await readAll(spool, "forward");
    expect(spool.status().segments).toBe(1);
    expect((await readdir(dir)).filter((name) => name.endsWith(".spool"))).toHaveLength(1);
  });

  test("records after a restart with everything read are not taken for those that were read", async () => {
    const first = await openSpool();
    for (let index = 0; index < 10; index++) await first.append(record(`old ${index}`));
    await readAll(first);
    await first.close();
    // Opened and closed without a record: the segment is deleted, and only the place tells that it was.
    await (await openSpool()).close();
    expect((await readdir(dir)).filter((name) => name.endsWith(".cursor"))).toHaveLength(
      (await readdir(dir)).length,
    );
    const second = await openSpool();
    for (let index = 0; index < 3; index++) await second.append(record(`new ${index}`));
    await second.close();
    expect(await readAll(await openSpool())).toEqual(["new 0", "new 1", "new 2"]);
  });

  test("a full spool refuses, and takes again when a consumer has gone on", async () => {
    const spool = await openSpool({ maxBytes: 4_000, segmentBytes: 1_000 });
    let accepted = 0;
    await expect(
      (async () => {
        for (;;) {
          await spool.append(record("z".repeat(400)));
          accepted++;
        }
      })(),
    ).rejects.toMatchObject({ code: "SPOOL_FULL", retryable: true });
    expect(accepted).toBeGreaterThan(4);
    expect(spool.status().sizeBytes).toBeLessThanOrEqual(4_000);
    expect(await readAll(spool)).toHaveLength(accepted);
    await spool.append(record("again"));
    expect(await readAll(spool)).toEqual(["again"]);
  });

  test("a record larger than a segment is refused for good", async () => {
    const spool = await openSpool({ segmentBytes: 1_000 });
    await expect(spool.append(record("z".repeat(1_000)))).rejects.toMatchObject({
      code: "SPOOL_RECORD_TOO_LARGE",
      retryable: false,
    });
  });
});

describe("damage", () => {
  async function segmentFile(): Promise<string> {
    const names = (await readdir(dir)).filter((name) => name.endsWith(".spool")).sort();
    return join(dir, names[0]);
  }

  test("a tail torn at any byte is cut to the exact prefix", async () => {
    const texts = ["first", "second", "third and last"];
    const spool = await openSpool();
    for (const text of texts) await spool.append(record(text));
    await spool.close();
    const file = await segmentFile();
    const whole = await readFile(file);
    const ends = [SEGMENT_HEAD_BYTES];
    for (const text of texts) ends.push((ends.at(-1) ?? 0) + 24 + text.length);
    expect(ends.at(-1)).toBe(whole.length);
    for (let size = SEGMENT_HEAD_BYTES; size < whole.length; size++) {
      await rm(dir, { recursive: true });
      const again = await openSpool();
      await again.close();
      await writeFile(file, whole);
      await truncate(file, size);
      const torn = await openSpool();
      const kept = ends.filter((end) => end <= size).length - 1;
      expect(await readAll(torn)).toEqual(texts.slice(0, kept));
      await torn.append(record("new"));
      expect(await readAll(torn)).toEqual(["new"]);
      await torn.close();
    }
  });

  test("a flipped bit costs its own record, is counted, and never becomes data", async () => {
    const texts = ["first", "second", "third"];
    const spool = await openSpool();
    for (const text of texts) await spool.append(record(text));
    await spool.close();
    const file = await segmentFile();
    const whole = await readFile(file);
    for (let byte = 0; byte < whole.length; byte++) {
      await rm(dir, { recursive: true });
      await (await openSpool()).close();
      const flipped = Buffer.from(whole);
      flipped[byte] ^= 1 << (byte % 8);
      await writeFile(file, flipped);
      const damaged = await openSpool({ tailBytes: 0 });
      const hit = byte < SEGMENT_HEAD_BYTES ? -1 : byte < 48 + 29 ? 0 : byte < 48 + 29 + 30 ? 1 : 2;
      expect(await readAll(damaged)).toEqual(texts.filter((_, index) => index !== hit));
      // The last record cannot be told from one that was never finished.
      expect(await metric("tocsin_spool_damaged_records_total")).toBe(hit === 0 || hit === 1 ? 1 : 0);
      expect(await metric("tocsin_spool_torn_bytes_total")).toBe(hit === 2 ? 29 : 0);
      await damaged.close();
    }
  });

  test("what comes behind a segment that lost all its records is read at the first look", async () => {
    const spool = await openSpool();
    await spool.append(record("torn"));
    await spool.close();
    await truncate(await segmentFile(), SEGMENT_HEAD_BYTES + 5);
    const again = await openSpool({ tailBytes: 0 });
    await again.append(record("next"));
    const batch = await again.consumer("store").read({ wait: false });
    expect(batch?.records.map(({ body }) => body.toString())).toEqual(["next"]);
  });

  test("a body that holds a copy of a record is not taken for one", async () => {
    const spool = await openSpool();
    await spool.append(record("innocent"));
    const inner = (await readFile(await segmentFile())).subarray(SEGMENT_HEAD_BYTES);
    await spool.close();
    await rm(dir, { recursive: true });
    const other = await openSpool();
    await other.append({ signal: "traces", body: Buffer.concat([inner, inner]), receivedAtMs: 0 });
    await other.append(record("next"));
    await other.close();
    const handle = await open(await segmentFile(), "r+");
    await handle.write(Buffer.from([0xff]), 0, 1, SEGMENT_HEAD_BYTES + 9);
    await handle.close();
    expect(await readAll(await openSpool())).toEqual(["next"]);
  });

  test("a new file without a whole head is left out", async () => {
    const spool = await openSpool();
    await spool.append(record("kept"));
    await spool.close();
    await writeFile(join(dir, "0000000002.spool"), "TCS");
    const again = await openSpool();
    expect(await readAll(again)).toEqual(["kept"]);
    await again.append(record("next"));
    expect((await stat(join(dir, "0000000003.spool"))).size).toBeGreaterThan(SEGMENT_HEAD_BYTES);
  });
});

test("acknowledges under fsync too, many at a time", async () => {
  const spool = await openSpool({ durability: "fsync" });
  await Promise.all(Array.from({ length: 100 }, (_, index) => spool.append(record(String(index)))));
  expect(await readAll(spool)).toHaveLength(100);
  expect(await metric("tocsin_spool_appended_records_total")).toBe(100);
});

test("accounts for every record of every consumer, over a restart", async () => {
  const options = { consumers: ["store", "forward"] };
  const value = async (name: string, labels: Record<string, string>) =>
    (await registry.getSingleMetric(name)?.get())?.values.find((each) =>
      Object.entries(labels).every(([label, wanted]) => each.labels[label] === wanted),
    )?.value;
  const of = (name: string, consumer: string) => value(`tocsin_spool_${name}`, { consumer });
  const first = await openSpool(options);
  await Promise.all(["a", "b", "c"].map((text) => first.append(record(text))));
  await readAll(first, "store");
  expect([await of("read_records_total", "store"), await of("consumer_in_hand_records", "store")]).toEqual([
    3, 3,
  ]);
  expect([await of("read_records_total", "forward"), await of("consumer_unread_bytes", "forward")]).toEqual([
    undefined,
    75,
  ]);
  await first.close();

  const spool = await openSpool(options);
  await spool.append(record("d"));
  await readAll(spool, "store");
  await readAll(spool, "forward");
  spool.consumer("forward").settle(2, "passed_on");
  spool.consumer("forward").settle(1, { dropped: "sampled" });
  expect([await of("read_records_total", "store"), await of("replayed_records_total", "store")]).toEqual([
    1,
    undefined,
  ]);
  expect([await of("read_records_total", "forward"), await of("replayed_records_total", "forward")]).toEqual([
    4, 3,
  ]);
  expect(await of("consumer_in_hand_records", "forward")).toBe(1);
  expect(await of("consumer_unread_bytes", "forward")).toBe(0);
  expect(await value("tocsin_spool_settled_records_total", { outcome: "dropped", reason: "sampled" })).toBe(
    1,
  );
});

test("a record is unread or in hand at every moment, also while it is being handed out", async () => {
  const spool = await openSpool();
  await spool.append(record("seen"));
  let isDone = false;
  const reading = spool
    .consumer("store")
    .read()
    .finally(() => {
      isDone = true;
    });
  for (let looks = 0; looks === 0 || !isDone; looks++) {
    const unsettled = await Promise.all([
      metric("tocsin_spool_consumer_unread_bytes"),
      metric("tocsin_spool_consumer_in_hand_records"),
    ]);
    expect(Math.max(...unsettled), `look ${looks}`).toBeGreaterThan(0);
    await new Promise(setImmediate);
  }
  await reading;
});

describe("back-pressure", () => {
  test("tells that there is no room, counting what is still in flight, and when there is again", async () => {
    const spool = await openSpool({ maxBytes: 4_000 });
    let reliefs = 0;
    const stop = spool.onRelief(() => reliefs++);
    await Promise.all(Array.from({ length: 3 }, () => spool.append(record("x".repeat(900)))));
    expect(spool.holdUp(0, 900)).toBeUndefined();
    expect(spool.holdUp(900, 900)).toBe("spool_full");
    await spool.append(record("x".repeat(900)));
    expect(spool.holdUp(0, 900)).toBe("spool_full");
    await readAll(spool);
    expect(reliefs).toBeGreaterThan(0);
    expect(spool.holdUp(0, 900)).toBeUndefined();
    stop();
    const before = reliefs;
    await spool.append(record("one more"));
    await readAll(spool);
    expect(reliefs).toBe(before);
  });

  test("tells that a reader that must keep up has not", async () => {
    const spool = await openSpool({
      consumers: ["signals"],
      pace: { consumers: ["signals"], maxLagBytes: 500 },
    });
    expect(spool.holdUp(0, 100)).toBeUndefined();
    for (let n = 0; n < 5; n++) await spool.append(record("x".repeat(100)));
    expect(spool.holdUp(0, 100)).toBe("behind");
    let isRelieved = false;
    spool.onRelief(() => {
      isRelieved = spool.holdUp(0, 100) === undefined;
    });
    await spool.consumer("signals").read();
    await spool.consumer("signals").read({ wait: false });
    expect(isRelieved).toBe(true);
  });

  test("asks a reader to commit when what it has read takes an eighth of the room", async () => {
    const spool = await openSpool({ maxBytes: 8_000 });
    const consumer = spool.consumer("store");
    await spool.append(record("x".repeat(900)));
    await consumer.read();
    expect(consumer.isOverdue).toBe(false);
    await spool.append(record("x".repeat(900)));
    expect(consumer.isOverdue).toBe(false);
    const batch = await consumer.read();
    expect(consumer.isOverdue).toBe(true);
    await consumer.commit(batch?.position ?? spool.end);
    expect(consumer.isOverdue).toBe(false);
  });
});

describe("a part of a batch", () => {
  test.each([0, 1 << 20])("can be committed (tail of %i bytes); the rest comes again", async (tailBytes) => {
    const spool = await openSpool({ tailBytes });
    await Promise.all(["a", "b", "c"].map((text) => spool.append(record(text))));
    const batch = await spool.consumer("store").read();
    expect(batch?.ends.at(-1)).toEqual(batch?.position);
    await spool.consumer("store").commit(batch?.ends[0] ?? spool.end);
    await spool.close();
    expect(await readAll(await openSpool({ tailBytes }))).toEqual(["b", "c"]);
  });
});

describe("consumers that share their work", () => {
  const sharers = { traces: "all" };
  const both = { consumers: ["all", "traces"], sharers };

  test("a new one begins where the other stands, also when it is killed before it commits", async () => {
    const first = await openSpool({ consumers: ["all"] });
    await first.append(record("old"));
    await readAll(first, "all");
    await first.append(record("new"));
    await first.close();
    const second = await openSpool(both);
    await readAll(second, "all");
    await second.close();
    expect(await readAll(await openSpool(both), "traces")).toEqual(["new"]);
  });

  test("one that is gone hands back what it had not done", async () => {
    const first = await openSpool(both);
    await first.append(record("done by both"));
    await readAll(first, "traces");
    await first.append(record("done by one"));
    await readAll(first, "all");
    await first.close();
    const second = await openSpool({ consumers: ["all"], sharers });
    await second.append(record("new"));
    expect(await readAll(second, "all")).toEqual(["done by one", "new"]);
  });
});
