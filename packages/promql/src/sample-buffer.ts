import type { UnixMs } from "@tocsin/model";
import type { Histogram } from "./histogram/histogram.js";
import { bitsOf, setStaleAt } from "./stale.js";

/**
 * Samples of one series in typed arrays. The engine reuses one buffer for many series, so a storage copies into it and
 * keeps no reference. Only the first `length` entries count.
 */
export class SampleBuffer {
  length = 0;
  /** Milliseconds since 1970, rising. */
  timestamps: Float64Array;
  /** The floats; the staleness marker by its bits (see `isStaleAt`); NaN where a histogram sits. */
  values: Float64Array;
  /** `bitsOf(values)`. */
  bits: Uint32Array;
  /** Histograms by index; undefined until the first one is pushed. Check `histogramCount` first. */
  histograms: (Histogram | undefined)[] | undefined = undefined;
  histogramCount = 0;
  /** When each sample's counter began, 0 where unknown; undefined until the first one is pushed. */
  startTimestamps: Float64Array | undefined = undefined;
  hasStartTimestamps = false;

  constructor(capacity = 256) {
    this.timestamps = new Float64Array(capacity);
    this.values = new Float64Array(capacity);
    this.bits = bitsOf(this.values);
  }

  /** Forgets the samples, keeps the memory. */
  clear(): void {
    this.length = 0;
    if (this.histogramCount > 0) this.histograms = undefined;
    this.histogramCount = 0;
    this.hasStartTimestamps = false;
  }

  /** Adds a float. Values read from bytes must come by `pushRange` or `pushStale` if they may be staleness markers. */
  push(tMs: UnixMs, value: number, startMs?: UnixMs): void {
    const i = this.#claim(1);
    this.timestamps[i] = tMs;
    this.values[i] = value;
    if (startMs !== undefined && startMs !== 0) this.#setStart(i, startMs);
    else if (this.hasStartTimestamps) this.#setStart(i, 0);
  }

  /** Adds a staleness marker. */
  pushStale(tMs: UnixMs): void {
    this.push(tMs, Number.NaN);
    setStaleAt(this.bits, this.length - 1);
  }

  /** Adds a native histogram. */
  pushHistogram(tMs: UnixMs, histogram: Histogram, startMs?: UnixMs): void {
    this.push(tMs, Number.NaN, startMs);
    this.histograms ??= [];
    this.histograms[this.length - 1] = histogram;
    this.histogramCount++;
  }

  /** Adds `[from, to)` of two parallel arrays; the bits of NaNs, and so staleness markers, are kept. */
  pushRange(timestamps: Float64Array, values: Float64Array, from = 0, to = timestamps.length): void {
    if (to <= from) return;
    const i = this.#claim(to - from);
    this.timestamps.set(timestamps.subarray(from, to), i);
    this.values.set(values.subarray(from, to), i);
    if (this.hasStartTimestamps) this.startTimestamps?.fill(0, i, this.length);
  }

  /**
   * Makes room for `count` more samples, for storages that write the columns themselves: fill rows from `length` on,
   * then raise `length`. Take the columns after this call: they may have been replaced by larger ones.
   */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed > this.timestamps.length) this.#grow(Math.max(needed, this.timestamps.length * 2));
  }

  /** Says when the counter behind the newest sample began. */
  setStartOfLast(startMs: UnixMs): void {
    this.#setStart(this.length - 1, startMs);
  }

  #claim(count: number): number {
    const first = this.length;
    this.reserve(count);
    this.length = first + count;
    return first;
  }

  #grow(capacity: number): void {
    this.timestamps = enlarged(this.timestamps, capacity);
    this.values = enlarged(this.values, capacity);
    this.bits = bitsOf(this.values);
    if (this.startTimestamps !== undefined) this.startTimestamps = enlarged(this.startTimestamps, capacity);
  }

  #setStart(index: number, startMs: UnixMs): void {
    this.startTimestamps ??= new Float64Array(this.timestamps.length);
    if (!this.hasStartTimestamps) this.startTimestamps.fill(0, 0, index);
    this.hasStartTimestamps = true;
    this.startTimestamps[index] = startMs;
  }
}

function enlarged(array: Float64Array, capacity: number): Float64Array {
  const larger = new Float64Array(capacity);
  larger.set(array);
  return larger;
}
