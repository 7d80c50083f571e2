import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { FRAME_HEADER_BYTES, findFrame, readFrame } from "./frame.js";
import type { SpoolRecord } from "./record.js";

/**
 * A segment begins with its head, twice: magic (8 bytes), random id (8), checksum seed (4), checksum of these (4).
 * Twice, because a flipped bit there would otherwise cost every record of the file.
 */
const HEAD_COPY_BYTES = 24;
export const SEGMENT_HEAD_BYTES = 2 * HEAD_COPY_BYTES;
const MAGIC = Buffer.from("TCSPOOL1");

/** Bytes read at once when records come from disk. */
const READ_CHUNK_BYTES = 256 * 1024;

/** Records read from a stretch of a segment. */
export interface SegmentReading {
  readonly records: readonly SpoolRecord[];
  /** Where each record ends. */
  readonly ends: readonly number[];
  /** Where the next reading begins. */
  readonly end: number;
  readonly damagedRecords: number;
  readonly damagedBytes: number;
}

/** One file of the log. */
export class Segment {
  readonly number: number;
  readonly path: string;
  /** Random, so that a range of one segment is never mistaken for the same range of another with its number. */
  readonly id: string;
  readonly seed: number;
  /** End of the last whole record. */
  length: number;
  #handle: FileHandle;

  private constructor(number: number, path: string, head: Head, length: number, handle: FileHandle) {
    this.number = number;
    this.path = path;
    this.id = head.id;
    this.seed = head.seed;
    this.length = length;
    this.#handle = handle;
  }

  /** Creates the file with its head. */
  static async create(dir: string, number: number): Promise<Segment> {
    const path = segmentPath(dir, number);
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      const copy = Buffer.alloc(HEAD_COPY_BYTES);
      MAGIC.copy(copy);
      randomBytes(12).copy(copy, 8);
      copy.writeUInt32LE(crc32(copy.subarray(0, 20)), 20);
      await writeAll(handle, [copy, copy], 0);
      return new Segment(number, path, readHead(copy, 0) as Head, SEGMENT_HEAD_BYTES, handle);
    } catch (error) {
      await handle.close().catch(() => {});
      await unlink(path).catch(() => {});
      throw error;
    }
  }

  /** Opens an existing file; undefined when both copies of its head are damaged or missing. */
  static async open(dir: string, number: number): Promise<Segment | undefined> {
    const path = segmentPath(dir, number);
    // A file that may not be written can still be read out.
    const handle = await open(path, constants.O_RDWR).catch(() => open(path, constants.O_RDONLY));
    const { size } = await handle.stat();
    const bytes = Buffer.alloc(SEGMENT_HEAD_BYTES);
    await handle.read(bytes, 0, bytes.length, 0);
    const head = readHead(bytes, 0) ?? readHead(bytes, HEAD_COPY_BYTES);
    if (head && size >= SEGMENT_HEAD_BYTES) return new Segment(number, path, head, size, handle);
    await handle.close();
    return undefined;
  }

  /** Appends buffers at `length` without moving it: the caller does when all of it is durable. */
  async write(buffers: readonly Buffer[]): Promise<void> {
    await writeAll(this.#handle, buffers, this.length);
  }

  async sync(): Promise<void> {
    await this.#handle.datasync();
  }

  /** Cuts off what follows `length`. */
  async truncate(): Promise<void> {
    await this.#handle.truncate(this.length);
  }

  /**
   * Reads whole records from `offset`, at least one if there is any, until their bodies reach `maxBytes`.
   * Damaged stretches are passed over and counted.
   */
  async read(offset: number, maxBytes: number): Promise<SegmentReading> {
    const records: SpoolRecord[] = [];
    const ends: number[] = [];
    let damagedRecords = 0;
    let damagedBytes = 0;
    let position = offset;
    let size = 0;
    while (position < this.length && (records.length === 0 || size < maxBytes)) {
      let chunk = await this.#chunk(position, READ_CHUNK_BYTES);
      let at = 0;
      while (at < chunk.length && (records.length === 0 || size < maxBytes)) {
        let frame = readFrame(chunk, at, this.seed);
        if (frame.kind === "short" && position + frame.needed <= this.length) {
          // The record goes on behind the chunk: begin the next chunk with it.
          if (at > 0) break;
          chunk = await this.#chunk(position, frame.needed);
          frame = readFrame(chunk, 0, this.seed);
        }
        if (frame.kind === "record") {
          records.push(frame.record);
          size += frame.record.body.length;
          at = frame.end;
          ends.push(position + at);
          continue;
        }
        // Damaged, or announcing more than the file has. Search to the end of the file, as its length is not to be trusted.
        chunk = await this.#chunk(position + at, this.length);
        position += at;
        const found = findFrame(chunk, 1, this.seed);
        at = found < 0 ? chunk.length : found;
        damagedRecords++;
        damagedBytes += at;
      }
      position += at;
    }
    return { records, ends, end: position, damagedRecords, damagedBytes };
  }

  /**
   * Finds where the whole records end: a record that was being written when the process died is not whole.
   * Damage that whole records follow is left in place, to be counted when it is read.
   */
  async findEnd(): Promise<number> {
    let position = SEGMENT_HEAD_BYTES;
    let end = position;
    while (position < this.length) {
      const reading = await this.read(position, READ_CHUNK_BYTES);
      if (reading.records.length > 0) {
        // Damage behind the last record of a reading is not part of it, unless it goes on to the end.
        end = reading.damagedBytes > 0 ? await this.#endOfLastRecord(position) : reading.end;
      }
      position = reading.end;
    }
    return end;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async delete(): Promise<void> {
    await this.close();
    await unlink(this.path);
  }

  async #endOfLastRecord(from: number): Promise<number> {
    const bytes = await this.#chunk(from, this.length);
    let end = 0;
    for (let at = findFrame(bytes, 0, this.seed); at >= 0; at = findFrame(bytes, end, this.seed)) {
      const frame = readFrame(bytes, at, this.seed);
      if (frame.kind !== "record") break;
      end = frame.end;
    }
    return from + end;
  }

  async #chunk(position: number, size: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafeSlow(Math.min(size, this.length - position));
    let filled = 0;
    while (filled < bytes.length) {
      const { bytesRead } = await this.#handle.read(bytes, filled, bytes.length - filled, position + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return bytes.subarray(0, filled);
  }
}

