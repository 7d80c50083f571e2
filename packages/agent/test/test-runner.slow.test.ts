import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { NODE, REGISTER } from "./support/service.js";
import { Sink } from "./support/sink.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

let sink: Sink;
let dir: string;
beforeAll(async () => {
  sink = await Sink.open();
  dir = mkdtempSync(join(tmpdir(), "tocsin-agent-"));
  symlinkSync(join(ROOT, "node_modules"), join(dir, "node_modules"));
});
afterAll(async () => {
  await sink.close();
  rmSync(dir, { recursive: true });
});

test("a vitest run in a process with the agent passes and ends", () => {
  writeFileSync(
    join(dir, "sum.test.mjs"),
    `import { expect, test } from "vitest"; test("adds", () => expect(1 + 1).toBe(2));`,
  );
  const run = spawnSync(
    NODE,
    [join(ROOT, "node_modules/vitest/vitest.mjs"), "run", "--root", dir, "--pool=threads"],
    {
      cwd: dir,
      encoding: "utf8",
      env: { PATH: process.env.PATH, NODE_OPTIONS: `--import ${REGISTER}`, TOCSIN_URL: sink.url },
      timeout: 20_000,
    },
  );
  expect(run.stdout + run.stderr).toContain("1 passed");
  expect(run.status).toBe(0);
});
