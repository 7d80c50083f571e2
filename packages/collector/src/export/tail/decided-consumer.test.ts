import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@tocsin/model";
import { ManualClock } from "@tocsin/model/testing";
import fc from "fast-check";
import { Registry } from "prom-client";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { decodeTraces, otlpJsonToProtobuf, textAt } from "../../otlp/index.js";
import { rewriteRequest } from "../../otlp/rewrite.js";
import { Spool, type SpoolBatch } from "../../spool/index.js";
import { TailConfig } from "./config.js";
import { DecidedConsumer } from "./decided-consumer.js";
import { DecisionBook } from "./decision-book.js";
import { TailSampler } from "./sampler.js";

const START_MS = 1_790_000_000_000;
const ERRORS = { name: "errors", type: "status_code", status_code: { status_codes: ["ERROR"] } };

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "tocsin-decided-"));
});

afterEach(() => rm(dir, { recursive: true, force: true }));

interface TestSpan {
  readonly trace: number;
  readonly name: string;
  readonly error?: boolean;
}

function request(spans: readonly TestSpan[]): Buffer {
  return otlpJsonToProtobuf(
    "traces",
    JSON.stringify({
      resourceSpans: [
        {
          scopeSpans: [
            {
              spans: spans.map(({ trace, name, error }) => ({
                traceId: (trace + 1).toString(16).padStart(32, "0"),
                spanId: "b7ad6b7169203331",
                name,
                status: error ? { code: 2 } : {},
              })),
            },
          ],
        },
      ],
    }),
  );
}

/** A collector's tail sampling over a real spool; `crash` leaves everything as kill -9 would. */
class Collector {
  readonly clock: ManualClock;
  readonly sent: string[] = [];
  readonly spool: Spool;
  readonly consumer: DecidedConsumer;
  readonly #sampler: TailSampler;
  readonly #book: DecisionBook;

  private constructor(clock: ManualClock, spool: Spool, book: DecisionBook, config: TailConfig) {
    this.clock = clock;
    this.spool = spool;
    this.#book = book;
    this.#sampler = new TailSampler({ name: "far", config, book, registry: new Registry() });
    this.consumer = new DecidedConsumer({
      consumer: spool.consumer("traces"),
      ahead: spool.consumer("ahead"),
      sampler: this.#sampler,
      book,
      waitMs: config.decision_wait,
      clock,
      logger: silentLogger,
    });
  }

  static async start(folder: string, clock: ManualClock, config: object = {}): Promise<Collector> {
    const spool = await Spool.open({ dir: join(folder, "spool"), consumers: ["traces", "ahead"] });
    const book = await DecisionBook.open({ file: join(folder, "book"), keptSize: 1_000, droppedSize: 1_000 });
    return new Collector(clock, spool, book, TailConfig.parse({ policies: [ERRORS], ...config }));
  }

  append(spans: readonly TestSpan[], receivedAtMs = this.clock.now()): Promise<unknown> {
    return this.spool.append({ signal: "traces", body: request(spans), receivedAtMs });
  }

