import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { FileJournal } from "../../dist/journal/index.js";

const ROUNDS = 100;

/** Appends for as long as it lives, several at a time, compacting on the way; says each number once it is durable. */
const WRITER = `
  const [, url, path, from] = process.argv;
  const { FileJournal } = await import(url);
  const journal = await FileJournal.open({ path, compactAtBytes: 20_000 });
  journal.addCompaction({ part: "passing", keep: (records) => records.slice(-5) });
  for (let n = Number(from); ; n += 3) {
    await Promise.all([n, n + 1, n + 2].map(async (each) => {
      await journal.append({ kind: "passing.fact", atMs: each, text: "x".repeat(500) });
      await journal.append({ kind: "kept.fact", atMs: each });
      process.stdout.write(each + "\\n");
    }));
  }
`;

test(`${ROUNDS} rounds of kill -9: nothing that was acknowledged is lost, doubled or out of order`, {
  timeout: 300_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), "tocsin-journal-kill-"));
  const path = join(folder, "journal.log");
  const url = new URL("../../dist/journal/index.js", import.meta.url).href;
  const acknowledged = new Set<number>();
  let next = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const child = spawn(process.execPath, ["--input-type=module", "-e", WRITER, url, path, String(next)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    // Killed at a different place in every round; what was already written to the pipe is still read.
    const killAfter = 1 + ((round * 37) % 90);
    let seen = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged.add(Number(line));
      if (++seen === killAfter) child.kill("SIGKILL");
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    const { kept } = await contentOf(path);
    next = Math.max(...kept) + 1;
  }
  const { kept, passing, damaged } = await contentOf(path);
  await rm(folder, { recursive: true });
  expect(kept).toEqual([...new Set(kept)].sort((a, b) => a - b));
  const durable = new Set(kept);
  expect([...acknowledged].filter((n) => !durable.has(n))).toEqual([]);
  expect(acknowledged.size).toBeGreaterThan(ROUNDS);
  expect(passing).toBeLessThan(kept.length);
  expect(damaged).toBe(0);
});

async function contentOf(path: string) {
  const journal = await FileJournal.open({ path });
  const kept: number[] = [];
  let passing = 0;
  for await (const record of journal.read()) {
    if (record.kind === "kept.fact") kept.push(record.atMs);
    else passing += 1;
  }
  const damaged = journal.stats.damagedRecords;
  await journal.close();
  return { kept, passing, damaged };
}
