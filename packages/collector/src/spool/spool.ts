/**
 * One piece because the log has one truth: which segments there are, where each ends, and who still needs them.
 */
import { mkdir, open, readdir, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, type Logger, messageOf, silentLogger, systemClock } from "@tocsin/model";
import { Registry } from "prom-client";
import { CollectorError } from "../errors.js";
import { Consumer, type ConsumerSource, type SpoolReading } from "./consumer.js";
import { Cursor } from "./cursor.js";
import { frameHeader } from "./frame.js";
import { Ledger } from "./ledger.js";
import { lockDirectory } from "./lock.js";
import { type ConsumerStanding, SpoolMetrics } from "./metrics.js";
import { Pace } from "./pace.js";
import { comparePositions, type SpoolConsumer, type SpoolPosition, type SpoolRecord } from "./record.js";
import {
  frameBytes,
  SEGMENT_HEAD_BYTES,
  Segment,
  type SegmentReading,
  segmentNumber,
  segmentPath,
} from "./segment.js";
import { Tail } from "./tail.js";

export interface SpoolOptions {
  readonly dir: string;
  /** Who reads. Segments are kept until each of them has committed past them; others are unknown. */
  readonly consumers: readonly string[];
  /**
   * Consumers that share the work of another, by that one's name: a new one begins where that one stands, and one that
   * is no longer configured hands its place back to it, so that a change of configuration loses nothing.
   */
  readonly sharers?: Readonly<Record<string, string>>;
  /** Disk that the spool may take. Default 1 GB. */
  readonly maxBytes?: number;
  /** Size at which a segment is closed. Default 16 MiB, at most a quarter of `maxBytes`. */
  readonly segmentBytes?: number;
  /** Newest records kept in memory. Default 16 MiB. */
  readonly tailBytes?: number;
  /** Readers that must keep up, and how far they may fall behind before nothing more is to be let in. */
  readonly pace?: { readonly consumers: readonly string[]; readonly maxLagBytes: number };
  /** "write" (default): acknowledged records survive the process; "fsync": also the machine. */
  readonly durability?: "write" | "fsync";
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Where `tocsin_spool_*` are registered. */
  readonly registry?: Registry;
}

/** State of the spool for status pages. */
export interface SpoolStatus {
  readonly sizeBytes: number;
  readonly maxBytes: number;
  readonly segments: number;
  /** Why appending fails at the moment; undefined while it works. */
  readonly fault: string | undefined;
  readonly consumers: readonly { readonly name: string; readonly lagBytes: number }[];
}

interface Waiting {
  readonly record: SpoolRecord;
  readonly resolve: (position: SpoolPosition) => void;
  readonly reject: (error: CollectorError) => void;
}

/** A reader that keeps this part of the spool from being deleted, though it has read it, is asked to commit. */
const UNCOMMITTED_SHARE = 8;

/** Seconds between two log lines about the same fault. */
const FAULT_LOG_MS = 60_000;

/**
 * The append-only log between intake and everything else: what was appended survives kill -9, and each consumer reads
 * it in order from its own durable place.
 */
export class Spool {
  readonly #dir: string;
  readonly #maxBytes: number;
  readonly #segmentBytes: number;
  readonly #isSynced: boolean;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #metrics: SpoolMetrics;
  readonly #tail: Tail;
  /** In order of their numbers; the last one is appended to, once there is one. */
  readonly #segments: Segment[] = [];
  #active: Segment | undefined;
  #nextNumber = 1;
  readonly #consumers = new Map<string, Consumer>();
  readonly #listeners = new Set<() => void>();
  readonly #pace: Pace;
  #queue: Waiting[] = [];
  #queuedBytes = 0;
  #draining: Promise<void> | undefined;
  #fault: string | undefined;
  #faultLoggedMs = Number.NEGATIVE_INFINITY;
  #closing: Promise<void> | undefined;
  #unlock: () => Promise<void> = async () => {};

  private constructor(options: SpoolOptions) {
    this.#dir = options.dir;
    this.#maxBytes = options.maxBytes ?? 1_000_000_000;
    this.#segmentBytes = Math.min(options.segmentBytes ?? 16 * 1024 * 1024, Math.ceil(this.#maxBytes / 4));
    this.#isSynced = options.durability === "fsync";
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#metrics = new SpoolMetrics(options.registry ?? new Registry(), () => this.#standings());
    this.#tail = new Tail(options.tailBytes ?? 16 * 1024 * 1024);
    this.#pace = new Pace(options.pace ?? { consumers: [], maxLagBytes: 0 });
    this.#metrics.maxBytes.set(this.#maxBytes);
    this.#metrics.writable.set(1);
  }

