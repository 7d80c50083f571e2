import fc from "fast-check";
import { expect, test } from "vitest";
import { formatDuration, parseDuration } from "./duration.js";

test.each([
  ["0", 0],
  ["500ms", 500],
  ["1m", 60_000],
  ["1h30m", 5_400_000],
  ["30d", 2_592_000_000],
  ["1y2w3d4h5m6s7ms", 31_536_000_000 + 2 * 604_800_000 + 3 * 86_400_000 + 4 * 3_600_000 + 5 * 60_000 + 6_007],
])("reads %s as %i ms", (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each(["", "1", "1.5h", "1m1h", "-5m", "5 m", "1M"])(
  "refuses %j with words on how to write it",
  (text) => {
    expect(() => parseDuration(text)).toThrow(
      `"${text}" is not a duration. Write whole numbers with units from large to small, such as 30d, 1h30m or 500ms.`,
    );
  },
);

test("every printed duration reads back to itself", () => {
  fc.assert(fc.property(fc.nat(1e13), (ms) => parseDuration(formatDuration(ms)) === ms));
});
