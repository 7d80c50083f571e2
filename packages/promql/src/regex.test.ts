import fc from "fast-check";
import { RE2JS } from "re2js";
import { describe, expect, test } from "vitest";
import { compileRegex } from "./regex.js";

describe("compileRegex", () => {
  test.each([
    ["a", ["a"]],
    ["a|b", ["a", "b"]],
    ["^abc$", ["abc"]],
    ["a(b|c)d", ["abd", "acd"]],
    ["(?:GET|POST)", ["GET", "POST"]],
    ["10\\.0\\.0\\.1|x", ["10.0.0.1", "x"]],
    ["", [""]],
    ["a|", ["a", ""]],
  ])("%j stands for a list of literals", (pattern, want) => {
    const regex = compileRegex(pattern);
    expect(regex.kind === "valid" && [...(regex.literals ?? [])]).toEqual(want);
  });

  test.each(["a.*", "[ab]", "a+", "(a|b)+", "\\d", "^a|b$", "(?i)a"])("%j is more than a list", (pattern) => {
    const regex = compileRegex(pattern);
    expect(regex.kind === "valid" && regex.literals).toBeUndefined();
  });

  test.each(["(", "a{2,1}", "(?=x)", "(a)\\1", "*"])("%j is not RE2", (pattern) => {
    expect(compileRegex(pattern).kind).toBe("invalid");
  });

  test("is anchored, and a dot takes newlines", () => {
    const regex = compileRegex("a.b");
    expect(regex.kind === "valid" && [regex.test("a\nb"), regex.test("xa.b"), regex.test("a.bx")]).toEqual([
      true,
      false,
      false,
    ]);
  });

  test("answers in linear time what would take a backtracking engine forever", () => {
    const regex = compileRegex("(a+)+b");
    expect(regex.kind === "valid" && regex.test("a".repeat(20_000))).toBe(false);
  });

  test("its fast paths agree with the regex engine", () => {
    const piece = fc.constantFrom(
      "a",
      "b",
      "ab",
      ".*",
      ".+",
      "|",
      "(a|b)",
      "(?:ab|)",
      "\\.",
      "^",
      "$",
      "",
      "é",
    );
    const pattern = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join(""));
    const texts = fc
      .array(fc.constantFrom("a", "b", ".", "é", "\n"), { maxLength: 4 })
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(pattern, texts, (source, text) => {
        const regex = compileRegex(source);
        if (regex.kind === "invalid") return;
        expect(regex.test(text), `${source} on ${JSON.stringify(text)}`).toBe(
          RE2JS.compile(`^(?:${source})$`, RE2JS.DOTALL).matcher(text).matches(),
        );
      }),
      { numRuns: 2_000 },
    );
  });
});
