import { isStaleAt, setStaleAt } from "@tocsin/promql";
import { ByteArena } from "./arena.js";
import {
  chunkCapacity,
  chunkCount,
  chunkLength,
  chunkMaxTime,
  chunkMinTime,
  decodeChunk,
  encodeChunk,
  MAX_CHUNK_SAMPLES,
  type SampleColumns,
  sampleColumns,
} from "./chunk.js";
import { type HeadSeries, TAIL_SAMPLES } from "./series.js";

const PAGE_BITS = 10;
const PAGE_ROWS = 1 << PAGE_BITS;

/**
 * What came of one sample: stored, an exact repeat of a stored one, another value for a time that is taken, or
 * older than the out-of-order window allows.
 */
export type AppendOutcome = "stored" | "repeat" | "conflict" | "too_old";

/**
 * Float samples of many series. The newest up to `TAIL_SAMPLES` of each lie open in pages shared by 1,024 series,
 * older ones are chunks in an arena: no object per sample, per tail or per chunk. One piece, for every method reads
 * both forms of a series and only together do they keep its samples in order, each time once.
 */
export class SampleStore {
  readonly arena = new ByteArena();
  #pages: SampleColumns[] = [];
  #rows = 0;
  #freeSlots: number[] = [];
  #scratch = new Uint8Array(chunkCapacity(MAX_CHUNK_SAMPLES));
  #merge = sampleColumns(MAX_CHUNK_SAMPLES + 1);

  /** Bytes held for samples. */
  get sizeBytes(): number {
    return this.arena.sizeBytes + this.#pages.length * PAGE_ROWS * TAIL_SAMPLES * 16;
  }