/** `0000000042.spool` and back. */
export function segmentPath(dir: string, number: number): string {
  return join(dir, `${String(number).padStart(10, "0")}.spool`);
}

export function segmentNumber(fileName: string): number | undefined {
  const match = /^(\d{10})\.spool$/.exec(fileName);
  return match ? Number(match[1]) : undefined;
}

/** Size of a record in a segment. */
export function frameBytes(record: SpoolRecord): number {
  return FRAME_HEADER_BYTES + record.body.length;
}

interface Head {
  readonly id: string;
  readonly seed: number;
}

function readHead(bytes: Buffer, offset: number): Head | undefined {
  const copy = bytes.subarray(offset, offset + HEAD_COPY_BYTES);
  if (copy.length < HEAD_COPY_BYTES || !copy.subarray(0, 8).equals(MAGIC)) return undefined;
  if (crc32(copy.subarray(0, 20)) !== copy.readUInt32LE(20)) return undefined;
  return { id: copy.toString("hex", 8, 16), seed: copy.readUInt32LE(16) };
}

/** Writes everything; the system may take a part and only then say that the disk is full. */
async function writeAll(handle: FileHandle, buffers: readonly Buffer[], position: number): Promise<void> {
  let rest = buffers.filter((buffer) => buffer.length > 0);
  let at = position;
  while (rest.length > 0) {
    // The system takes at most 1,024 buffers in one call.
    const { bytesWritten } = await handle.writev(rest.slice(0, 1024), at);
    at += bytesWritten;
    let written = bytesWritten;
    let done = 0;
    while (done < rest.length && written >= rest[done].length) written -= rest[done++].length;
    rest = rest.slice(done);
    if (written > 0) rest[0] = rest[0].subarray(written);
  }
}
