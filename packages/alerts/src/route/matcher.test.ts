import { expect, test } from "vitest";
import { createMatcher, formatMatchers, matchesAll, parseMatchers } from "./matcher.js";

test.each([
  ['foo="bar"', '{foo="bar"}'],
  ["foo=bar", '{foo="bar"}'],
  ['{foo="bar", baz!~"a|b"}', '{foo="bar",baz!~"a|b"}'],
  ["{foo!=bar,}", '{foo!="bar"}'],
  ['"foo bar"=~"x.*"', '{"foo bar"=~"x.*"}'],
  ["größe=ja", '{"größe"="ja"}'],
  ["{}", "{}"],
  ["", "{}"],
  ['foo=""', '{foo=""}'],
  ["foo=a b{c}", '{foo="a b{c}"}'],
  ["foo=", '{foo=""}'],
  ['foo="a,b"', '{foo="a,b"}'],
  ['foo="a\\"b"', '{foo="a\\"b"}'],
  [" foo =~ a|b , bar = c ", '{foo=~"a|b",bar="c"}'],
])("reads %s", (text, want) => {
  expect(formatMatchers(parseMatchers(text))).toBe(want);
});

test.each([
  [
    "foo",
    'In the matcher "foo", =, !=, =~ or !~ was expected before the end. Write for instance severity="page".',
  ],
  [
    '{foo="bar"',
    `In the matcher "{foo=\\"bar\\"", "}" at the end was expected before "{foo=\\"bar\\"". Write for instance severity="page".`,
  ],
  [
    'foo="a"b"',
    `In the matcher "foo=\\"a\\"b\\"", "," was expected before "b\\"". Write for instance severity="page".`,
  ],
])("refuses %s and says what was expected", (text, want) => {
  expect(() => parseMatchers(text)).toThrow(want);
});

test("an absent label is the empty value, and expressions match the whole value", () => {
  const labels = { severity: "page", job: "api-1" };
  expect(createMatcher("team", "=", "").matches(labels)).toBe(true);
  expect(createMatcher("job", "=~", "api").matches(labels)).toBe(false);
  expect(createMatcher("job", "=~", "api-\\d").matches(labels)).toBe(true);
  expect(createMatcher("job", "!~", "api.*").matches(labels)).toBe(false);
  expect(matchesAll(parseMatchers('severity=~"page|ticket",job!="x"'), labels)).toBe(true);
});