  /** A row of the tail pages for a new series. */
  takeSlot(): number {
    const slot = this.#freeSlots.pop() ?? this.#rows++;
    if (slot >> PAGE_BITS === this.#pages.length) this.#pages.push(sampleColumns(PAGE_ROWS * TAIL_SAMPLES));
    return slot;
  }

  /** Frees all that a series holds, when it leaves the head. */
  release(series: HeadSeries): void {
    for (const chunk of series.chunks) this.arena.free(chunk);
    series.chunks = [];
    series.tailCount = 0;
    this.#freeSlots.push(series.slot);
  }

  /**
   * Adds a sample; one older than the newest is put in its place among the others, if it is not before `oldestMs`.
   *
   * @param value NaN for a staleness marker, with `isStale`
   */
  append(
    series: HeadSeries,
    timeMs: number,
    value: number,
    isStale: boolean,
    oldestMs: number,
  ): AppendOutcome {
    const page = this.#pages[series.slot >> PAGE_BITS];
    const base = (series.slot & (PAGE_ROWS - 1)) * TAIL_SAMPLES;
    const count = series.tailCount;
    if (count > 0 && timeMs <= page.timestamps[base + count - 1]) {
      return this.#insert(series, timeMs, value, isStale, oldestMs);
    }
    let row = base + count;
    if (count === TAIL_SAMPLES) {
      this.#seal(series, page, base);
      row = base;
    }
    page.timestamps[row] = timeMs;
    write(page, row, value, isStale);
    series.tailCount++;
    if (timeMs > series.lastMs) series.lastMs = timeMs;
    return "stored";
  }

  /** The chunks of a series as bytes, oldest first; views that are valid until the next change. */
  *chunksOf(series: HeadSeries): IterableIterator<Uint8Array> {
    for (const chunk of series.chunks) {
      const bytes = this.arena.bytesOf(chunk);
      const at = this.arena.offsetOf(chunk);
      yield bytes.subarray(at, at + chunkLength(bytes, at));
    }
  }

  /** Copies the uncompressed samples of a series to `into`, from row 0 on. */
  tailOf(series: HeadSeries, into: SampleColumns): number {
    const page = this.#pages[series.slot >> PAGE_BITS];
    const base = (series.slot & (PAGE_ROWS - 1)) * TAIL_SAMPLES;
    for (let index = 0; index < series.tailCount; index++) copyRow(page, base + index, into, index);
    return series.tailCount;
  }

  /** Puts back what `chunksOf` and `tailOf` gave, into a series without samples. */
  restore(series: HeadSeries, chunks: readonly Uint8Array[], tail: SampleColumns, tailCount: number): void {
    for (const chunk of chunks) {
      series.chunks.push(this.arena.place(chunk, chunk.length));
      series.lastMs = Math.max(series.lastMs, chunkMaxTime(chunk, 0));
    }
    const page = this.#pages[series.slot >> PAGE_BITS];
    const base = (series.slot & (PAGE_ROWS - 1)) * TAIL_SAMPLES;
    for (let index = 0; index < tailCount; index++) copyRow(tail, index, page, base + index);
    series.tailCount = tailCount;
    if (tailCount === 0) return;
    series.lastMs = Math.max(series.lastMs, tail.timestamps[tailCount - 1]);
    series.isStale = isStaleAt(tail.bits, tailCount - 1);
  }

  /** The most samples that `read` may give for these timestamps. */
  countAtMost(series: HeadSeries, startMs: number, endMs: number): number {
    let count = series.tailCount;
    for (let index = this.#firstChunk(series, startMs); index < series.chunks.length; index++) {
      const chunk = series.chunks[index];
      const bytes = this.arena.bytesOf(chunk);
      const at = this.arena.offsetOf(chunk);
      if (chunkMinTime(bytes, at) > endMs) break;
      count += chunkCount(bytes, at);
    }
    return count;
  }

  /**
   * Copies the samples with startMs ≤ time ≤ endMs to `into` from row `row` on, by rising time.
   *
   * @param into room for `countAtMost` samples from `row` on
   * @returns the number of samples
   */
  read(series: HeadSeries, startMs: number, endMs: number, into: SampleColumns, row: number): number {
    const page = this.#pages[series.slot >> PAGE_BITS];
    const base = (series.slot & (PAGE_ROWS - 1)) * TAIL_SAMPLES;
    let end = row;
    if (series.chunks.length > 0 && !(series.tailCount > 0 && page.timestamps[base] <= startMs)) {
      end = this.#readChunks(series, startMs, endMs, into, row);
    }
    const last = base + series.tailCount;
    let from = base;
    while (from < last && page.timestamps[from] < startMs) from++;
    for (let index = from; index < last; index++) {
      const time = page.timestamps[index];
      if (time > endMs) break;
      into.timestamps[end] = time;
      into.bits[end * 2] = page.bits[index * 2];
      into.bits[end * 2 + 1] = page.bits[index * 2 + 1];
      end++;
    }
    return end - row;
  }

  /** Copies the newest sample with startMs ≤ time ≤ endMs to row `row` of `into`; returns 1, or 0 when there is none. */
  readLatest(series: HeadSeries, startMs: number, endMs: number, into: SampleColumns, row: number): number {
    const page = this.#pages[series.slot >> PAGE_BITS];
    const base = (series.slot & (PAGE_ROWS - 1)) * TAIL_SAMPLES;
    for (let index = base + series.tailCount - 1; index >= base; index--) {
      const time = page.timestamps[index];
      if (time > endMs) continue;
      if (time < startMs) return 0;
      copyRow(page, index, into, row);
      return 1;
    }
    for (let index = series.chunks.length - 1; index >= 0; index--) {
      const chunk = series.chunks[index];
      const bytes = this.arena.bytesOf(chunk);
      const at = this.arena.offsetOf(chunk);
      if (chunkMinTime(bytes, at) > endMs) continue;
      if (chunkMaxTime(bytes, at) < startMs) return 0;
      let last = decodeChunk(bytes, at, this.#merge, 0) - 1;
      while (last > 0 && this.#merge.timestamps[last] > endMs) last--;
      if (this.#merge.timestamps[last] < startMs) return 0;
      copyRow(this.#merge, last, into, row);
      return 1;
    }
    return 0;
  }

  /** Drops chunks that end before `horizonMs`. True when the series has float samples left that are not older. */
  truncate(series: HeadSeries, horizonMs: number): boolean {
    let gone = 0;
    for (const chunk of series.chunks) {
      if (chunkMaxTime(this.arena.bytesOf(chunk), this.arena.offsetOf(chunk)) >= horizonMs) break;
      this.arena.free(chunk);
      gone++;
    }
    if (gone > 0) series.chunks = series.chunks.slice(gone);
    if (series.chunks.length > 0) return true;
    if (series.tailCount === 0) return false;
    const page = this.#pages[series.slot >> PAGE_BITS];
    const base = (series.slot & (PAGE_ROWS - 1)) * TAIL_SAMPLES;
    return page.timestamps[base + series.tailCount - 1] >= horizonMs;
  }

  #readChunks(series: HeadSeries, startMs: number, endMs: number, into: SampleColumns, row: number): number {
    let end = row;
    for (let index = this.#firstChunk(series, startMs); index < series.chunks.length; index++) {
      const chunk = series.chunks[index];
      const bytes = this.arena.bytesOf(chunk);
      const at = this.arena.offsetOf(chunk);
      if (chunkMinTime(bytes, at) > endMs) break;
      const first = end;
      end += decodeChunk(bytes, at, into, end);
      let skip = first;
      while (skip < end && into.timestamps[skip] < startMs) skip++;
      if (skip > first) {
        into.timestamps.copyWithin(first, skip, end);
        into.bits.copyWithin(first * 2, skip * 2, end * 2);
        end -= skip - first;
      }
      while (end > first && into.timestamps[end - 1] > endMs) end--;
    }
    return end;
  }

  /** Index of the first chunk that ends at or after `startMs`, searched from the newest: queries ask for recent timestamps. */
  #firstChunk(series: HeadSeries, startMs: number): number {
    let index = series.chunks.length;
    while (index > 0) {
      const chunk = series.chunks[index - 1];
      if (chunkMaxTime(this.arena.bytesOf(chunk), this.arena.offsetOf(chunk)) < startMs) break;
      index--;
    }
    return index;
  }

  #seal(series: HeadSeries, page: SampleColumns, base: number): void {
    series.chunks.push(this.#place(page, base, series.tailCount));
    series.tailCount = 0;
  }

  #place(columns: SampleColumns, from: number, count: number): number {
    return this.arena.place(this.#scratch, encodeChunk(columns, from, count, this.#scratch));
  }

  #insert(
    series: HeadSeries,
    timeMs: number,
    value: number,
    isStale: boolean,
    oldestMs: number,
  ): AppendOutcome {
    const page = this.#pages[series.slot >> PAGE_BITS];
    const base = (series.slot & (PAGE_ROWS - 1)) * TAIL_SAMPLES;
    if (timeMs < page.timestamps[base]) return this.#insertInChunks(series, timeMs, value, isStale, oldestMs);
    const row = lowerBound(page.timestamps, base, base + series.tailCount, timeMs);
    if (page.timestamps[row] === timeMs) return holds(page, row, value, isStale) ? "repeat" : "conflict";
    if (timeMs < oldestMs) return "too_old";
    if (series.tailCount === TAIL_SAMPLES) {
      this.#seal(series, page, base);
      // The tail must not stay empty: `append` compares with its newest sample.
      const chunk = series.chunks.pop() as number;
      const count = this.#mergeInto(chunk, timeMs, value, isStale);
      this.arena.free(chunk);
      series.chunks.push(this.#place(this.#merge, 0, count - 1));
      copyRow(this.#merge, count - 1, page, base);
      series.tailCount = 1;
      return "stored";
    }
    const last = base + series.tailCount;
    page.timestamps.copyWithin(row + 1, row, last);
    page.bits.copyWithin(row * 2 + 2, row * 2, last * 2);
    page.timestamps[row] = timeMs;
    write(page, row, value, isStale);
    series.tailCount++;
    return "stored";
  }

  #insertInChunks(
    series: HeadSeries,
    timeMs: number,
    value: number,
    isStale: boolean,
    oldestMs: number,
  ): AppendOutcome {
    const index = Math.min(this.#firstChunk(series, timeMs), series.chunks.length - 1);
    if (index < 0) {
      if (timeMs < oldestMs) return "too_old";
      this.#merge.timestamps[0] = timeMs;
      write(this.#merge, 0, value, isStale);
      series.chunks.push(this.#place(this.#merge, 0, 1));
      return "stored";
    }
    const chunk = series.chunks[index];
    const had = chunkCount(this.arena.bytesOf(chunk), this.arena.offsetOf(chunk));
    const count = this.#mergeInto(chunk, timeMs, value, isStale);
    if (count === had) return this.#sameAsStored ? "repeat" : "conflict";
    if (timeMs < oldestMs) return "too_old";
    this.arena.free(chunk);
    // Halving what grew keeps every later insertion cheap.
    const half = count > TAIL_SAMPLES * 4 ? count >> 1 : count;
    const parts = [this.#place(this.#merge, 0, half)];
    if (half < count) parts.push(this.#place(this.#merge, half, count - half));
    series.chunks.splice(index, 1, ...parts);
    return "stored";
  }

  /** Whether the sample that `#mergeInto` found in the way was equal to the new one. */
  #sameAsStored = false;

  /** Decodes a chunk to `#merge` with one sample more; the count is unchanged when its time is taken. */
  #mergeInto(chunk: number, timeMs: number, value: number, isStale: boolean): number {
    const merge = this.#merge;
    const count = decodeChunk(this.arena.bytesOf(chunk), this.arena.offsetOf(chunk), merge, 0);
    const row = lowerBound(merge.timestamps, 0, count, timeMs);
    if (row < count && merge.timestamps[row] === timeMs) {
      this.#sameAsStored = holds(merge, row, value, isStale);
      return count;
    }
    merge.timestamps.copyWithin(row + 1, row, count);
    merge.bits.copyWithin(row * 2 + 2, row * 2, count * 2);
    merge.timestamps[row] = timeMs;
    write(merge, row, value, isStale);
    return count + 1;
  }
}

function write(columns: SampleColumns, row: number, value: number, isStale: boolean): void {
  if (isStale) setStaleAt(columns.bits, row);
  else columns.values[row] = value;
}

function holds(columns: SampleColumns, row: number, value: number, isStale: boolean): boolean {
  const hasMarker = isStaleAt(columns.bits, row);
  if (hasMarker || isStale) return hasMarker === isStale;
  return Object.is(columns.values[row], value);
}

function copyRow(from: SampleColumns, row: number, to: SampleColumns, toRow: number): void {
  to.timestamps[toRow] = from.timestamps[row];
  to.bits[toRow * 2] = from.bits[row * 2];
  to.bits[toRow * 2 + 1] = from.bits[row * 2 + 1];
}

function lowerBound(timestamps: Float64Array, from: number, to: number, timeMs: number): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (timestamps[middle] < timeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
