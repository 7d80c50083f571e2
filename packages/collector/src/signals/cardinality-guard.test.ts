import { expect, test } from "vitest";
import { CardinalityGuard, OTHER } from "./cardinality-guard.js";

test("names beyond the limit share one, and are counted once each", () => {
  const guard = new CardinalityGuard(2, (name) => ({ name }));
  const used = ["a", "b", "c", "a", "c", "d", OTHER].map((name) => guard.use(name, 1).name);
  expect(used).toEqual(["a", "b", OTHER, "a", OTHER, OTHER, OTHER]);
  expect(guard.foldedCount).toBe(2);
  expect([...guard.entries()].map(([name]) => name)).toEqual(["a", "b", OTHER]);
});

test("what is no longer used makes room; what was folded may then find it", () => {
  const guard = new CardinalityGuard(2, (name) => ({ name }));
  guard.use("a", 10);
  guard.use("b", 20);
  expect(guard.use("c", 30).name).toBe(OTHER);
  guard.forget(15);
  expect(guard.use("c", 31).name).toBe("c");
  expect(guard.foldedCount).toBe(0);
  expect(guard.get("a")).toBeUndefined();
});
