import fc from "fast-check";
import { expect, test } from "vitest";
import type { SliReading } from "./sli-reader.js";
import { judge } from "./verdict.js";

function reading(bad: number, total: number): SliReading {
  const errorRatio = total === 0 ? 0 : bad / total;
  return { windowMs: 60_000, endMs: 0, good: total - bad, total, errorRatio, burnRate: errorRatio / 0.001 };
}

test.each([
  { name: "the story's rollback", before: reading(55, 600), after: reading(0, 600), want: "helped" },
  { name: "errors halved for sure", before: reading(200, 1000), after: reading(90, 1000), want: "helped" },
  {
    name: "surely lower, but not by half",
    before: reading(500, 1000),
    after: reading(400, 1000),
    want: "no effect",
  },
  { name: "the same", before: reading(55, 600), after: reading(54, 600), want: "no effect" },
  {
    name: "fewer errors that may be chance",
    before: reading(2, 20),
    after: reading(0, 20),
    want: "too little data",
  },
  { name: "much worse", before: reading(55, 600), after: reading(300, 600), want: "worse" },
  {
    name: "surely higher, by less than a quarter",
    before: reading(5000, 10000),
    after: reading(5500, 10000),
    want: "no effect",
  },
  { name: "errors where there were none", before: reading(0, 600), after: reading(60, 600), want: "worse" },
  { name: "no errors on either side", before: reading(0, 600), after: reading(0, 600), want: "no effect" },
  {
    name: "nothing but errors on both sides",
    before: reading(600, 600),
    after: reading(600, 600),
    want: "no effect",
  },
  {
    name: "hardly any traffic before",
    before: reading(9, 9),
    after: reading(0, 600),
    want: "too little data",
  },
  {
    name: "hardly any traffic after",
    before: reading(55, 600),
    after: reading(0, 9),
    want: "too little data",
  },
  { name: "no data before", before: undefined, after: reading(0, 600), want: "too little data" },
  { name: "no data after", before: reading(55, 600), after: undefined, want: "too little data" },
])("$name: $want", ({ before, after, want }) => {
  expect(judge(before, after).verdict).toBe(want);
});

test("gives the numbers on which it rests", () => {
  expect(judge(reading(55, 600), reading(0, 600)).reason).toBe(
    "error ratio 9.17 % → 0 % (55 bad of 600, then 0 bad of 600)",
  );
});

test("never calls more errors help, nor fewer errors harm", () => {
  const side = fc.nat(2_000).chain((total) => fc.nat(total).map((bad) => reading(bad, total)));
  fc.assert(
    fc.property(side, side, (before, after) => {
      const { verdict } = judge(before, after);
      if (verdict === "helped") expect(after.errorRatio).toBeLessThan(before.errorRatio);
      if (verdict === "worse") expect(after.errorRatio).toBeGreaterThan(before.errorRatio);
    }),
  );
});
