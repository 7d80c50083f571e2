import { createMatcher, type Matcher, type MatchOperator, matchesAll } from "@tocsin/promql";
import fc from "fast-check";
import { expect, test } from "vitest";
import { LabelIndex } from "./label-index.js";
import { newSeries } from "./series.js";

const VALUES = ["", "a", "b", "ab", "abc", "1", "200", "404", "500"];
const PATTERNS = [...VALUES, "a|b", "4..", ".+", ".*", "a.*", "(a|b)c?", "[0-9]+", "5..|4.."];

test("finds what trying every condition on every series finds, also after series came and went", () => {
  const labels = fc.record({
    __name__: fc.constantFrom("up", "reqs"),
    code: fc.constantFrom(...VALUES),
    path: fc.constantFrom(...VALUES),
  });
  const matcher = fc
    .tuple(
      fc.constantFrom("__name__", "code", "path", "missing", "constructor"),
      fc.constantFrom<MatchOperator[]>("=", "!=", "=~", "!~"),
      fc.constantFrom(...PATTERNS, "up", "reqs"),
    )
    .map(([name, operator, value]): Matcher => createMatcher(name, operator, value));
  const action = fc.oneof(
    { weight: 5, arbitrary: labels.map((made) => ({ made })) },
    { weight: 1, arbitrary: fc.nat().map((goneAt) => ({ goneAt })) },
    { weight: 2, arbitrary: fc.array(matcher, { minLength: 1, maxLength: 3 }).map((asked) => ({ asked })) },
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 80 }), (actions) => {
      const index = new LabelIndex();
      const alive: ReturnType<typeof newSeries>[] = [];
      let ordinal = 0;
      const check = (matchers: readonly Matcher[]) =>
        expect(index.select(matchers)).toEqual(alive.filter((one) => matchesAll(matchers, one.labels)));
      const asked: (readonly Matcher[])[] = [];
      for (const step of actions) {
        if ("made" in step) {
          const one = newSeries(index.intern(step.made), ordinal, ordinal);
          ordinal++;
          alive.push(one);
          index.add(one);
        } else if ("goneAt" in step) {
          const [gone] = alive.splice(step.goneAt % Math.max(1, alive.length), 1);
          if (gone) {
            gone.isGone = true;
            index.sweep([gone]);
          }
        } else {
          asked.push(step.asked);
        }
        for (const matchers of asked)
          if (!matchers.some(({ name }) => name === "constructor")) check(matchers);
      }
      expect(index.labelValues("code")).toEqual(
        [...new Set(alive.map((one) => one.labels.code).filter((code) => code !== undefined))].sort(),
      );
    }),
    { numRuns: 150 },
  );
});

test("a label called like an object's method is absent where no series has it", () => {
  const index = new LabelIndex();
  index.add(newSeries(index.intern({ __name__: "m" }), 0, 0));
  expect(index.select([createMatcher("constructor", "=", "")])).toHaveLength(1);
  expect(index.select([createMatcher("constructor", "=~", ".+")])).toHaveLength(0);
});
