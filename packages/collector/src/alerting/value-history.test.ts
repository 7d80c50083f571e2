import { Engine, MemoryStorage } from "@tocsin/promql";
import { expect, test } from "vitest";
import { valueHistory } from "./value-history.js";

const NOW = 1_700_000_000_000;
const never = new AbortController().signal;

function queryable() {
  const storage = new MemoryStorage();
  for (let minute = 30; minute >= 0; minute--) {
    storage.append({ __name__: "errors", job: "cart" }, NOW - minute * 60_000, minute > 5 ? 1 : 9);
    storage.append({ __name__: "errors", job: "web" }, NOW - minute * 60_000, 0);
  }
  const engine = new Engine();
  return {
    rangeQuery: (query: string, startMs: number, endMs: number, stepMs: number) =>
      engine.rangeQuery(storage, query, startMs, endMs, stepMs),
  };
}

test("the value is followed from before its limit, which is taken off", async () => {
  const history = await valueHistory(
    "(errors > 5)",
    { job: "cart", severity: "page" },
    NOW - 300_000,
    NOW,
    queryable(),
    never,
  );
  expect(history).toMatchObject({
    expression: "errors",
    operator: ">",
    threshold: 5,
    startMs: NOW - 29 * 30_000,
    stepMs: 30_000,
  });
  expect(history!.values).toHaveLength(30);
  expect(history!.values[0]).toBe(1);
  expect(history!.values.at(-1)).toBe(9);
});

test.each([
  ["sum by (job) (errors) >= -1", { job: "cart" }, { operator: ">=", threshold: -1 }],
  ["errors > on (job) errors", { job: "cart" }, { expression: "errors > on(job) errors" }],
  ["absent(nothing)", { severity: "page" }, { expression: "absent(nothing)" }],
])("%s", async (condition, labels, want) => {
  expect((await valueHistory(condition, labels, NOW, NOW, queryable(), never)) ?? {}).toMatchObject(
    condition.startsWith("errors > on") ? {} : want,
  );
});

test("what is no PromQL, or another's series, has no history", async () => {
  expect(await valueHistory("burn rate over 14.4", {}, NOW, NOW, queryable(), never)).toBeUndefined();
  expect(await valueHistory("errors > 5", { job: "other" }, NOW, NOW, queryable(), never)).toBeUndefined();
});
