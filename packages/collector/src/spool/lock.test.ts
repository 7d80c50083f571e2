import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lockDirectory } from "./lock.js";

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "tocsin-lock-"));
});

afterEach(() => rm(dir, { recursive: true, force: true }));

test("a directory that a living process holds is refused, naming the process", async () => {
  const other = spawn(process.execPath, ["-e", "process.stdin.resume()"], {
    stdio: ["pipe", "ignore", "inherit"],
  });
  try {
    await once(other, "spawn");
    await writeFile(join(dir, "lock"), `${other.pid} unknown`);
    await expect(lockDirectory(dir)).rejects.toMatchObject({
      code: "SPOOL_LOCKED",
      message: expect.stringContaining(`Process ${other.pid} uses ${dir} already.`),
    });
    // The same id, but of a process that began at another time: the one that wrote the file is gone.
    if (process.platform === "linux") {
      await writeFile(join(dir, "lock"), `${other.pid} 1`);
      await (await lockDirectory(dir))();
    }
  } finally {
    other.kill("SIGKILL");
  }
  await once(other, "exit");
  await writeFile(join(dir, "lock"), `${other.pid} unknown`);
  const unlock = await lockDirectory(dir);
  await unlock();
  expect(await readdir(dir)).toEqual([]);
});

test.each(["", "rubbish", "-1 5", `${process.pid} 5`])("a file that says %j holds nothing", async (text) => {
  await writeFile(join(dir, "lock"), text);
  await expect(lockDirectory(dir)).resolves.toBeTypeOf("function");
});
