import { expect, test } from "vitest";
import { LogicalTime } from "./logical-time.js";

test.each([
  { name: "runs on", times: [0, 10, 20], want: [0, 10, 20] },
  { name: "never goes back for requests that overtook one another", times: [10, 8, 12], want: [10, 10, 12] },
  {
    name: "takes on from where it stood when the clock was set back",
    times: [1e6, 100, 300],
    want: [1e6, 1e6, 1e6 + 200],
  },
  { name: "follows a clock that was set forward", times: [0, 1e6], want: [0, 1e6] },
])("$name", ({ times, want }) => {
  const time = new LogicalTime();
  expect(times.map((each) => time.at(each))).toEqual(want);
  expect(time.now(times.at(-1) ?? 0)).toBe(want.at(-1));
});
