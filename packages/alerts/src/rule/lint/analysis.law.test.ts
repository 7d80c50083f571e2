import { Engine, MemoryStorage, parse, VectorResult } from "@tocsin/promql";
import fc from "fast-check";
import { expect, test } from "vitest";
import { analyse } from "./analysis.js";
import { canHave } from "./label-facts.js";

const T = 1_000_000_000_000;
const LABELS = ["job", "pod", "env"] as const;

/** Two metrics with series whose labels are there or not, and values around the numbers that expressions compare with. */
const storage = (() => {
  const memory = new MemoryStorage();
  const values = [-2, -1, 0, 1, 2, 3, 5, Number.NaN];
  let next = 0;
  for (const __name__ of ["a", "b"])
    for (const job of ["", "x", "y"])
      for (const pod of ["", "x"])
        for (const env of ["", "y"]) {
          const labels = { __name__, ...(job && { job }), ...(pod && { pod }), ...(env && { env }) };
          for (let step = 5; step >= 0; step--)
            memory.append(labels, T - step * 60_000, values[next++ % values.length]!);
        }
  return memory;
})();

const label = fc.constantFrom(...LABELS);
const labelList = fc.uniqueArray(label, { maxLength: 2 }).map((names) => `(${names.join(", ")})`);
const matcher = fc
  .tuple(label, fc.constantFrom("=", "!=", "=~", "!~"), fc.constantFrom("", "x", "y", "x|y"))
  .map(([name, operator, value]) => `${name}${operator}"${value}"`);
const selector = fc
  .tuple(fc.constantFrom("a", "b"), fc.array(matcher, { maxLength: 2 }))
  .map(([name, matchers]) => `${name}{${matchers.join(",")}}`);
const scalar = fc.constantFrom("0", "1", "2", "-1", "5", "(2 * 3 - 1)");
const comparison = fc.constantFrom("==", "!=", ">", "<", ">=", "<=");

const { vector } = fc.letrec<{ vector: string }>((tie) => {
  const inner = tie("vector");
  const call = (name: string) => inner.map((each) => `${name}(${each})`);
  const range = (name: string) => selector.map((each) => `${name}(${each}[5m])`);
  const matching = fc.oneof(
    fc.constant(""),
    fc.tuple(fc.constantFrom("on", "ignoring"), labelList).map(([word, labels]) => `${word} ${labels}`),
  );
  const side = fc.oneof(
    fc.constant(""),
    fc
      .tuple(fc.constantFrom("group_left", "group_right"), fc.constantFrom("", "(env)"))
      .map(([word, labels]) => `${word} ${labels}`),
  );
  return {
    vector: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      selector,
      fc
        .constantFrom(
          "count_over_time",
          "sum_over_time",
          "max_over_time",
          "rate",
          "absent_over_time",
          "changes",
        )
        .chain(range),
      fc.constantFrom("absent", "abs", "sgn", "-", "sort", "hour", "sqrt").chain(call),
      scalar.map((each) => `vector(${each})`),
      fc.tuple(inner, scalar, scalar).map(([each, low, high]) => `clamp(${each}, ${low}, ${high})`),
      fc
        .tuple(inner, label, label)
        .map(([each, to, from]) => `label_replace(${each}, "${to}", "$1", "${from}", "(.*)")`),
      fc
        .tuple(
          fc.constantFrom("sum", "count", "min", "max", "group", "avg", "stddev"),
          fc.constantFrom("by", "without"),
          labelList,
          inner,
        )
        .map(([name, word, labels, each]) => `${name} ${word} ${labels} (${each})`),
      fc.tuple(inner, comparison, scalar).map(([each, operator, value]) => `(${each} ${operator} ${value})`),
      fc.tuple(scalar, comparison, inner).map(([value, operator, each]) => `(${value} ${operator} ${each})`),
      fc
        .tuple(inner, comparison, scalar)
        .map(([each, operator, value]) => `(${each} ${operator} bool ${value})`),
      fc
        .tuple(inner, fc.constantFrom("+", "-", "*", "/"), scalar)
        .map(([each, operator, value]) => `(${each} ${operator} ${value})`),
      fc
        .tuple(inner, fc.constantFrom("and", "or", "unless"), matching, inner)
        .map(([left, operator, match, right]) => `(${left} ${operator} ${match} ${right})`),
      fc
        .tuple(inner, fc.oneof(comparison, fc.constantFrom("+", "*")), matching, side, inner)
        .map(
          ([left, operator, match, group, right]) =>
            `(${left} ${operator} ${match} ${match === "" ? "" : group} ${right})`,
        ),
    ),
  };
});

test("what is said of an expression holds for what it gives", async () => {
  const engine = new Engine();
  let answered = 0;
  let neverSeen = 0;
  await fc.assert(
    fc.asyncProperty(vector, async (query) => {
      let expression: ReturnType<typeof parse>;
      let samples: VectorResult["samples"];
      try {
        expression = parse(query);
        const result = await engine.instantQuery(storage, query, T);
        if (!(result instanceof VectorResult)) return;
        samples = result.samples;
      } catch {
        // Many-to-many matches and the like.
        return;
      }
      answered++;
      const { labels, values, never } = analyse(expression);
      if (never) {
        neverSeen++;
        expect(samples).toEqual([]);
      }
      for (const sample of samples) {
        for (const name of LABELS) {
          const has = sample.labels[name] ?? "";
          if (!canHave(labels, name)) expect(has).toBe("");
          if (labels.known.has(name)) expect(has).toBe(labels.known.get(name));
          if (labels.present.has(name)) expect(has).not.toBe("");
        }
        const number = sample.value as number;
        if (Number.isNaN(number)) {
          expect(values.mayBeNaN).toBe(true);
          continue;
        }
        expect(number).toBeGreaterThanOrEqual(values.low);
        expect(number).toBeLessThanOrEqual(values.high);
        if (values.isLowOpen) expect(number).not.toBe(values.low);
        if (values.isHighOpen) expect(number).not.toBe(values.high);
      }
    }),
    { numRuns: Number(process.env.LINT_RUNS ?? 1_000) },
  );
  expect(answered).toBeGreaterThan(100);
  expect(neverSeen).toBeGreaterThan(0);
});
