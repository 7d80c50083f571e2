import { expect, test } from "vitest";
import { bindParameters, quoteString } from "./bind-parameters.js";

const bind = (sql: string, values: Record<string, string> = {}) =>
  bindParameters(sql, new Map(Object.entries(values)));

test.each([
  { name: "a number", sql: "SELECT {n:UInt64}", values: { n: "5" }, want: "SELECT _CAST('5', 'UInt64')" },
  {
    name: "an escaped string",
    sql: "SELECT {s:String}",
    values: { s: "a\\tb\\\\c\\'d\\n" },
    want: "SELECT _CAST('a\tb\\\\c\\'d\\n', 'String')",
  },
  {
    name: "an array, whose texts keep their own escapes",
    sql: "SELECT {a:Array(String)}",
    values: { a: "['x\\'y','z']" },
    want: "SELECT _CAST('[\\'x\\\\\\'y\\',\\'z\\']', 'Array(String)')",
  },
  {
    name: "a type with arguments",
    sql: "SELECT {t:DateTime64(9, 'UTC')}",
    values: { t: "1.5" },
    want: "SELECT _CAST('1.5', 'DateTime64(9, \\'UTC\\')')",
  },
  {
    name: "no value",
    sql: "SELECT {n:Nullable(Int8)}",
    values: { n: "\\N" },
    want: "SELECT _CAST(NULL, 'Nullable(Int8)')",
  },
  {
    name: "an identifier",
    sql: "SELECT * FROM {t:Identifier}",
    values: { t: "a`b" },
    want: "SELECT * FROM `a\\`b`",
  },
])("binds $name", ({ sql, values, want }) => {
  expect(bind(sql, values as object as Record<string, string>)).toEqual({ ok: true, sql: want });
});

test.each([
  "SELECT '{n:UInt64}'",
  "SELECT 'it''s {n:UInt64} \\' {n:UInt64}'",
  "SELECT `{n:UInt64}`",
  "SELECT 1 -- {n:UInt64}",
  "SELECT /* {n:UInt64} */ {'a': 1}",
])("leaves literals, identifiers, comments and maps alone: %s", (sql) => {
  expect(bind(sql)).toEqual({ ok: true, sql });
});

test("names the parameter that is missing", () => {
  expect(bind("SELECT {a:String}, {b:String}", { a: "" })).toEqual({ ok: false, missing: "b" });
});

test("quotes what could end a literal", () => {
  expect(quoteString("a'b\\c\n\0")).toBe("'a\\'b\\\\c\\n\\0'");
});