  /**
   * Opens or creates the spool in `dir`, cutting off what was being written when the last process died.
   *
   * @throws {CollectorError} SPOOL_LOCKED while another process has it open
   */
  static async open(options: SpoolOptions): Promise<Spool> {
    const spool = new Spool(options);
    await mkdir(options.dir, { recursive: true, mode: 0o700 });
    spool.#unlock = await lockDirectory(options.dir);
    try {
      await spool.#recover();
      await spool.#openConsumers(options.consumers, options.sharers ?? {});
      await spool.#deleteRead();
    } catch (error) {
      await spool.#unlock();
      throw error;
    }
    return spool;
  }

  /** Place after the last record. */
  get end(): SpoolPosition {
    const last = this.#segments.at(-1);
    return last
      ? { segment: last.number, offset: last.length }
      : { segment: this.#nextNumber, offset: SEGMENT_HEAD_BYTES };
  }

  /**
   * Makes a record durable. Resolves when it is; records of concurrent calls share one write (and one fsync).
   *
   * @returns the place after the record
   * @throws {CollectorError} SPOOL_FULL, SPOOL_WRITE_FAILED (both retryable), SPOOL_RECORD_TOO_LARGE, SPOOL_CLOSED
   */
  append(record: SpoolRecord): Promise<SpoolPosition> {
    return new Promise((resolve, reject) => {
      const refusal = this.#refusal(record);
      if (refusal) {
        reject(refusal);
        return;
      }
      this.#queue.push({ record, resolve, reject });
      this.#queuedBytes += frameBytes(record);
      this.#draining ??= this.#drain();
    });
  }

  /**
   * A reader with its own place, the same object for the same name.
   *
   * @throws {CollectorError} SPOOL_CONSUMER_UNKNOWN for a name that was not given to `open`
   */
  consumer(name: string): SpoolConsumer {
    const consumer = this.#consumers.get(name);
    if (consumer) return consumer;
    throw new CollectorError(
      "SPOOL_CONSUMER_UNKNOWN",
      `The spool was opened for ${[...this.#consumers.keys()].join(", ") || "no consumers"}, not for "${name}".`,
    );
  }

  /**
   * Why nothing more should be let in: there is no room for it, or those who must keep up have not.
   *
   * @param inFlightBytes let in already but not appended yet
   */
  holdUp(inFlightBytes: number, bytes: number): "spool_full" | "behind" | undefined {
    if (this.#sizeBytes() + this.#queuedBytes + inFlightBytes + bytes > this.#maxBytes) return "spool_full";
    return this.#pace.isBehind(inFlightBytes, bytes) ? "behind" : undefined;
  }

  /** Calls `listener` whenever `holdUp` may have changed for the better; returns how to stop. */
  onRelief(listener: () => void): () => void {
    return this.#pace.onRelief(listener);
  }

  status(): SpoolStatus {
    return {
      sizeBytes: this.#sizeBytes(),
      maxBytes: this.#maxBytes,
      segments: this.#segments.length,
      fault: this.#fault,
      consumers: [...this.#consumers.values()].map(({ name, committed }) => ({
        name,
        lagBytes: this.#bytesAfter(committed),
      })),
    };
  }

