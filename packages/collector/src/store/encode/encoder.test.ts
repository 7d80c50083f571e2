import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { silentLogger } from "@tocsin/model";
import { ManualClock } from "@tocsin/model/testing";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { batch, logsRequest, record, spanId, traceId, tracesRequest } from "../../../test/store/requests.js";
import type { SpoolRecord } from "../../spool/record.js";
import type { EncodedBatch, EncoderSettings } from "./encoded-batch.js";
import { InlineEncoder } from "./inline-encoder.js";
import { packBatch, unpackBatch } from "./messages.js";
import { ThreadEncoder, type ThreadEncoderDeps } from "./thread-encoder.js";

const DAY_MS = 86_400_000;
const NOW_MS = 20_000 * DAY_MS + 3_600_000;
const SETTINGS: EncoderSettings = { shardCount: 1, retentionMs: { traces: 7 * DAY_MS, logs: 7 * DAY_MS } };

const spans = (...startsMs: number[]): SpoolRecord =>
  record(
    "traces",
    tracesRequest(
      startsMs.map((startMs, n) => ({
        service: "checkout",
        name: `GET /${n}`,
        trace: traceId(n + 1),
        id: spanId(n + 1),
        startMs,
        durationMs: 5,
        attributes: { route: "/", n },
      })),
    ),
    NOW_MS,
  );
const logs = (...timesMs: number[]): SpoolRecord =>
  record("logs", logsRequest(timesMs.map((timeMs) => ({ service: "cart", body: "hello", timeMs }))), NOW_MS);

describe("a batch is encoded", () => {
  test("into one block for each table and day, and what is too old is counted", () => {
    const encoder = new InlineEncoder(SETTINGS);
    const { traces, logs: logTable } = encoder.encodeNow(
      batch("t", [spans(NOW_MS, NOW_MS - DAY_MS, NOW_MS - 30 * DAY_MS), logs(NOW_MS), spans(NOW_MS)]),
    );
    expect([traces.table, traces.rows, traces.outOfTime, traces.malformed]).toEqual(["otel_traces", 4, 1, 0]);
    expect(traces.inserts.map(({ day, shard, rows }) => [day, shard, rows])).toEqual([
      [20_000, 0, 2],
      [19_999, 0, 1],
    ]);
    expect([logTable.table, logTable.rows, logTable.inserts.length]).toEqual(["otel_logs", 1, 1]);
  });

  test("without the records that cannot be read, which are counted with the reason", () => {
    const broken = record("traces", Buffer.from([0x0a, 0x7f]), NOW_MS);
    const { traces } = new InlineEncoder(SETTINGS).encodeNow(batch("t", [broken, spans(NOW_MS), broken]));
    expect([traces.rows, traces.malformed]).toEqual([1, 2]);
    expect(traces.malformedReason).toMatch(/^The request is not valid OTLP protobuf/);
  });

  test("so that each trace is whole on one of several shards", () => {
    const encoder = new InlineEncoder({ ...SETTINGS, shardCount: 3 });
    const times = Array.from({ length: 40 }, () => NOW_MS);
    const once = encoder.encodeNow(batch("t", [spans(...times)])).traces.inserts;
    const twice = encoder.encodeNow(batch("other", [spans(...times), spans(...times)])).traces.inserts;
    expect(once.length).toBe(3);
    const rowsByShard = (inserts: typeof once) => inserts.map(({ shard, rows }) => [shard, rows]);
    expect(rowsByShard(twice)).toEqual(rowsByShard(once).map(([shard, rows]) => [shard, 2 * (rows ?? 0)]));
  });
});

