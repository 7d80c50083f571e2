import { expect, test } from "vitest";
import { prettyLine } from "./pretty.js";

test.each([
  {
    line: `{"level":30,"time":1800000000123,"pid":1,"hostname":"h","port":3000,"msg":"ready"}\n`,
    want: "08:00:00.123 INFO  ready port=3000\n",
  },
  {
    line: `{"level":50,"time":0,"err":{"stack":"Error: x\\n    at y"},"trace_id":"0af7651916cd43dd8448eb211c80319c","msg":"failed"}\n`,
    want: "00:00:00.000 ERROR failed trace=0af76519\nError: x\n    at y\n",
  },
  { line: "not json\n", want: "not json\n" },
])("$want", ({ line, want }) => {
  expect(prettyLine(line)).toBe(want);
});
