import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { silentLogger } from "@tocsin/model";
import { ManualClock } from "@tocsin/model/testing";
import { Registry } from "prom-client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { tracesBody } from "../test/otlp-data.js";
import { SignalsPipeline, type Stateful } from "./pipeline.js";
import { Spool } from "./spool/index.js";

let dir: string;
let spool: Spool;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "tocsin-pipeline-"));
  spool = await Spool.open({ dir, consumers: ["signals"], registry: new Registry() });
});

afterEach(async () => {
  await spool.close();
  await rm(dir, { recursive: true });
});

const PIECES = 20;
const all = (count: number) => Array.from({ length: PIECES }, () => count);

/** Counts what it is told of; its state comes in many pieces, each of which takes longer than a turn may. */
class SlowState implements Stateful {
  counts = Array.from({ length: PIECES }, () => 0);
  /** Made so far. */
  pieces = 0;
  piecesAtLastRecord = 0;

  snapshot(): Uint8Array {
    return Uint8Array.from(this.counts);
  }

  freeze() {
    const frozen = [...this.counts];
    const made = (count: number) => {
      for (const end = performance.now() + 6; performance.now() < end; );
      this.pieces++;
      return Uint8Array.of(count);
    };
    return {
      *pieces() {
        for (const count of frozen) yield made(count);
      },
    };
  }

  restore(bytes: Uint8Array): void {
    this.counts = [...bytes];
  }
}

async function openPipeline(state: SlowState, clock = new ManualClock(0), file = "state") {
  return SignalsPipeline.open({
    consumer: spool.consumer("signals"),
    spans: { attributes: "none" },
    observers: {
      traces: () => {
        state.counts = state.counts.map((count) => count + 1);
        state.piecesAtLastRecord = state.pieces;
      },
      metrics: () => {},
    },
    state: { slow: state },
    snapshotFile: join(dir, file),
    clock,
    logger: silentLogger,
    registry: new Registry(),
  });
}

const append = () =>
  spool.append({ signal: "traces", body: tracesBody({ "service.name": "a" }, []), receivedAtMs: 0 });

test("records that come while a snapshot is being written are in the next one, and none is lost or counted twice", async () => {
  const state = new SlowState();
  const pipeline = await openPipeline(state);
  pipeline.start();
  for (let index = 0; index < 3; index++) await append();
  await expect.poll(() => state.counts).toEqual(all(3));
  const saving = pipeline.save();
  await append();
  await expect.poll(() => state.counts).toEqual(all(4));
  // The fourth was seen before the snapshot was made in whole.
  expect(state.piecesAtLastRecord).toBeLessThan(PIECES);
  await saving;
  await cp(join(dir, "state"), join(dir, "state-at-crash"));
  await pipeline.close();
  // As after a crash: another pipeline begins with what was on the disk.
  const after = new SlowState();
  const again = await openPipeline(after, new ManualClock(0), "state-at-crash");
  expect(after.counts).toEqual(all(3));
  again.start();
  await expect.poll(() => after.counts).toEqual(all(4));
  await again.close();
});

test("a snapshot that took long is not followed by the next at once", async () => {
  const clock = new ManualClock(0);
  const state = new SlowState();
  const pipeline = await openPipeline(state, clock);
  pipeline.start();
  await append();
  await expect.poll(() => state.counts[0]).toBe(1);
  await pipeline.save();
  const { pieces } = state;
  await append();
  await expect.poll(() => state.counts[0]).toBe(2);
  // It took 120 ms at least, which may not be more than a fiftieth of the time.
  clock.advance(1_000);
  await turn();
  expect(state.pieces).toBe(pieces);
  clock.advance(59_000);
  await expect.poll(() => state.pieces).toBe(2 * pieces);
  await pipeline.close();
});
