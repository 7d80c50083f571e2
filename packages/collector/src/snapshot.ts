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
/** Eight hexadecimal digits and a line end. */
const CHECKSUM_LENGTH = 9;

/** A snapshot to be written: the state by stage, each in any number of pieces. */
export interface SnapshotDraft {
  readonly position: SpoolPosition;
  readonly parts: Readonly<Record<string, readonly Uint8Array[]>>;
}

/** How much is summed and handed to the disk at a time. */
const WRITE_BYTES = 1 << 20;

/** Replaces the snapshot as a whole: a crash leaves the old one or the new one, never a mixture. */
export async function writeSnapshot(file: string, { position, parts }: SnapshotDraft): Promise<void> {
  const lengths = Object.entries(parts).map(([name, pieces]) => [name, lengthOf(pieces)]);
  const header = Buffer.from(`${JSON.stringify({ magic: MAGIC, position, parts: lengths })}\n`);
  const next = `${file}.next`;
  const handle = await open(next, "w", 0o600);
  try {
    // The checksum stands first and is known last.
    let at = CHECKSUM_LENGTH;
    let checksum = 0;
    for (const pieces of portions([header, ...Object.values(parts).flat()])) {
      for (const piece of pieces) checksum = crc32(piece, checksum);
      const length = lengthOf(pieces);
      const { bytesWritten } = await handle.writev(pieces, at);
      if (bytesWritten < length) throw new Error(`only ${bytesWritten} of ${length} bytes could be written`);
      at += length;
    }
    await handle.write(checksumLine(checksum), 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(next, file);
  await syncFolder(dirname(file));
}

/** Pieces in portions of about `WRITE_BYTES`, and of no more pieces than one call to the system takes. */
function* portions(pieces: Iterable<Uint8Array>): Generator<Uint8Array[]> {
  let portion: Uint8Array[] = [];
  let bytes = 0;
  for (const piece of pieces) {
    portion.push(piece);
    bytes += piece.byteLength;
    if (bytes < WRITE_BYTES && portion.length < 1_000) continue;
    yield portion;
    portion = [];
    bytes = 0;
  }
  if (portion.length > 0) yield portion;
}

function lengthOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
}

function checksumLine(checksum: number): string {
  return `${checksum.toString(16).padStart(8, "0")}\n`;
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
  if (checksum !== checksumLine(crc32(content))) return undefined;
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
