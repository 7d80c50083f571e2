import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  chunkCapacity,
  chunkMaxTime,
  chunkMinTime,
  decodeChunk,
  encodeChunk,
  sampleColumns,
} from "./chunk.js";
import { readVarint, varintEnd, writeVarint } from "./varint.js";

function roundTrip(samples: readonly (readonly [number, number])[]) {
  const columns = sampleColumns(samples.length);
  samples.forEach(([time, value], index) => {
    columns.timestamps[index] = time;
    columns.values[index] = value;
  });
  const bytes = new Uint8Array(chunkCapacity(samples.length));
  const length = encodeChunk(columns, 0, samples.length, bytes);
  const out = sampleColumns(samples.length + 3);
  expect(decodeChunk(bytes, 0, out, 3)).toBe(samples.length);
  expect(out.timestamps.subarray(3)).toEqual(columns.timestamps);
  expect(out.bits.subarray(6)).toEqual(columns.bits);
  expect(chunkMinTime(bytes, 0)).toBe(samples[0]![0]);
  expect(chunkMaxTime(bytes, 0)).toBe(samples.at(-1)![0]);
  return length;
}

const START = 1_790_000_000_000;
const scrapes = (valueAt: (index: number) => number, jitterMs = 0) =>
  Array.from({ length: 32 }, (_, i) => [START + i * 15_000 + ((i * 7) % 5) * jitterMs, valueAt(i)] as const);

describe("size", () => {
  test.each([
    { name: "a constant", samples: scrapes(() => 1), most: 20 },
    { name: "a counter of whole steps", samples: scrapes((i) => 1_000 + i * 25), most: 50 },
    { name: "a gauge with two decimals", samples: scrapes((i) => 20.25 + (i % 9) / 100), most: 56 },
    { name: "a counter scraped with jitter", samples: scrapes((i) => 7e9 + i * i * 40, 1), most: 130 },
  ])("$name takes at most $most bytes for 32 samples", ({ samples, most }) => {
    expect(roundTrip(samples)).toBeLessThanOrEqual(most);
  });
});

test("every double comes back bit for bit, whatever its time", () => {
  const value = fc.oneof(
    fc.double({ noDefaultInfinity: false }),
    fc.integer().map((n) => n / 1000),
    fc.constantFrom(0, -0, Number.NaN, Number.MAX_VALUE, 5e-324, 2 ** 53, -(2 ** 53), 1e15),
  );
  const steps = fc.array(fc.tuple(fc.integer({ min: 1, max: 2 ** 33 }), value), {
    minLength: 1,
    maxLength: 40,
  });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 43 }), steps, (start, list) => {
      let time = start;
      roundTrip(
        list.map(([step, sample]) => {
          time += step;
          return [time, sample] as const;
        }),
      );
    }),
    { numRuns: 300 },
  );
});

test("a staleness marker keeps its bits", () => {
  const columns = sampleColumns(2);
  columns.timestamps.set([1_000, 2_000]);
  columns.values[0] = 4.5;
  columns.bits[2] = 2;
  columns.bits[3] = 0x7ff00000;
  const bytes = new Uint8Array(chunkCapacity(2));
  encodeChunk(columns, 0, 2, bytes);
  const out = sampleColumns(2);
  decodeChunk(bytes, 0, out, 0);
  expect([...out.bits]).toEqual([...columns.bits]);
});

test("varints hold every whole number up to 2^53 - 1", () => {
  const bytes = new Uint8Array(10);
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      const end = writeVarint(bytes, 0, value);
      expect(readVarint(bytes, 0)).toBe(value);
      expect(varintEnd()).toBe(end);
    }),
  );
});
