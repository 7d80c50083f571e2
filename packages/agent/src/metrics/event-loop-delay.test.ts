import { expect, test } from "vitest";
import { eventLoopDelay } from "./event-loop-delay.js";

test.each([
  { nanoseconds: 20_000_000, seconds: 0 },
  { nanoseconds: 19_500_000, seconds: 0 },
  { nanoseconds: 25_000_000, seconds: 0.005 },
  { nanoseconds: 1_020_000_000, seconds: 1 },
  { nanoseconds: Number.NaN, seconds: 0 },
])("$nanoseconds ns between two looks are $seconds s of delay", ({ nanoseconds, seconds }) => {
  expect(eventLoopDelay(nanoseconds)).toBeCloseTo(seconds, 9);
});