  /** Writes what was handed in, then stops. Readers that wait are told that there is no more. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      await this.#draining;
      this.#wake();
      for (const consumer of this.#consumers.values()) await consumer.close();
      for (const segment of this.#segments) await segment.close();
      await this.#unlock();
    })();
    return this.#closing;
  }

  #refusal(record: SpoolRecord): CollectorError | undefined {
    if (this.#closing) return new CollectorError("SPOOL_CLOSED", "The spool is closed.", { retryable: true });
    if (frameBytes(record) > this.#segmentBytes) {
      this.#metrics.refused.inc({ reason: "too_large" });
      return new CollectorError(
        "SPOOL_RECORD_TOO_LARGE",
        `A request of ${record.body.length} bytes does not fit a spool segment of ${this.#segmentBytes} bytes. Send smaller batches or raise spool.segment_size.`,
      );
    }
    if (this.#sizeBytes() + this.#queuedBytes + frameBytes(record) > this.#maxBytes) {
      this.#metrics.refused.inc({ reason: "full" });
      this.#report(
        `the spool holds ${this.#sizeBytes()} of ${this.#maxBytes} bytes`,
        "spool full, refusing senders",
      );
      return new CollectorError(
        "SPOOL_FULL",
        "The spool is full: what reads it is slower than what comes in. Come back later.",
        { retryable: true },
      );
    }
    return undefined;
  }

  async #drain(): Promise<void> {
    // Callers of one turn of the event loop share a write.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const group = this.#takeGroup();
      try {
        await this.#write(group);
      } catch (error) {
        const failure = this.#writeFailed(error);
        for (const waiting of group) {
          this.#metrics.refused.inc({ reason: "write" });
          waiting.reject(failure);
        }
      }
    }
    this.#draining = undefined;
  }

  /** As many of the queued records as the active segment takes; a new segment takes at least one. */
  #takeGroup(): Waiting[] {
    let room = this.#segmentBytes - (this.#active?.length ?? SEGMENT_HEAD_BYTES);
    const first = frameBytes(this.#queue[0].record);
    if (first > room) room = this.#segmentBytes;
    let count = 0;
    for (let size = 0; count < this.#queue.length; count++) {
      size += frameBytes(this.#queue[count].record);
      if (count > 0 && size > room) break;
    }
    const group = this.#queue.slice(0, count);
    this.#queue = this.#queue.slice(count);
    for (const { record } of group) this.#queuedBytes -= frameBytes(record);
    return group;
  }

  async #write(group: readonly Waiting[]): Promise<void> {
    const segment = await this.#segmentFor(frameBytes(group[0].record));
    const buffers: Buffer[] = [];
    for (const { record } of group) buffers.push(frameHeader(record, segment.seed), record.body);
    try {
      await segment.write(buffers);
      if (this.#isSynced) await segment.sync();
    } catch (error) {
      // Part of the group may be in the file; none of it was acknowledged.
      await segment.truncate().catch(() => this.#leave(segment));
      throw error;
    }
    this.#writeSucceeded();
    for (const { record, resolve } of group) {
      const start = { segment: segment.number, offset: segment.length };
      segment.length += frameBytes(record);
      const end = { segment: segment.number, offset: segment.length };
      this.#tail.push(start, end, record);
      this.#metrics.appended(record.signal, record.body.length);
      resolve(end);
    }
    this.#metrics.sizeBytes.set(this.#sizeBytes());
    this.#wake();
  }

  async #segmentFor(bytes: number): Promise<Segment> {
    if (this.#active && this.#active.length + bytes <= this.#segmentBytes) return this.#active;
    this.#active = undefined;
    const segment = await Segment.create(this.#dir, this.#nextNumber);
    if (this.#isSynced) await this.#syncDir();
    this.#nextNumber++;
    this.#segments.push(segment);
    this.#active = segment;
    return segment;
  }

  /** Writes no more to a segment that cannot even be cut; its records stay readable. */
  async #leave(segment: Segment): Promise<void> {
    this.#active = undefined;
    if (segment.length > SEGMENT_HEAD_BYTES) return;
    this.#segments.pop();
    await segment.delete().catch(() => {});
  }

  #writeSucceeded(): void {
    if (this.#fault === undefined) return;
    this.#logger.info({ dir: this.#dir }, "spool writable again");
    this.#fault = undefined;
    this.#metrics.writable.set(1);
  }

  #writeFailed(error: unknown): CollectorError {
    this.#fault = messageOf(error);
    this.#metrics.writable.set(0);
    this.#report(this.#fault, "spool not writable, refusing senders");
    return new CollectorError(
      "SPOOL_WRITE_FAILED",
      `The spool in ${this.#dir} cannot be written: ${this.#fault}. Free disk space or make it writable; nothing else is needed.`,
      { cause: error, retryable: true },
    );
  }

  #report(reason: string, message: string): void {
    const nowMs = this.#clock.now();
    if (nowMs - this.#faultLoggedMs < FAULT_LOG_MS) return;
    this.#faultLoggedMs = nowMs;
    this.#logger.error({ dir: this.#dir, reason }, message);
  }

  async #recover(): Promise<void> {
    const names = await readdir(this.#dir);
    const numbers = names.map(segmentNumber).filter((number) => number !== undefined);
    numbers.sort((left, right) => left - right);
    this.#nextNumber = (numbers.at(-1) ?? 0) + 1;
    for (const [index, number] of numbers.entries()) {
      const segment = await Segment.open(this.#dir, number);
      if (segment === undefined) {
        // A head is written before any record: a file with more than that, or followed by others, is a damaged one.
        const { size } = await stat(segmentPath(this.#dir, number));
        if (index < numbers.length - 1 || size > SEGMENT_HEAD_BYTES) this.#metrics.damagedSegments.inc();
        this.#logger.warn({ segment: number }, "spool segment without a readable head, left out");
        continue;
      }
      if (index === numbers.length - 1) await this.#cutTorn(segment);
      this.#segments.push(segment);
    }
    this.#metrics.sizeBytes.set(this.#sizeBytes());
  }

  async #cutTorn(segment: Segment): Promise<void> {
    const end = await segment.findEnd();
    const torn = segment.length - end;
    if (torn <= 0) return;
    segment.length = end;
    await segment.truncate().catch(() => {});
    this.#metrics.tornBytes.inc(torn);
    this.#logger.warn(
      { segment: segment.number, tornBytes: torn },
      "cut off a record that was never acknowledged",
    );
  }

  async #openConsumers(names: readonly string[], sharers: Readonly<Record<string, string>>): Promise<void> {
    const source: ConsumerSource = {
      end: () => this.end,
      normalize: (position) => this.#normalize(position),
      read: (position, maxBytes, until) => this.#read(position, maxBytes, until),
      onAppend: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
      committed: () => this.#deleteRead(),
      moved: () => this.#pace.relieve(),
      maxUncommittedBytes: this.#maxBytes / UNCOMMITTED_SHARE,
      bytesBetween: (from, to) => this.#bytesAfter(from) - this.#bytesAfter(to),
      isClosed: () => this.#closing !== undefined,
      isSynced: this.#isSynced,
      firstOwnSegment: this.#nextNumber,
    };
    for (const name of names) {
      const cursor = await Cursor.open(join(this.#dir, `${encodeURIComponent(name)}.cursor`));
      const consumer = new Consumer(name, cursor, source, new Ledger(name, this.#metrics));
      this.#consumers.set(name, consumer);
      this.#pace.watch(name, () => this.#bytesAfter(consumer.position));
      // The last segment may be read and deleted: its number must not come again, or new records count as read.
      this.#nextNumber = Math.max(this.#nextNumber, consumer.committed.segment + 1);
    }
    for (const file of await readdir(this.#dir)) {
      const name = file.endsWith(".cursor")
        ? decodeURIComponent(file.slice(0, -".cursor".length))
        : undefined;
      if (name === undefined || this.#consumers.has(name)) continue;
      await this.#handBack(join(this.#dir, file), this.#consumers.get(sharers[name] ?? ""));
      this.#logger.info({ consumer: name }, "forgot the place of a consumer that is no longer configured");
      await unlink(join(this.#dir, file));
    }
    for (const [name, other] of Object.entries(sharers)) {
      const [consumer, sharedWith] = [this.#consumers.get(name), this.#consumers.get(other)];
      if (consumer?.isNew && sharedWith) await consumer.begin(sharedWith.committed);
    }
  }

  /** Sends the consumer whose work was shared back to what the other one, which is gone, had not done. */
  async #handBack(path: string, sharedWith: Consumer | undefined): Promise<void> {
    if (!sharedWith) return;
    const cursor = await Cursor.open(path);
    const position = cursor.state?.position;
    await cursor.close();
    if (position === undefined || comparePositions(position, sharedWith.committed) >= 0) return;
    await sharedWith.begin(position);
  }

  /** The place itself, or the nearest one after it that exists. */
  #normalize(position: SpoolPosition): SpoolPosition {
    for (const segment of this.#segments) {
      if (segment.number < position.segment) continue;
      // One whose records were all cut off holds nothing: what comes next is behind it.
      if (segment.length === SEGMENT_HEAD_BYTES && segment !== this.#active) continue;
      if (segment.number > position.segment) return { segment: segment.number, offset: SEGMENT_HEAD_BYTES };
      if (position.offset < segment.length) return position;
      // At the end of a segment that is still written to, the next record comes right here.
      if (segment === this.#active) return { segment: segment.number, offset: segment.length };
    }
    return this.end;
  }

  async #read(
    position: SpoolPosition,
    maxBytes: number,
    until: SpoolPosition | undefined,
  ): Promise<SpoolReading | undefined> {
    const segment = this.#segments.find((candidate) => candidate.number === position.segment);
    if (segment === undefined || position.offset >= segment.length) return undefined;
    const inMemory = this.#tail.read(position, maxBytes, until);
    if (inMemory) return { ...inMemory, segmentId: segment.id, damagedRecords: 0, damagedBytes: 0 };
    const wanted = until?.segment === position.segment ? until.offset - position.offset : maxBytes;
    const reading = await readRange(segment, position.offset, wanted, until !== undefined);
    if (reading.damagedRecords > 0) {
      this.#logger.error(
        { segment: segment.number, bytes: reading.damagedBytes },
        "a stretch of the spool does not match its checksum and was passed over",
      );
    }
    return {
      records: reading.records,
      ends: reading.ends.map((offset) => ({ segment: segment.number, offset })),
      end: { segment: segment.number, offset: reading.end },
      segmentId: segment.id,
      damagedRecords: reading.damagedRecords,
      damagedBytes: reading.damagedBytes,
    };
  }

  /** Deletes segments that every consumer has committed past. Without consumers nothing is ever read, so nothing is kept. */
  async #deleteRead(): Promise<void> {
    let needed = this.end;
    let reading = this.end;
    for (const consumer of this.#consumers.values()) {
      const { committed, position } = consumer;
      if (comparePositions(committed, needed) < 0) needed = committed;
      if (comparePositions(position, reading) < 0) reading = position;
    }
    this.#tail.forget(reading);
    while (this.#segments.length > 0) {
      const [oldest] = this.#segments;
      const isRead =
        needed.segment > oldest.number ||
        (needed.segment === oldest.number && needed.offset >= oldest.length);
      if (!isRead || oldest === this.#active) break;
      this.#segments.shift();
      await oldest.delete().catch((error: unknown) => {
        this.#logger.warn({ segment: oldest.number, reason: messageOf(error) }, "spool segment not deleted");
      });
    }
    this.#metrics.sizeBytes.set(this.#sizeBytes());
    this.#pace.relieve();
  }

  #standings(): readonly ConsumerStanding[] {
    return [...this.#consumers.values()].map(({ name, committed, position, inHand }) => ({
      name,
      lagBytes: this.#bytesAfter(committed),
      unreadBytes: this.#bytesAfter(position),
      inHandRecords: inHand,
    }));
  }

  #bytesAfter(position: SpoolPosition): number {
    let bytes = 0;
    for (const segment of this.#segments) {
      if (segment.number < position.segment) continue;
      const from = segment.number === position.segment ? position.offset : SEGMENT_HEAD_BYTES;
      bytes += Math.max(0, segment.length - from);
    }
    return bytes;
  }

  #sizeBytes(): number {
    let size = 0;
    for (const segment of this.#segments) size += segment.length;
    return size;
  }

  #wake(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  async #syncDir(): Promise<void> {
    const handle = await open(this.#dir, "r");
    await handle.sync().finally(() => handle.close());
  }
}

/** Reads up to about `wanted` bytes, or exactly that stretch. */
async function readRange(
  segment: Segment,
  offset: number,
  wanted: number,
  isExact: boolean,
): Promise<SegmentReading> {
  if (!isExact) return segment.read(offset, wanted);
  const records: SpoolRecord[] = [];
  const ends: number[] = [];
  let reading: SegmentReading = { records, ends, end: offset, damagedRecords: 0, damagedBytes: 0 };
  while (reading.end < Math.min(segment.length, offset + wanted)) {
    const next = await segment.read(reading.end, 1);
    records.push(...next.records);
    ends.push(...next.ends);
    reading = {
      records,
      ends,
      end: next.end,
      damagedRecords: reading.damagedRecords + next.damagedRecords,
      damagedBytes: reading.damagedBytes + next.damagedBytes,
    };
  }
  return reading;
}