test("what crosses to the thread is what was there, but for what the store does not take", () => {
  const anyRecord = fc.record({
    signal: fc.constantFrom("traces" as const, "logs" as const, "metrics" as const, "samples" as const),
    body: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    receivedAtMs: fc.double({ min: 0, max: 2e12, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(anyRecord, { maxLength: 12 }), fc.string(), (records, token) => {
      const unpacked = unpackBatch(structuredClone(packBatch(7, { records, token })));
      const wanted = records.filter(({ signal }) => signal === "traces" || signal === "logs");
      expect(unpacked).toEqual({ records: wanted, token });
    }),
  );
});

describe("in a thread", () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "tocsin-encoder-"));
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  const open = (deps: Partial<ThreadEncoderDeps> = {}) => {
    let crashes = 0;
    const encoder = new ThreadEncoder({
      settings: SETTINGS,
      clock: new ManualClock(0),
      logger: silentLogger,
      onCrash: () => crashes++,
      ...deps,
    });
    return { encoder, crashes: () => crashes };
  };
  const blocksOf = ({ traces, logs }: EncodedBatch) =>
    [traces, logs].map((table) => ({
      ...table,
      inserts: table.inserts.map((insert) => ({
        ...insert,
        block: Buffer.from(insert.block).toString("hex"),
      })),
    }));
  const BATCH = batch("t", [spans(NOW_MS, NOW_MS - DAY_MS), logs(NOW_MS), spans(NOW_MS - 40 * DAY_MS)]);
  const EXPECTED = blocksOf(new InlineEncoder(SETTINGS).encodeNow(BATCH));

  test("the same comes out, batch for batch, and the spool's own bytes stay where they are", async () => {
    const { encoder, crashes } = open();
    const sizes = BATCH.records.map(({ body }) => body.length);
    const encoded = await Promise.all([encoder.encode(BATCH), encoder.encode(BATCH)]);
    expect(encoded.map(blocksOf)).toEqual([EXPECTED, EXPECTED]);
    expect(BATCH.records.map(({ body }) => body.length)).toEqual(sizes);
    await encoder.close();
    expect(crashes()).toBe(0);
  });

  /** A thread that does something else with its first `times` messages, over all its lives, and then works. */
  async function faulty(name: string, times: number, fault: string): Promise<URL> {
    const path = join(dir, `${name}.mjs`);
    const counter = join(dir, `${name}.count`);
    const real = new URL("../../../dist/store/encode/encoder-thread.js", import.meta.url);
    await writeFile(
      path,
      `import { readFileSync, writeFileSync } from "node:fs";
import { parentPort } from "node:worker_threads";
let seen = 0;
try { seen = Number(readFileSync(${JSON.stringify(counter)}, "utf8")); } catch {}
if (seen >= ${times}) await import(${JSON.stringify(real.href)});
else parentPort.on("message", () => { writeFileSync(${JSON.stringify(counter)}, String(seen + 1)); ${fault} });
`,
    );
    return pathToFileURL(path);
  }

  test.each([
    { name: "throws", fault: "throw new Error('broken');", message: "broken" },
    { name: "ends", fault: "process.exit(3);", message: "it ended with code 3" },
  ])(
    "a thread that $name fails the batch, is counted, and the next try has another",
    async ({ name, fault, message }) => {
      const { encoder, crashes } = open({ threadUrl: await faulty(name, 1, fault) });
      await expect(encoder.encode(BATCH)).rejects.toMatchObject({
        code: "STORE_ENCODER_FAILED",
        retryable: true,
        message: expect.stringContaining(message),
      });
      expect(crashes()).toBe(1);
      expect(blocksOf(await encoder.encode(BATCH))).toEqual(EXPECTED);
      await encoder.close();
      expect(crashes()).toBe(1);
    },
  );

  test("a thread that gives no answer is ended", async () => {
    const clock = new ManualClock(0);
    const { encoder, crashes } = open({ clock, threadUrl: await faulty("hangs", 1, "for (;;);") });
    const failed = encoder.encode(BATCH).catch((error) => error);
    while ((await readFile(join(dir, "hangs.count"), "utf8").catch(() => "")) === "") {
      await new Promise((resolve) => setImmediate(resolve));
    }
    await clock.advance(30_000);
    expect(await failed).toMatchObject({ code: "STORE_ENCODER_FAILED" });
    expect(crashes()).toBe(1);
    expect(blocksOf(await encoder.encode(BATCH))).toEqual(EXPECTED);
    await encoder.close();
  });

  test("a batch at which it always fails is encoded without it", async () => {
    const { encoder, crashes } = open({ threadUrl: await faulty("poisoned", 99, "process.exit(1);") });
    for (let n = 0; n < 3; n++) await expect(encoder.encode(BATCH)).rejects.toThrow();
    expect(blocksOf(await encoder.encode(BATCH))).toEqual(EXPECTED);
    expect(crashes()).toBe(3);
    await encoder.close();
  });

  test("closing ends what is at hand", async () => {
    const { encoder, crashes } = open();
    const encoding = encoder.encode(BATCH).catch((error) => error.code);
    await new Promise((resolve) => setImmediate(resolve));
    await encoder.close();
    await encoder.close();
    expect(["STORE_CLOSED", undefined]).toContain(
      await encoding.then((it) => (typeof it === "string" ? it : undefined)),
    );
    await expect(encoder.encode(BATCH)).rejects.toMatchObject({ code: "STORE_CLOSED" });
    expect(crashes()).toBe(0);
  });
});
