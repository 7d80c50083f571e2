import { expect, test } from "vitest";
import { severityIn, severityNamed, severityOf, severityWord } from "./levels.js";

test.each([
  { name: "info", level: 30, want: { number: 9, text: "info" } },
  { name: "audit", level: 35, want: { number: 9, text: "audit" } },
  { name: "NOTICE", level: undefined, want: { number: 10, text: "NOTICE" } },
  { name: "error", level: 3, want: { number: 17, text: "error" } },
  { name: "cold", level: undefined, want: { number: 0, text: "cold" } },
])("the level $name ($level) is severity $want.number", ({ name, level, want }) => {
  expect(severityNamed(name, level)).toEqual(want);
  expect(severityIn(severityWord(want))).toEqual(want);
});

test("a number alone goes by pino's levels, and no word is no severity", () => {
  expect(severityOf(55)).toEqual({ number: 17, text: "error" });
  expect(severityIn("")).toBeUndefined();
});
