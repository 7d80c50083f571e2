import { type FileHandle, mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import { type Decision, isKept } from "./decide.js";

/** A policy's index in decisions that were read back: the configuration may have changed since. */
export const READ_BACK = -2;

/** A trace id, and its threshold as a double. */
const ENTRY_BYTES = 24;
/** Checksum of the rest, and the number of entries. */
const BLOCK_HEAD_BYTES = 8;

/** A map that forgets the longest untouched entries: it holds between half of `size` and `size`. */
class RecentMap<V> {
  #young = new Map<string, V>();
  #old = new Map<string, V>();
  readonly #half: number;

  constructor(size: number) {
    this.#half = Math.max(1, size >>> 1);
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(key: string): V | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) {
      this.#old.delete(key);
      this.set(key, old);
    }
    return old;
  }

  set(key: string, value: V): void {
    this.#young.set(key, value);
    if (this.#young.size < this.#half) return;
    this.#old = this.#young;
    this.#young = new Map();
  }
}

export interface DecisionBookOptions {
  readonly file: string;
  readonly keptSize: number;
  readonly droppedSize: number;
}

/**
 * What was decided about which trace, so that spans that come late follow, also after a crash: a decision is on its way to
 * the disk before the first span is sent by it.
 *
 * On the disk are blocks of entries behind one another; a file that is full becomes the previous one, and the one before
 * that goes.
 */
export class DecisionBook {
  readonly #file: string;
  readonly #maxEntries: number;
  readonly #kept: RecentMap<Decision>;
  readonly #dropped: RecentMap<Decision>;
  #handle: FileHandle;
  #length = 0;
  #entries = 0;
  #fresh: Buffer[] = [];

  private constructor(options: DecisionBookOptions, handle: FileHandle) {
    this.#file = options.file;
    this.#kept = new RecentMap(options.keptSize);
    this.#dropped = new RecentMap(options.droppedSize);
    this.#maxEntries = options.keptSize + options.droppedSize;
    this.#handle = handle;
  }

  /** Reads back what an earlier process wrote. */
  static async open(options: DecisionBookOptions): Promise<DecisionBook> {
    await mkdir(dirname(options.file), { recursive: true, mode: 0o700 });
    const book = new DecisionBook(options, await open(options.file, "a+", 0o600));
    await book.#handle.close();
    book.#readBack(await readFile(previousOf(options.file)).catch(() => Buffer.alloc(0)));
    const current = book.#readBack(await readFile(options.file));
    // Not for appending: a block that could not be written whole is written over.
    book.#handle = await open(options.file, "r+");
    book.#length = current.length;
    book.#entries = current.entries;
    return book;
  }

  /** Traces remembered. */
  get size(): number {
    return this.#kept.size + this.#dropped.size;
  }

  /** @param id the 16 bytes as latin1 */
  get(id: string): Decision | undefined {
    return this.#kept.get(id) ?? this.#dropped.get(id);
  }

  add(id: string, decision: Decision): void {
    this.#remember(id, decision);
    const entry = Buffer.alloc(ENTRY_BYTES);
    entry.write(id, "latin1");
    entry.writeDoubleLE(decision.threshold, 16);
    this.#fresh.push(entry);
  }

  /**
   * Hands what was added to the operating system, which keeps it when this process is killed.
   *
   * @throws whatever the disk says; the decisions hold all the same, as long as this process lives
   */
  async flush(): Promise<void> {
    const entries = this.#fresh;
    if (entries.length === 0) return;
    this.#fresh = [];
    if (this.#entries >= this.#maxEntries) await this.#turnOver();
    const block = Buffer.concat([Buffer.alloc(BLOCK_HEAD_BYTES), ...entries]);
    block.writeUInt32LE(entries.length, 4);
    block.writeUInt32LE(crc32(block.subarray(4)), 0);
    let written = 0;
    while (written < block.length) {
      const { bytesWritten } = await this.#handle.write(
        block,
        written,
        block.length - written,
        this.#length + written,
      );
      written += bytesWritten;
    }
    this.#length += block.length;
    this.#entries += entries.length;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #turnOver(): Promise<void> {
    const fresh = await open(`${this.#file}.new`, "w", 0o600);
    await rename(this.#file, previousOf(this.#file));
    await rename(`${this.#file}.new`, this.#file);
    await this.#handle.close();
    this.#handle = fresh;
    this.#length = 0;
    this.#entries = 0;
  }

  #remember(id: string, decision: Decision): void {
    (isKept(decision) ? this.#kept : this.#dropped).set(id, decision);
  }

  /** Reads blocks up to one that is not whole. */
  #readBack(bytes: Buffer): { length: number; entries: number } {
    let [at, entries] = [0, 0];
    while (at + BLOCK_HEAD_BYTES <= bytes.length) {
      const count = bytes.readUInt32LE(at + 4);
      const end = at + BLOCK_HEAD_BYTES + count * ENTRY_BYTES;
      if (end > bytes.length || crc32(bytes.subarray(at + 4, end)) !== bytes.readUInt32LE(at)) break;
      for (let entry = at + BLOCK_HEAD_BYTES; entry < end; entry += ENTRY_BYTES) {
        const id = bytes.toString("latin1", entry, entry + 16);
        this.#remember(id, { threshold: bytes.readDoubleLE(entry + 16), policy: READ_BACK });
      }
      at = end;
      entries += count;
    }
    return { length: at, entries };
  }
}

function previousOf(file: string): string {
  return `${file}.previous`;
}
