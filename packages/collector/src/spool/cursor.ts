import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { crc32 } from "node:zlib";
import type { SpoolPosition } from "./record.js";

/** Where a consumer stands, and the end of the batch that it was last given. */
export interface CursorState {
  readonly position: SpoolPosition;
  /** A batch that was handed out but not committed ends here; after a restart it is handed out again just so. */
  readonly pending: SpoolPosition | undefined;
}

/** sequence, position (2 numbers), pending (2 numbers; -1 for none): six doubles less one, and a checksum. */
const SLOT_BYTES = 44;
const SLOT_STRIDE = 64;

/**
 * A consumer's place, durable. Two slots of one file are written in turn, so that a write that was cut short leaves the
 * other slot, and with it the place before, whole.
 */
export class Cursor {
  #handle: FileHandle;
  #sequence: number;
  #state: CursorState | undefined;
  #writing: Promise<void> = Promise.resolve();

  private constructor(handle: FileHandle, sequence: number, state: CursorState | undefined) {
    this.#handle = handle;
    this.#sequence = sequence;
    this.#state = state;
  }

  static async open(path: string): Promise<Cursor> {
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    const bytes = Buffer.alloc(SLOT_STRIDE + SLOT_BYTES);
    await handle.read(bytes, 0, bytes.length, 0);
    const slots = [readSlot(bytes.subarray(0, SLOT_BYTES)), readSlot(bytes.subarray(SLOT_STRIDE))];
    const [latest] = slots
      .filter((slot) => slot !== undefined)
      .sort((left, right) => right.sequence - left.sequence);
    return new Cursor(handle, latest?.sequence ?? 0, latest?.state);
  }

  /** undefined for a consumer that never committed. */
  get state(): CursorState | undefined {
    return this.#state;
  }

  /** Writes are done one after the other; a failed one does not hinder the next. */
  async save(state: CursorState, isSynced: boolean): Promise<void> {
    this.#state = state;
    const previous = this.#writing;
    const saved = (async () => {
      await previous;
      const slot = writeSlot(++this.#sequence, state);
      await this.#handle.write(slot, 0, slot.length, (this.#sequence % 2) * SLOT_STRIDE);
      if (isSynced) await this.#handle.datasync();
    })();
    this.#writing = saved.catch(() => {});
    await saved;
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#handle.close();
  }
}

function writeSlot(sequence: number, { position, pending }: CursorState): Buffer {
  const slot = Buffer.alloc(SLOT_BYTES);
  const numbers = [
    sequence,
    position.segment,
    position.offset,
    pending?.segment ?? -1,
    pending?.offset ?? -1,
  ];
  for (const [index, number] of numbers.entries()) slot.writeDoubleLE(number, index * 8);
  slot.writeUInt32LE(crc32(slot.subarray(0, 40)), 40);
  return slot;
}

function readSlot(slot: Buffer): { sequence: number; state: CursorState } | undefined {
  const numbers = [0, 1, 2, 3, 4].map((index) => slot.readDoubleLE(index * 8));
  const [sequence, segment, offset, pendingSegment, pendingOffset] = numbers;
  // An empty slot is all zero; sequences start at 1.
  if (sequence === 0 || crc32(slot.subarray(0, 40)) !== slot.readUInt32LE(40)) return undefined;
  const pending = pendingSegment < 0 ? undefined : { segment: pendingSegment, offset: pendingOffset };
  return { sequence, state: { position: { segment, offset }, pending } };
}
