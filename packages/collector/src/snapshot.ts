import { open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import type { SpoolPosition } from "./spool/record.js";

/**
 * What the in-memory stages knew at one position of the spool. Position and state are one file, so that after a crash
 * the records behind the position are replayed onto exactly the state that has not seen them: no count is lost or doubled.
 */
export interface Snapshot {
  readonly position: SpoolPosition;
  /** State by stage; each stage reads only its own form. */
  readonly parts: Readonly<Record<string, Uint8Array>>;
}

const MAGIC = "tocsin-snapshot-1";
const EMPTY = new Uint8Array();
/** Eight hexadecimal digits and a line end. */
const CHECKSUM_LENGTH = 9;

/** Replaces the snapshot as a whole: a crash leaves the old one or the new one, never a mixture. */
export async function writeSnapshot(file: string, snapshot: Snapshot): Promise<void> {
  const names = Object.keys(snapshot.parts);
  const header = JSON.stringify({
    magic: MAGIC,
    position: snapshot.position,
    parts: names.map((name) => [name, snapshot.parts[name]?.byteLength ?? 0]),
  });
  const content = Buffer.concat([
    Buffer.from(`${header}\n`),
    ...names.map((name) => snapshot.parts[name] ?? EMPTY),
  ]);
  const checksum = Buffer.from(`${crc32(content).toString(16).padStart(8, "0")}\n`);
  const next = `${file}.next`;
  const handle = await open(next, "w", 0o600);
  try {
    await handle.writev([checksum, content]);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(next, file);
  await syncFolder(dirname(file));
}

/**
 * Reads what `writeSnapshot` wrote.
 *
 * @returns undefined when there is none; `damaged` when there is one that cannot be trusted, which is set aside as
 *   `<file>.damaged` for a look
 */
export async function readSnapshot(file: string): Promise<Snapshot | "damaged" | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const snapshot = parse(bytes);
  if (snapshot) return snapshot;
  await rename(file, `${file}.damaged`);
  return "damaged";
}

function parse(bytes: Buffer): Snapshot | undefined {
  const content = bytes.subarray(CHECKSUM_LENGTH);
  const checksum = bytes.toString("latin1", 0, CHECKSUM_LENGTH);
  if (checksum !== `${crc32(content).toString(16).padStart(8, "0")}\n`) return undefined;
  const end = content.indexOf(10);
  const header = JSON.parse(content.toString("utf8", 0, end)) as {
    magic?: string;
    position: SpoolPosition;
    parts: [string, number][];
  };
  if (header.magic !== MAGIC) return undefined;
  const parts: Record<string, Uint8Array> = {};
  let offset = end + 1;
  for (const [name, length] of header.parts) {
    parts[name] = content.subarray(offset, offset + length);
    offset += length;
  }
  return { position: header.position, parts };
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
