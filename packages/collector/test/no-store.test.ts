// Collectors without a store: because none is wanted, and because the engine cannot be loaded here.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { type CollectorProcess, startProcess } from "./process.js";

let collector: CollectorProcess | undefined;

afterEach(async () => {
  await collector?.stop();
  collector = undefined;
});

// biome-ignore lint/suspicious/noExplicitAny: the test looks into free-form JSON.
async function json(path: string): Promise<{ status: number; body: any }> {
  const response = await fetch(`${collector?.url}${path}`);
  return { status: response.status, body: await response.json() };
}

test("where none is wanted the status says what is not kept", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tocsin-none-"));
  await writeFile(join(folder, "tocsin.yaml"), "store: none\n");
  collector = await startProcess({ args: ["--config", join(folder, "tocsin.yaml")] });
  expect((await json("/api/v1/status")).body.store).toEqual({
    kind: "none",
    notKept: ["traces", "logs", "metrics beyond what is in memory"],
  });
  expect(await json("/api/v1/traces")).toMatchObject({ status: 503, body: { code: "STORE_NONE" } });
  await rm(folder, { recursive: true, force: true });
});

test("where the engine cannot be loaded it says why, with the cure, and intake goes on", async () => {
  const otherMachine = "data:text/javascript,Object.defineProperty(process,'arch',{value:'riscv64'})";
  collector = await startProcess({ env: { NODE_OPTIONS: `--import=${otherMachine}` } });
  const words =
    "The embedded engine is not made for linux-riscv64. Run Tocsin on Linux or macOS, x64 or arm64.";
  expect(collector.log()).toContain(words);
  expect(collector.log()).toContain("`store: none`");
  const { body } = await json("/readyz");
  expect(body.reasons).toEqual([expect.stringContaining(words)]);
  expect((await json("/api/v1/status")).body.store.fault).toContain(words);
  expect((await json("/api/v1/traces")).body.error).toContain(words);
  const taken = await fetch(`http://127.0.0.1:${collector.otlpHttpPort}/v1/logs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: "a" } }] }] }],
    }),
  });
  expect(taken.status).toBe(200);
});
