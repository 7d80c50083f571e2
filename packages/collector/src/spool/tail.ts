import type { SpoolPosition, SpoolRecord } from "./record.js";
import { comparePositions } from "./record.js";

interface TailEntry {
  readonly start: SpoolPosition;
  readonly end: SpoolPosition;
  readonly record: SpoolRecord;
}

/**
 * The newest records, kept in memory so that consumers that keep up never read the disk.
 * Bounded in bytes; what falls out is still in the segments.
 */
export class Tail {
  readonly #maxBytes: number;
  readonly #entries: TailEntry[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(start: SpoolPosition, end: SpoolPosition, record: SpoolRecord): void {
    this.#entries.push({ start, end, record });
    this.#bytes += record.body.length;
    while (this.#bytes > this.#maxBytes) this.#drop();
  }

  /** Lets go of what lies before `position`. */
  forget(position: SpoolPosition): void {
    while (this.#entries.length > 0 && comparePositions(this.#entries[0].end, position) <= 0) this.#drop();
  }

  /** Records of one segment from exactly `position` on; undefined when that place is not in memory. */
  read(
    position: SpoolPosition,
    maxBytes: number,
    until: SpoolPosition | undefined,
  ): { records: SpoolRecord[]; ends: SpoolPosition[]; end: SpoolPosition } | undefined {
    let index = this.#find(position);
    if (index < 0) return undefined;
    const records: SpoolRecord[] = [];
    const ends: SpoolPosition[] = [];
    let end = position;
    let size = 0;
    for (; index < this.#entries.length; index++) {
      const entry = this.#entries[index];
      if (entry.start.segment !== position.segment) break;
      if (records.length > 0 && (until === undefined ? size >= maxBytes : comparePositions(end, until) >= 0))
        break;
      records.push(entry.record);
      size += entry.record.body.length;
      end = entry.end;
      ends.push(end);
    }
    return { records, ends, end };
  }

  #find(position: SpoolPosition): number {
    let low = 0;
    let high = this.#entries.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const order = comparePositions(this.#entries[middle].start, position);
      if (order === 0) return middle;
      if (order < 0) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  #drop(): void {
    const entry = this.#entries.shift();
    this.#bytes -= entry?.record.body.length ?? 0;
  }
}
