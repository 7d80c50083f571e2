import { describe, expect, test } from "vitest";
import { Engine, MemoryStorage, type Storage } from "../src/index.js";
import { loaded, MINUTE, rising } from "./loaded.js";

/** `count` series of `samples` samples each, a minute apart. */
function wide(count: number, samples: number): MemoryStorage {
  const storage = new MemoryStorage();
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < samples; k++) storage.append({ __name__: "m", i: String(i) }, k * MINUTE, k);
  }
  return storage;
}

describe("limits", () => {
  test("too many samples end a query with a word on what to do", async () => {
    const engine = new Engine({ maxSamples: 1_000 });
    await expect(engine.rangeQuery(wide(50, 60), "m", 0, 60 * MINUTE, MINUTE)).rejects.toMatchObject({
      kind: "eval",
      code: "PROMQL_LIMIT",
      message: expect.stringContaining("Select fewer series"),
    });
  });

  test("too many steps are refused before any sample is read", async () => {
    const storage: Storage = {
      querier: () => {
        throw new Error("must not be opened");
      },
    };
    await expect(new Engine().rangeQuery(storage, "m", 0, 1e9, 10)).rejects.toMatchObject({
      code: "PROMQL_LIMIT",
    });
  });

  test("the time limit ends a query of death", async () => {
    let now = 0;
    // Each look at the clock is a second later than the one before.
    const clock = { now: () => (now += 1_000) };
    const query = "quantile_over_time(0.5, m[30m])";
    const answer = new Engine({ timeoutMs: 5_000, clock }).rangeQuery(
      wide(200, 60),
      query,
      0,
      60 * MINUTE,
      1_000,
    );
    await expect(answer).rejects.toMatchObject({ kind: "timeout", code: "PROMQL_TIMEOUT" });
  });

  test("an abort reaches a running query, and the storage is closed", async () => {
    const inner = wide(2_000, 60);
    let closed = 0;
    const storage: Storage = {
      querier: () => ({
        select: (matchers, hints) => inner.querier().select(matchers, hints),
        close: () => {
          closed++;
        },
      }),
    };
    const abort = new AbortController();
    const query = "quantile_over_time(0.5, m[30m])";
    const answer = new Engine().rangeQuery(storage, query, 0, 60 * MINUTE, 1_000, { signal: abort.signal });
    setTimeout(() => abort.abort(), 0);
    await expect(answer).rejects.toMatchObject({ kind: "timeout", code: "PROMQL_ABORTED" });
    expect(closed).toBe(1);
  });

  test("an aborted signal refuses at once", async () => {
    const answer = new Engine().instantQuery(loaded({}), "1", 0, { signal: AbortSignal.abort() });
    await expect(answer).rejects.toMatchObject({ code: "PROMQL_ABORTED" });
  });
});

describe("features", () => {
  test.each([
    ["mad_over_time(m[5m])", "promql-experimental-functions"],
    ["limitk(1, m)", "promql-experimental-functions"],
    ["rate(m[5m] anchored)", "promql-extended-range-selectors"],
    ["m + fill (0) m", "promql-binop-fill-modifiers"],
    ["start_timestamp(m)", "use-start-timestamps"],
  ] as const)("%s needs %s", async (query, feature) => {
    const storage = loaded({ m: rising(0, 1, 5) });
    await expect(new Engine().instantQuery(storage, query, 0)).rejects.toMatchObject({
      kind: "unsupported",
      message: expect.stringContaining(`Turn on the feature "${feature}"`),
    });
    await expect(new Engine({ features: [feature] }).instantQuery(storage, query, 0)).resolves.toBeDefined();
  });
});

describe("start timestamps", () => {
  test("tell of resets that the values hide", async () => {
    const storage = new MemoryStorage();
    for (const [minute, value, startMinute] of [
      [1, 5, 0.5],
      [2, 10, 0.5],
      [3, 12, 2.5],
    ] as const) {
      storage.append({ __name__: "c_total" }, minute * MINUTE, value, startMinute * MINUTE);
    }
    const ask = async (query: string, features: readonly "use-start-timestamps"[]) => {
      const result = await new Engine({ features }).instantQuery(storage, query, 3 * MINUTE);
      return result.resultType === "vector" ? result.samples[0]?.value : undefined;
    };
    expect(await ask("resets(c_total[5m])", [])).toBe(0);
    expect(await ask("resets(c_total[5m])", ["use-start-timestamps"])).toBe(1);
    expect(await ask("increase(c_total[160s])", ["use-start-timestamps"])).toBe(22);
    expect(await ask("start_timestamp(c_total)", ["use-start-timestamps"])).toBe(150);
  });
});

describe("results", () => {
  test("have the form of the HTTP API's data", async () => {
    const engine = new Engine();
    const storage = loaded({ 'm{a="b"}': [1, Number.POSITIVE_INFINITY] });
    expect(JSON.parse(JSON.stringify(await engine.instantQuery(storage, "m", 0)))).toEqual({
      resultType: "vector",
      result: [{ metric: { __name__: "m", a: "b" }, value: [0, "1"] }],
    });
    expect(JSON.parse(JSON.stringify(await engine.rangeQuery(storage, "m", 0, MINUTE, MINUTE)))).toEqual({
      resultType: "matrix",
      result: [
        {
          metric: { __name__: "m", a: "b" },
          values: [
            [0, "1"],
            [60, "+Inf"],
          ],
        },
      ],
    });
    expect(JSON.parse(JSON.stringify(await engine.instantQuery(storage, "1", 1_500)))).toEqual({
      resultType: "scalar",
      result: [1.5, "1"],
    });
  });

  test("over one storage are had through the Queryable interface", async () => {
    const queryable = new Engine().over(loaded({ m: [1, 2] }));
    expect((await queryable.rangeQuery("m", 0, MINUTE, MINUTE)).series).toHaveLength(1);
    expect((await queryable.instantQuery("m", 0)).resultType).toBe("vector");
  });
});
