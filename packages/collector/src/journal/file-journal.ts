// One piece: queue, file and compaction share one order of writing, and each crash between them is thought through here.
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { Journal, JournalCompaction, JournalRecord } from "@tocsin/alerts";
import { type Clock, type Logger, messageOf, silentLogger, systemClock } from "@tocsin/model";
import { CollectorError } from "../errors.js";
import { decodeLine, encodeLine } from "./line.js";

/** Where the journal lies and when it is made smaller. */
export interface FileJournalOptions {
  /** The file; its folder is made when missing. */
  readonly path: string;
  /** Compaction is tried at opening and after growth beyond this size. */
  readonly compactAtBytes?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/** What a journal has done since it was opened. */
export interface FileJournalStats {
  readonly appended: number;
  readonly fsyncs: number;
  readonly compactions: number;
  readonly sizeBytes: number;
  /** Damaged lines that were passed over, the torn tail of a crash not counted. */
  readonly damagedRecords: number;
}

interface PendingAppend {
  readonly line: string;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

const DEFAULT_COMPACT_AT_BYTES = 8 * 1024 * 1024;

/**
 * The journal as one file of checksummed lines.
 *
 * One writer loop takes everything that waits, writes it with one call and one fsync, and only then settles
 * the promises. A line torn by a crash is cut off at the next opening; a damaged line inside is skipped and counted.
 */
export class FileJournal implements Journal {
  readonly #path: string;
  readonly #compactAtBytes: number;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #compactions: JournalCompaction[] = [];
  #file: FileHandle;
  #sizeBytes: number;
  #compactedBytes = 0;
  readonly #pending: PendingAppend[] = [];
  readonly #compactionRequests: Omit<PendingAppend, "line">[] = [];
  #writing: Promise<void> | undefined;
  #failure: CollectorError | undefined;
  #isClosed = false;
  #stats = { appended: 0, fsyncs: 0, compactions: 0, damagedRecords: 0 };

  private constructor(file: FileHandle, sizeBytes: number, damaged: number, options: FileJournalOptions) {
    this.#file = file;
    this.#sizeBytes = sizeBytes;
    this.#path = options.path;
    this.#compactAtBytes = options.compactAtBytes ?? DEFAULT_COMPACT_AT_BYTES;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#stats.damagedRecords = damaged;
  }

  /** Opens the file, or starts it, and cuts off what a crash left half written. */
  static async open(options: FileJournalOptions): Promise<FileJournal> {
    await mkdir(dirname(options.path), { recursive: true });
    await rm(temporaryPath(options.path), { force: true });
    const file = await open(options.path, "a+");
    try {
      const { validBytes, damaged } = await inspect(options.path);
      const { size } = await file.stat();
      if (size > validBytes) {
        await file.truncate(validBytes);
        await file.sync();
        options.logger?.warn(
          { cutBytes: size - validBytes },
          "journal ended in a torn record, which was cut off",
        );
      }
      if (damaged > 0)
        options.logger?.error({ damaged }, "journal holds damaged records, which were skipped");
      await syncFolder(options.path);
      return new FileJournal(file, validBytes, damaged, options);
    } catch (thrown) {
      await file.close();
      throw thrown;
    }
  }

  get stats(): FileJournalStats {
    return { ...this.#stats, sizeBytes: this.#sizeBytes };
  }

  append(record: JournalRecord): Promise<void> {
    if (this.#isClosed) {
      return Promise.reject(
        new CollectorError("JOURNAL_CLOSED", "The journal is closed and takes no more records."),
      );
    }
    if (this.#failure) return Promise.reject(this.#failure);
    const line = encodeLine(record);
    return new Promise((resolve, reject) => {
      this.#pending.push({ line, resolve, reject });
      this.#writing ??= this.#work();
    });
  }

  async *read(): AsyncIterable<JournalRecord> {
    yield* readRecords(this.#path, this.#sizeBytes);
  }

  addCompaction(compaction: JournalCompaction): void {
    this.#compactions.push(compaction);
  }

  /**
   * Rewrites the file with only the records that still matter: a new file, fsync, rename, fsync of the folder.
   * Appends wait meanwhile. A crash at any point leaves either the old file or the new one.
   */
  compact(): Promise<void> {
    if (this.#isClosed || this.#failure) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#compactionRequests.push({ resolve, reject });
      this.#writing ??= this.#work();
    });
  }

  /** Writes what waits, then closes the file. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#writing;
    await this.#file.close();
  }

  /** The one writer. It ends in the same turn in which it finds nothing to do, so that no append is left behind. */
  async #work(): Promise<void> {
    while (this.#pending.length > 0 || this.#compactionRequests.length > 0) {
      if (this.#pending.length > 0) await this.#writeBatch(this.#pending.splice(0));
      const requests = this.#compactionRequests.splice(0);
      if (requests.length === 0 && !this.#hasGrown()) continue;
      try {
        await this.#rewrite();
        for (const { resolve } of requests) resolve();
      } catch (thrown) {
        this.#compactedBytes = this.#sizeBytes;
        this.#logger.error(
          { reason: messageOf(thrown) },
          "journal could not be compacted and goes on growing",
        );
        for (const { reject } of requests) reject(thrown);
      }
    }
    this.#writing = undefined;
  }

  async #writeBatch(batch: readonly PendingAppend[]): Promise<void> {
    try {
      await this.#write(batch.map(({ line }) => line).join(""));
    } catch (thrown) {
      const error = journalError(`The journal cannot be written: ${messageOf(thrown)}.`, thrown);
      for (const { reject } of batch) reject(error);
      return;
    }
    this.#stats.appended += batch.length;
    for (const { resolve } of batch) resolve();
  }

  async #write(text: string): Promise<void> {
    const bytes = Buffer.from(text);
    try {
      await this.#file.appendFile(bytes);
      await this.#file.sync();
    } catch (thrown) {
      await this.#undoPartialWrite();
      throw thrown;
    }
    this.#stats.fsyncs += 1;
    this.#sizeBytes += bytes.length;
  }

