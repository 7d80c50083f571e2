import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { SlosConfig } from "./config.js";
import { loadSlos } from "./load-slos.js";

const dirs: string[] = [];
afterEach(async () => {
  for (const dir of dirs.splice(0)) await rm(dir, { recursive: true });
});

async function dirWith(files: Readonly<Record<string, string>>): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "tocsin-slos-"));
  dirs.push(dir);
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text);
  return dir;
}

const sloth = (name: string, objective = 99.9) =>
  `version: prometheus/v1\nservice: shop\nslos:\n  - name: ${name}\n    objective: ${objective}\n    sli: { raw: { error_ratio_query: x } }\n`;
const OWN = SlosConfig.parse([
  { name: "own", service: "shop", objective: "99%", sli: { type: "availability" } },
]);

test("SLOs of the configuration come first, then those of its files in the order of their names", async () => {
  const dir = await dirWith({ "b.yaml": sloth("b"), "a.yaml": sloth("a"), "c.txt": "no" });
  const specs = await loadSlos(OWN, ["*.yaml"], dir);
  expect(specs.map(({ name, place }) => [name, place])).toEqual([
    ["own", undefined],
    ["a", "a.yaml:4"],
    ["b", "b.yaml:4"],
  ]);
});

test.each([
  {
    name: "a fault has its place and its caret",
    files: { "a.yaml": sloth("a", 999) },
    want: "a.yaml:5:16 error[config/invalid] slos[0].objective: An objective of Sloth is in percent, over 0 and below 100.\n   5 |     objective: 999\n     |                ^^^",
  },
  {
    name: "a name may be given once",
    files: { "a.yaml": sloth("own") },
    want: 'Two SLOs are called "own" (a.yaml:4). Give each its own name.',
  },
  { name: "a file must be there", files: {}, want: "Cannot read the SLO file a.yaml" },
])("$name", async ({ files, want }) => {
  const dir = await dirWith(files as Record<string, string>);
  await expect(loadSlos(OWN, ["a.yaml"], dir)).rejects.toThrow(want);
});
