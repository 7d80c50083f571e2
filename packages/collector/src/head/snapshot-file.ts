import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { UnixMs } from "@tocsin/model";
import type { Head } from "./head.js";
import { readSnapshot, writeSnapshot } from "./snapshot.js";

const NAME = "head.snapshot";

/** Writes the head's snapshot, whole or not at all: what was there before stays until the new one is on disk. */
export async function saveSnapshot(head: Head, dir: string, mark: unknown, nowMs: UnixMs): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const temporary = join(dir, `${NAME}.tmp`);
  const file = await open(temporary, "w", 0o600);
  try {
    await writeSnapshot(head, mark, nowMs, async (block) => {
      await file.write(block);
    });
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, join(dir, NAME));
}

/**
 * Loads the head's snapshot into an empty head.
 *
 * @returns the mark it was saved with; undefined when there is none
 * @throws {CollectorError} HEAD_SNAPSHOT_DAMAGED
 */
export async function loadSnapshot(head: Head, dir: string): Promise<unknown> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(join(dir, NAME));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  return readSnapshot(head, bytes);
}

/** Takes a snapshot that cannot be read out of the way. */
export async function removeSnapshot(dir: string): Promise<void> {
  await rm(join(dir, NAME), { force: true });
}