  /** After a failed write the file may end in half a record; what follows must not be glued to it. */
  async #undoPartialWrite(): Promise<void> {
    try {
      await this.#file.truncate(this.#sizeBytes);
    } catch (thrown) {
      this.#failure = journalError(
        `The journal ${this.#path} is damaged and takes no more records: ${messageOf(thrown)}. Check the disk, then restart.`,
        thrown,
      );
      this.#logger.error(
        { code: this.#failure.code },
        "journal failed, nothing can be recorded until a restart",
      );
    }
  }

  /** A file that stays large after compaction is left alone until it has doubled. */
  #hasGrown(): boolean {
    if (this.#compactions.length === 0) return false;
    return this.#sizeBytes >= Math.max(this.#compactAtBytes, 2 * this.#compactedBytes);
  }

  async #rewrite(): Promise<void> {
    const records: JournalRecord[] = [];
    for await (const record of readRecords(this.#path, this.#sizeBytes)) records.push(record);
    const kept = this.#compacted(records);
    const temporary = temporaryPath(this.#path);
    const next = await open(temporary, "w");
    let sizeBytes = 0;
    try {
      for (let start = 0; start < kept.length; start += 1_000) {
        const bytes = Buffer.from(
          kept
            .slice(start, start + 1_000)
            .map(encodeLine)
            .join(""),
        );
        await next.appendFile(bytes);
        sizeBytes += bytes.length;
      }
      await next.sync();
    } finally {
      await next.close();
    }
    await rename(temporary, this.#path);
    await syncFolder(this.#path);
    const previous = this.#file;
    this.#file = await open(this.#path, "a+");
    await previous.close();
    this.#sizeBytes = sizeBytes;
    this.#compactedBytes = sizeBytes;
    this.#stats.compactions += 1;
  }

  #compacted(records: readonly JournalRecord[]): readonly JournalRecord[] {
    let kept = records;
    for (const { part, keep } of this.#compactions) {
      const isOwn = (record: JournalRecord): boolean => record.kind.startsWith(`${part}.`);
      const own = kept.filter(isOwn);
      kept = [...kept.filter((record) => !isOwn(record)), ...keep(own, this.#clock.now())];
    }
    return kept;
  }
}

/** How far the file is whole. Everything after the last good line is the torn tail of a crash. */
async function inspect(path: string): Promise<{ validBytes: number; damaged: number }> {
  let validBytes = 0;
  let readBytes = 0;
  let damaged = 0;
  let damagedSinceGood = 0;
  for await (const { line, endBytes } of readLines(path)) {
    readBytes = endBytes;
    if (line !== undefined && decodeLine(line)) {
      validBytes = readBytes;
      damaged += damagedSinceGood;
      damagedSinceGood = 0;
    } else {
      damagedSinceGood += 1;
    }
  }
  return { validBytes, damaged };
}

/** Whole lines with the offset after each; a last line without a line feed comes as undefined. */
async function* readLines(path: string): AsyncIterable<{ line: string | undefined; endBytes: number }> {
  let endBytes = 0;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(path)) {
    rest = Buffer.concat([rest, chunk as Buffer]);
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      endBytes += end + 1;
      yield { line: rest.toString("utf8", 0, end), endBytes };
      rest = rest.subarray(end + 1);
    }
  }
  if (rest.length > 0) yield { line: undefined, endBytes: endBytes + rest.length };
}

async function* readRecords(path: string, endBytes: number): AsyncIterable<JournalRecord> {
  for await (const { line, endBytes: lineEndBytes } of readLines(path)) {
    if (lineEndBytes > endBytes) return;
    const record = line === undefined ? undefined : decodeLine(line);
    if (record) yield record;
  }
}

/** Makes a created or renamed file durable: its name lives in the folder. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function temporaryPath(path: string): string {
  return `${path}.new`;
}

function journalError(message: string, cause: unknown): CollectorError {
  return new CollectorError("JOURNAL_WRITE_FAILED", message, { cause, retryable: true });
}
