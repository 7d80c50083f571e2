import { expect, test } from "vitest";
import { nearestName } from "./nearest-name.js";

test.each([
  ["latencey", "latency"],
  ["slo", "slos"],
  ["alretnig", "alerting"],
  ["objectiev", "objective"],
  ["zzz", undefined],
])("%s → %s", (name, wanted) => {
  expect(nearestName(name, ["latency", "slos", "objective", "alerting"])).toBe(wanted);
});
