import { describe, expect, test } from "vitest";
import { PromQLError } from "../errors.js";
import { parse } from "./parse.js";

function fault(query: string): PromQLError {
  try {
    parse(query);
  } catch (error) {
    if (error instanceof PromQLError) return error;
    throw error;
  }
  throw new Error(`${query} parses`);
}

describe("parse", () => {
  test.each([
    ["", "1:1: parse error: no expression found in input"],
    ["# only a comment", "1:1: parse error: no expression found in input"],
    ["sum(", "1:5: parse error: unclosed left parenthesis"],
    ["foo{", "1:5: parse error: unclosed left brace"],
    ["foo bar", '1:5: parse error: unexpected identifier "bar"'],
    ["1 +", "1:4: parse error: unexpected end of input"],
    ["rte(foo[5m])", '1:1: parse error: unknown function with name "rte", did you mean "rate"?'],
    [
      "rate(foo)",
      '1:6: parse error: expected type range vector in call to function "rate", got instant vector',
    ],
    ["rate()", '1:1: parse error: expected 1 argument(s) in call to "rate", got 0'],
    ["label_join(foo)", '1:1: parse error: expected at least 3 argument(s) in call to "label_join", got 1'],
    ["round(foo, 1, 2)", '1:1: parse error: expected at most 2 argument(s) in call to "round", got 3'],
    ["1 == 2", "1:1: parse error: comparisons between scalars must use BOOL modifier"],
    ["1 + bool 2", "1:1: parse error: bool modifier can only be used on comparison operators"],
    ["foo and 1", '1:1: parse error: set operator "and" not allowed in binary scalar expression'],
    ["foo + on (a) 1", "1:1: parse error: vector matching only allowed between instant vectors"],
    ["foo and on (a) group_left (b) bar", '1:1: parse error: no grouping allowed for "and" operation'],
    [
      "a + on (x) group_left (x) b",
      '1:1: parse error: label "x" must not occur in ON and GROUP clause at once',
    ],
    ["sum(1)", "1:5: parse error: expected type instant vector in aggregation expression, got scalar"],
    [
      "topk(foo)",
      "1:5: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1",
    ],
    ["foo[5m][5m]", "1:1: parse error: ranges only allowed for vector selectors"],
    ["foo offset 1m [5m]", "1:1: parse error: no offset modifiers allowed before range"],
    ["foo offset 1m offset 2m", "1:1: parse error: offset may not be set multiple times"],
    ["1[5m:]", "1:1: parse error: subquery is only allowed on instant vector, got scalar instead"],
    ["foo[0s]", "1:5: parse error: duration must be greater than 0"],
    ["foo[1h/0]", "1:5: parse error: division by zero"],
    ["{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"],
    ['{a=~".*"}', "1:1: parse error: vector selector must contain at least one non-empty matcher"],
    ['foo{__name__="bar"}', '1:1: parse error: metric name must not be set twice: "foo" or "bar"'],
    [
      "-foo[5m]",
      '1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got "range vector"',
    ],
    ['"abc', "1:1: parse error: unterminated quoted string"],
    ['foo{a="\\z"}', "1:7: parse error: unknown escape sequence U+007A 'z'"],
    [
      "foo\n  + rate(bar)",
      '2:10: parse error: expected type range vector in call to function "rate", got instant vector',
    ],
  ])("%s is refused: %s", (query, message) => {
    const error = fault(query);
    expect(error.message).toBe(message);
    expect(error).toMatchObject({ kind: "parse", code: "PROMQL_PARSE" });
    expect(error.range).toBeDefined();
  });

  test("says what is wrong with a regex", () => {
    expect(fault('foo{a=~"("}').message).toMatch(
      /^1:5: parse error: error parsing regexp: .*`\(` is not a valid RE2/,
    );
  });

  test("takes long chains and refuses bottomless nesting with a clear error", () => {
    expect(parse(Array(1_500).fill('m{a="b"}').join(" or ")).kind).toBe("binary");
    expect(fault(`${"(".repeat(5_000)}1${")".repeat(5_000)}`).message).toContain("nested too deeply");
  });
});
