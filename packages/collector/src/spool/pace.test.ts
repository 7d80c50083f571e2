import { expect, test } from "vitest";
import { Pace } from "./pace.js";

function paceOf(lags: Record<string, number>) {
  const pace = new Pace({ consumers: ["signals", "head"], maxLagBytes: 100 });
  for (const name of Object.keys(lags)) pace.watch(name, () => lags[name] ?? 0);
  return pace;
}

interface Case {
  readonly name: string;
  readonly lags: Record<string, number>;
  readonly inFlight: number;
  readonly bytes: number;
  readonly want: boolean;
}

test.each<Case>([
  { name: "nothing before it", lags: { signals: 0 }, inFlight: 0, bytes: 5_000, want: false },
  { name: "all of it fits", lags: { signals: 50, head: 0 }, inFlight: 20, bytes: 30, want: false },
  { name: "the slowest has too much", lags: { signals: 0, head: 90 }, inFlight: 0, bytes: 11, want: true },
  { name: "what is in flight counts too", lags: { signals: 10 }, inFlight: 90, bytes: 1, want: true },
  { name: "others may lag as they like", lags: { forward: 9_000 }, inFlight: 0, bytes: 1, want: false },
])("$name: held up is $want", ({ lags, inFlight, bytes, want }) => {
  expect(paceOf(lags).isBehind(inFlight, bytes)).toBe(want);
});

test("what a restart left to read keeps nobody out until it is read", () => {
  const lags = { signals: 500 };
  const pace = paceOf(lags);
  expect(pace.isBehind(0, 10)).toBe(false);
  lags.signals = 90;
  expect(pace.isBehind(0, 10)).toBe(false);
  lags.signals = 500;
  expect(pace.isBehind(0, 10)).toBe(true);
});
