import fc from "fast-check";
import { expect, test } from "vitest";
import { LogBatch } from "./log-batch.js";
import { readLogLines } from "./log-lines.js";

const line = fc.record({
  line: fc.oneof(fc.string({ unit: "binary", maxLength: 200 }), fc.json()),
  timeMs: fc.integer({ min: 0, max: 4e12 }),
  messageKey: fc.constantFrom("msg", "message", "text"),
  severity: fc.constantFrom("", "9 info", "13 warning"),
  context: fc.option(
    fc.record({
      traceId: fc.stringMatching(/^[0-9a-f]{32}$/),
      spanId: fc.stringMatching(/^[0-9a-f]{16}$/),
      traceFlags: fc.constantFrom(0, 1),
    }),
    { nil: undefined },
  ),
});

test("what is read is what was added, in order", () => {
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 20 }), (lines) => {
      const batch = new LogBatch({ limitBytes: Number.POSITIVE_INFINITY, onFull: () => undefined });
      for (const { line, timeMs, ...notes } of lines) batch.add(line, timeMs, notes);
      const taken = batch.take();
      expect(taken?.count).toBe(lines.length);
      const read = taken === undefined ? [] : Array.from(readLogLines(taken));
      expect(
        read.map(({ place, ...rest }) => ({ ...rest, place: place && Buffer.from(place).toString("hex") })),
      ).toEqual(
        lines.map(({ line, timeMs, messageKey, severity, context }) => ({
          // UTF-8 has no half of a surrogate pair.
          line: Buffer.from(line).toString(),
          timeMs,
          messageKey,
          severity,
          place: context && `${context.traceId}${context.spanId}0${context.traceFlags}`,
        })),
      );
      expect(batch.take()).toBeUndefined();
    }),
  );
});

test("a batch that is full says so, and lets the buffer of a large line go", () => {
  const notes = { messageKey: "msg", context: undefined };
  let full = 0;
  const batch = new LogBatch({ limitBytes: 1000, onFull: () => full++ });
  batch.add("short", 1, notes);
  expect(full).toBe(0);
  batch.add("x".repeat(10_000), 2, notes);
  expect(full).toBe(1);
  expect(batch.take()?.bytes.length).toBeLessThan(10_100);
  batch.add("short", 3, notes);
  const taken = batch.take();
  expect(taken === undefined ? [] : Array.from(readLogLines(taken), ({ line }) => line)).toEqual(["short"]);
});
