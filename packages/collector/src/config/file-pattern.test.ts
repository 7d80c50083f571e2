import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { filesMatching } from "./file-pattern.js";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tocsin-pattern-"));
  for (const name of ["a", "b"]) await mkdir(join(folder, "rules", name), { recursive: true });
  for (const name of ["a/one.yml", "a/two.yaml", "b/one.yml", "b/x+y.yml", "top.yml"]) {
    await writeFile(join(folder, "rules", name), "");
  }
});

afterAll(() => rm(folder, { recursive: true }));

test.each([
  ["rules/*.yml", ["rules/top.yml"]],
  ["rules/*/one.yml", ["rules/a/one.yml", "rules/b/one.yml"]],
  ["rules/[a]/*", ["rules/a/one.yml", "rules/a/two.yaml"]],
  ["rules/b/x+?.yml", ["rules/b/x+y.yml"]],
  ["rules/*", ["rules/top.yml"]],
  ["none/*.yml", []],
  ["rules/missing.yml", ["rules/missing.yml"]],
])("%s gives %j", async (pattern, wanted) => {
  expect(await filesMatching(join(folder, pattern))).toEqual(wanted.map((file) => join(folder, file)));
});
