import { expect, test } from "vitest";
import { every } from "./clock.js";
import { ManualClock } from "./manual-clock.js";

test("a period starts again only when the call has ended, and stops when cancelled", async () => {
  const clock = new ManualClock();
  const calls: number[] = [];
  const cancel = every(clock, 1_000, async () => {
    calls.push(clock.now());
  });
  await clock.advance(3_500);
  cancel();
  await clock.advance(5_000);
  expect(calls).toEqual([1_000, 2_000, 3_000]);
});

test("a cancelled timer never runs", async () => {
  const clock = new ManualClock();
  let ran = false;
  const cancel = clock.after(10, () => {
    ran = true;
  });
  cancel();
  await clock.advance(20);
  expect(ran).toBe(false);
});
