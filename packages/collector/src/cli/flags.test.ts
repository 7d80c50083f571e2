import { expect, test } from "vitest";
import { parseFlags, portFlag } from "./flags.js";

const SPEC = {
  config: { type: "string" },
  json: { type: "boolean" },
  set: { type: "string", multiple: true },
} as const;

test("flags and positionals are told apart", () => {
  const { flags, positionals } = parseFlags(SPEC, [
    "a",
    "--config=x.yaml",
    "--json",
    "--set",
    "1",
    "--set",
    "2",
    "b",
  ]);
  expect({ ...flags }).toEqual({ config: "x.yaml", json: true, set: ["1", "2"] });
  expect(positionals).toEqual(["a", "b"]);
});

test.each([
  [["--confg", "x"], "Unknown flag --confg. Did you mean --config?"],
  [["--zzzzzz"], "Unknown flag --zzzzzz."],
  [["--config"], "Option '--config <value>' argument missing"],
])("%j is refused: %s", (args, message) => {
  expect(() => parseFlags(SPEC, args)).toThrow(message);
});

test("a port is a number from 0 to 65535", () => {
  expect(portFlag("port", undefined)).toBeUndefined();
  expect(portFlag("port", "0")).toBe(0);
  expect(() => portFlag("port", "70000")).toThrow(
    "--port 70000 is not a port. Write a number from 0 (any free one) to 65535.",
  );
});
