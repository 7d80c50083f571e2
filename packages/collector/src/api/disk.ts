import { randomUUID } from "node:crypto";
import { statfs, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, messageOf, type UnixMs } from "@tocsin/model";

/** The disk under the data folder. */
export interface DiskStatus {
  readonly freeBytes?: number;
  readonly sizeBytes?: number;
  /** Why nothing can be written there; undefined when it can. */
  readonly writeError?: string;
  /** Why even that could not be found out. */
  readonly error?: string;
}

/** Writing is tried no more often than this, however often it is asked. */
const PROBE_EVERY_MS = 2_000;
/** Room for a block: an empty file fits on a full disk. */
const PROBE = Buffer.alloc(4_096);

/** Looks at the data folder: how much is free, and whether a file can be written. */
export function diskProbe(folder: string, clock: Clock): () => Promise<DiskStatus> {
  let last: { readonly atMs: UnixMs; readonly writeError: string | undefined } | undefined;
  return async () => {
    if (last === undefined || clock.now() - last.atMs >= PROBE_EVERY_MS) {
      last = { atMs: clock.now(), writeError: await tryToWrite(folder) };
    }
    const { writeError } = last;
    try {
      const { bavail, blocks, bsize } = await statfs(folder);
      return { freeBytes: bavail * bsize, sizeBytes: blocks * bsize, ...(writeError && { writeError }) };
    } catch (error) {
      return { error: messageOf(error) };
    }
  };
}

async function tryToWrite(folder: string): Promise<string | undefined> {
  const file = join(folder, `.probe-${randomUUID()}`);
  try {
    await writeFile(file, PROBE, { mode: 0o600 });
    return undefined;
  } catch (error) {
    return messageOf(error);
  } finally {
    await unlink(file).catch(() => {
      // It was never made.
    });
  }
}
