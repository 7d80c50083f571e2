import { type Labels, labelsKey, type UnixMs } from "@tocsin/model";
import type { Histogram } from "./histogram/histogram.js";
import { withResetHint } from "./histogram/reset.js";
import { type Matcher, matchesAll } from "./matcher.js";
import { SampleBuffer } from "./sample-buffer.js";
import { STALE_MARKER } from "./stale.js";
import type { Querier, SelectHints, Series, Storage } from "./storage.js";

/** A sample's value: a float, a native histogram, or the end of the series. */
export type SampleValue = number | Histogram | typeof STALE_MARKER;

/**
 * All samples in memory, found by a scan over the metric's series. For tests, rule unit tests and small data; a service
 * with many series implements `Storage` over an index.
 */
export class MemoryStorage implements Storage {
  readonly #series = new Map<string, StoredSeries>();
  readonly #byName = new Map<string, StoredSeries[]>();

  /**
   * Adds one sample. A sample older than the newest of its series is inserted in place; one at the same time replaces it.
   *
   * @param startMs when the counter behind the sample began, where known (`0` and absence mean unknown).
   */
  append(labels: Labels, tMs: UnixMs, value: SampleValue, startMs?: UnixMs): void {
    this.#seriesOf(labels).append(tMs, value, startMs);
  }

  querier(): Querier {
    return { select: (matchers, hints) => this.#select(matchers, hints) };
  }

  #seriesOf(labels: Labels): StoredSeries {
    const clean = withoutEmptyValues(labels);
    const key = labelsKey(clean);
    let series = this.#series.get(key);
    if (series === undefined) {
      series = new StoredSeries(clean);
      this.#series.set(key, series);
      const name = clean.__name__ ?? "";
      const named = this.#byName.get(name);
      if (named === undefined) this.#byName.set(name, [series]);
      else named.push(series);
    }
    return series;
  }

  #select(matchers: readonly Matcher[], hints: SelectHints): Series[] {
    const name = matchers.find((matcher) => matcher.name === "__name__" && matcher.operator === "=")?.value;
    const candidates = name === undefined ? this.#series.values() : (this.#byName.get(name) ?? []);
    const found: Series[] = [];
    for (const series of candidates) {
      if (matchesAll(matchers, series.labels)) found.push(series.within(hints));
    }
    return found;
  }
}

class StoredSeries {
  readonly labels: Labels;
  readonly #samples = new SampleBuffer(16);

  constructor(labels: Labels) {
    this.labels = labels;
  }

  append(tMs: UnixMs, value: SampleValue, startMs: UnixMs | undefined): void {
    const samples = this.#samples;
    const newest =
      samples.length === 0 ? Number.NEGATIVE_INFINITY : (samples.timestamps[samples.length - 1] ?? 0);
    if (tMs <= newest) this.#insert(tMs, value, startMs);
    else push(samples, tMs, value, startMs);
  }

  /** Rewrites the tail; out-of-order samples are the exception, so that it costs a copy does not matter. */
  #insert(tMs: UnixMs, value: SampleValue, startMs: UnixMs | undefined): void {
    const samples = this.#samples;
    const at = firstAtOrAfter(samples.timestamps, samples.length, tMs);
    const tail = new SampleBuffer();
    copy(samples, samples.timestamps[at] === tMs ? at + 1 : at, samples.length, tail);
    const head = new SampleBuffer();
    copy(samples, 0, at, head);
    samples.clear();
    copy(head, 0, head.length, samples);
    push(samples, tMs, value, startMs);
    copy(tail, 0, tail.length, samples);
  }

  within({ startMs, endMs, latestOnly }: SelectHints): Series {
    const samples = this.#samples;
    return {
      labels: this.labels,
      read(into) {
        const to = firstAtOrAfter(samples.timestamps, samples.length, endMs + 1);
        const from = firstAtOrAfter(samples.timestamps, samples.length, startMs);
        copy(samples, latestOnly ? Math.max(from, to - 1) : from, to, into);
      },
    };
  }
}

function push(into: SampleBuffer, tMs: UnixMs, value: SampleValue, startMs: UnixMs | undefined): void {
  if (value === STALE_MARKER) into.pushStale(tMs);
  else if (typeof value === "number") into.push(tMs, value, startMs);
  else into.pushHistogram(tMs, withResetHint(into.histograms?.[into.length - 1], value), startMs);
}

function copy(source: SampleBuffer, from: number, to: number, into: SampleBuffer): void {
  if (source.histogramCount === 0 && !source.hasStartTimestamps) {
    into.pushRange(source.timestamps, source.values, from, to);
    return;
  }
  for (let i = from; i < to; i++) {
    const tMs = source.timestamps[i] ?? 0;
    const startMs = source.hasStartTimestamps ? source.startTimestamps?.[i] : undefined;
    const histogram = source.histograms?.[i];
    if (histogram !== undefined) into.pushHistogram(tMs, histogram, startMs);
    else {
      into.pushRange(source.timestamps, source.values, i, i + 1);
      if (startMs !== undefined && startMs !== 0) into.setStartOfLast(startMs);
    }
  }
}

function firstAtOrAfter(timestamps: Float64Array, length: number, tMs: UnixMs): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((timestamps[middle] ?? 0) < tMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

function withoutEmptyValues(labels: Labels): Labels {
  for (const name in labels) {
    if (labels[name] === "")
      return Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== ""));
  }
  return labels;
}
