import { expect, test } from "vitest";
import { feedMetrics, START } from "../../test/signal-feeds.js";
import { bucketIndex } from "./exponential-histogram.js";
import { Signals } from "./signals.js";

/** One cumulative point of a sender that has seen these values, in buckets of this scale. */
function exponential(second: number, values: readonly number[], scale: number, unit = "s") {
  const indexes = values.map((value) => bucketIndex(value, scale));
  const offset = Math.min(...indexes);
  const bucketCounts = new Array<number>(Math.max(...indexes) - offset + 1).fill(0);
  for (const index of indexes) bucketCounts[index - offset]! += 1;
  const attributes = { "http.request.method": "GET", "http.route": "/", "http.response.status_code": 200 };
  const point = { timeMs: START + second * 1_000, startMs: START, attributes, scale, offset, bucketCounts };
  const name = unit === "s" ? "http.server.request.duration" : "http.server.duration";
  return { name, unit, kind: "exponentialHistogram", points: [point] } as const;
}

const fast = Array.from({ length: 30 }, (_, index) => 0.01 + index / 1_000);

function figuresAfter(...exports: ReturnType<typeof exponential>[]) {
  const signals = new Signals({ sinceMs: START });
  for (const each of exports) feedMetrics(signals, [each]);
  return signals.services(exports.at(-1)!.points[0].timeMs)[0]!;
}

test.each([
  { scale: 20, error: 0.0453 },
  { scale: 3, error: 0.0453 },
  { scale: 2, error: 0.0947 },
  { scale: 0, error: 0.5 },
])("a sender's scale $scale is what its quantiles are exact to", ({ scale, error }) => {
  const { latencySeconds, latencyRelativeErrors, latencyRelativeError } = figuresAfter(
    exponential(10, fast, scale),
  );
  const exact = fast[Math.ceil(0.95 * fast.length) - 1]!;
  const told = latencySeconds.p95!;
  expect(latencyRelativeErrors.p95).toBeCloseTo(error, 3);
  expect(Math.abs(told - exact) / told).toBeLessThanOrEqual(latencyRelativeErrors.p95!);
  expect(latencyRelativeError).toBeLessThanOrEqual(error + 1e-9);
});

test("a unit that lies between buckets is told as less exact", () => {
  const milliseconds = fast.map((value) => value * 1_000);
  const { latencySeconds, latencyRelativeErrors } = figuresAfter(exponential(10, milliseconds, 3, "ms"));
  const [told, exact] = [latencySeconds.p95!, fast[Math.ceil(0.95 * fast.length) - 1]!];
  expect(Math.abs(told - exact) / told).toBeLessThanOrEqual(latencyRelativeErrors.p95!);
  expect(latencyRelativeErrors.p95).toBeGreaterThan(0.0453);
  expect(latencyRelativeErrors.p95).toBeLessThan(0.1);
});

test.each([
  [5, 2],
  [3, 1],
  [2, -1],
  [1, 4],
])("a sender that goes from scale %i to %i has not counted everything anew", (before, after) => {
  const slow = [...fast, 12, 30];
  const { requests } = figuresAfter(exponential(10, fast, before), exponential(20, slow, after));
  expect(requests).toBeCloseTo(slow.length, 9);
});

test("what a restored collector knows of a sender's scale is what it knew before", () => {
  const before = new Signals({ sinceMs: START });
  feedMetrics(before, [exponential(10, fast, 3)]);
  const after = new Signals({ sinceMs: START });
  after.restore(before.snapshot());
  feedMetrics(after, [exponential(20, [...fast, 30], 1)]);
  expect([...after.versions()].map(({ requestsTotal }) => requestsTotal)).toEqual([31]);
});
