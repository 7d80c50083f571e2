import { expect, test } from "vitest";
import { describesItself, laneOf, parseInsert, rewriteKill } from "./statement.js";

test.each([
  ["INSERT INTO t FORMAT RowBinary", { table: "t", columns: [], format: "RowBinary" }],
  ["insert into db.t (a, `e.x`)\nFORMAT Native", { table: "db.t", columns: ["a", "e.x"], format: "Native" }],
  ["INSERT INTO t SELECT 1", undefined],
  ["INSERT INTO t VALUES (1)", undefined],
  ["SELECT 1 FORMAT JSON", undefined],
])("knows an insert with data: %s", (sql, want) => {
  expect(parseInsert(sql)).toEqual(want);
});

test.each([
  ["SELECT 1", "read"],
  ["-- why\n/* and */ WITH 1 AS a SELECT a", "read"],
  ["DESCRIBE TABLE t", "read"],
  ["INSERT INTO t SELECT 1", "write"],
  ["ALTER TABLE t DROP PARTITION '2026-01-01'", "write"],
  ["KILL QUERY WHERE query_id = 'a'", "control"],
])("sends %s to its lane", (sql, want) => {
  expect(laneOf(sql)).toBe(want);
});

test("a kill is never synchronous and finds our ids", () => {
  expect(rewriteKill("KILL QUERY WHERE query_id = 'a' SYNC")).toBe(
    "KILL QUERY WHERE Settings['log_comment'] = 'a' ASYNC",
  );
});

test.each([
  ["Native", true],
  ["RowBinaryWithNamesAndTypes", true],
  ["RowBinary", false],
  ["JSONEachRow", false],
])("%s describes itself: %s", (format, want) => {
  expect(describesItself(format)).toBe(want);
});