  /** Sends a batch; the names of its spans are in `sent`. */
  send(batch: SpoolBatch): void {
    for (const { body } of batch.records) {
      const spans = decodeTraces(rewriteRequest("traces", body, { item: this.#sampler.item }));
      for (let row = 0; row < spans.rowCount; row++) {
        this.sent.push(textAt(spans.bytes, spans.nameStart[row], spans.nameEnd[row]));
      }
    }
  }

  /** Reads, letting as much time pass as it waits for; undefined when there is nothing to read. */
  async read(): Promise<SpoolBatch | undefined> {
    if (this.spool.status().consumers.every(({ lagBytes }) => lagBytes === 0)) return undefined;
    let isDone = false;
    const reading = this.consumer.read().finally(() => {
      isDone = true;
    });
    while (!isDone) {
      await new Promise((resolve) => setImmediate(resolve));
      const [dueMs] = this.clock.dueMs();
      if (dueMs !== undefined) await this.clock.advance(dueMs - this.clock.now());
    }
    return reading;
  }

  async pass(): Promise<SpoolBatch | undefined> {
    const batch = await this.read();
    if (batch) {
      this.send(batch);
      await this.consumer.commit(batch.position);
    }
    return batch;
  }

  /** The lock is given back and files are closed; nothing else happens. */
  async crash(): Promise<void> {
    await this.spool.close();
    await this.#book.close();
  }
}

const clockAt = (ms = START_MS) => new ManualClock(ms);

describe("waiting", () => {
  test("a record is handed out when its traces are decided on, one second's worth at a time", async () => {
    const collector = await Collector.start(dir, clockAt());
    await collector.append([{ trace: 1, name: "root" }]);
    await collector.clock.advance(5_000);
    await collector.append([{ trace: 1, name: "failed", error: true }]);
    await collector.append([{ trace: 2, name: "fine" }]);
    expect((await collector.pass())?.records).toHaveLength(1);
    expect(collector.sent).toEqual(["root"]);
    // 10 s after its second was over.
    expect(collector.clock.now()).toBe(START_MS + 11_000);
    expect((await collector.pass())?.records).toHaveLength(2);
    expect(collector.sent).toEqual(["root", "failed"]);
    expect(collector.clock.now()).toBe(START_MS + 16_000);
    await collector.crash();
  });

  test("what comes too late to save a trace finds it decided on", async () => {
    const collector = await Collector.start(dir, clockAt());
    await collector.append([{ trace: 1, name: "root" }]);
    await collector.pass();
    await collector.append([{ trace: 1, name: "failed late", error: true }]);
    await collector.pass();
    expect(collector.sent).toEqual([]);
    await collector.crash();
  });

  test("a backlog is decided on as it would have been in its time, at once", async () => {
    const clock = clockAt(START_MS + 3_600_000);
    const collector = await Collector.start(dir, clock);
    await collector.append([{ trace: 1, name: "root" }], START_MS);
    await collector.append([{ trace: 1, name: "in time", error: true }], START_MS + 9_000);
    await collector.append([{ trace: 2, name: "other root" }], START_MS + 10_000);
    await collector.append([{ trace: 2, name: "too late", error: true }], START_MS + 30_000);
    for (let batches = 0; batches < 4; batches++) await collector.pass();
    expect(collector.sent).toEqual(["root", "in time"]);
    expect(clock.now()).toBe(START_MS + 3_600_000);
    await collector.crash();
  });

  test("ends when it is told to; what was held comes with the next read, decided on at once", async () => {
    const collector = await Collector.start(dir, clockAt());
    await collector.append([
      { trace: 1, name: "root", error: true },
      { trace: 2, name: "fine" },
    ]);
    const stopping = new AbortController();
    const reading = collector.consumer.read({ signal: stopping.signal });
    for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
    stopping.abort();
    expect(await reading).toBeUndefined();
    const batch = await collector.consumer.read({ wait: false });
    expect(batch?.records).toHaveLength(1);
    if (batch) collector.send(batch);
    expect(collector.sent).toEqual(["root"]);
    expect(await collector.consumer.read({ wait: false })).toBeUndefined();
    await collector.crash();
  });

  test("a clock that is set back makes nothing wait for longer than the decision takes", async () => {
    const clock = clockAt();
    const collector = await Collector.start(dir, clock);
    await collector.append([{ trace: 1, name: "before", error: true }], START_MS + 3_600_000);
    await collector.append([{ trace: 2, name: "after", error: true }], START_MS);
    await collector.pass();
    expect(collector.sent).toEqual(["before", "after"]);
    expect(clock.now() - START_MS).toBeLessThanOrEqual(11_000);
    await collector.crash();
  });
});

describe("after kill -9", () => {
  test("the rest of a trace that was begun to be sent follows, though what it was kept for is gone", async () => {
    const clock = clockAt();
    const first = await Collector.start(dir, clock);
    await first.append([{ trace: 1, name: "failed", error: true }]);
    await clock.advance(3_000);
    await first.append([{ trace: 1, name: "second half" }]);
    await first.pass();
    expect(first.sent).toEqual(["failed"]);
    await first.crash();
    const second = await Collector.start(dir, clock);
    await second.pass();
    expect(second.sent).toEqual(["second half"]);
    await second.crash();
  });

  test("at any moment: every trace arrives whole or not at all, and those that failed arrive", async () => {
    let round = 0;
    const anySpan = fc.record({
      trace: fc.nat(8),
      error: fc.integer({ min: 0, max: 5 }).map((number) => number === 0),
      afterMs: fc.integer({ min: 0, max: 1_500 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(anySpan, { minLength: 1, maxLength: 25 }),
        // What happens at each step: nothing, killed before the commit, killed after it.
        fc.array(fc.constantFrom("on", "kill", "commit and kill"), { maxLength: 12 }),
        fc.integer({ min: 1, max: 4 }),
        async (spans, events, rate) => {
          const folder = join(dir, String(round++));
          const clock = clockAt();
          // A rate too: what it keeps depends on when it was asked, and must hold all the same.
          const config = {
            policies: [ERRORS, { type: "rate_limiting", rate_limiting: { spans_per_second: rate } }],
          };
          let collector = await Collector.start(folder, clock, config);
          const sent = new Set<string>();
          for (const [index, { trace, error, afterMs }] of spans.entries()) {
            await clock.advance(afterMs);
            await collector.append([{ trace, error, name: `${trace}/${index}` }]);
          }
          const stepped = [...events];
          for (;;) {
            const batch = await collector.read();
            if (batch === undefined) break;
            collector.send(batch);
            for (const name of collector.sent.splice(0)) sent.add(name);
            const event = stepped.shift() ?? "on";
            if (event !== "kill") await collector.consumer.commit(batch.position);
            if (event === "on") continue;
            await collector.crash();
            collector = await Collector.start(folder, clock, config);
          }
          await collector.crash();
          // Spans of a trace that come more than the waiting time after its first one may have missed the decision.
          const firstMs = new Map<number, number>();
          let nowMs = 0;
          const failedInTime = new Set<number>();
          for (const { trace, error, afterMs } of spans) {
            nowMs += afterMs;
            if (!firstMs.has(trace)) firstMs.set(trace, nowMs);
            if (error && nowMs - (firstMs.get(trace) ?? 0) < 10_000) failedInTime.add(trace);
          }
          for (const trace of firstMs.keys()) {
            const all = spans.flatMap((span, index) => (span.trace === trace ? [`${trace}/${index}`] : []));
            const arrived = all.filter((name) => sent.has(name));
            expect([0, all.length]).toContain(arrived.length);
            if (failedInTime.has(trace)) expect(arrived).toEqual(all);
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});
