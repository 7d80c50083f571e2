import type { Labels, UnixMs } from "@tocsin/model";
import type { SampleBuffer, SelectHints, Series } from "@tocsin/promql";
import { isStaleAt, SampleBuffer as Samples } from "@tocsin/promql";
import { decodeHistogram } from "./histogram-codec.js";
import type { SampleStore } from "./sample-store.js";
import type { HeadSeries, HistogramPieces, StartTimes } from "./series.js";

/** A series of the head as a query sees it: decoded into the query's own buffer when it is read. */
export class SelectedSeries implements Series {
  readonly labels: Labels;
  readonly #series: HeadSeries;
  readonly #samples: SampleStore;
  readonly #hints: SelectHints;

  constructor(series: HeadSeries, samples: SampleStore, hints: SelectHints) {
    this.labels = series.labels;
    this.#series = series;
    this.#samples = samples;
    this.#hints = hints;
  }

  read(into: SampleBuffer): void {
    const series = this.#series;
    const { startMs, endMs } = this.#hints;
    const pieces = series.histograms;
    const first = into.length;
    if (pieces !== undefined) {
      readBoth(series, pieces, this.#samples, startMs, endMs, into);
    } else if (this.#hints.latestOnly === true) {
      into.reserve(1);
      into.length += this.#samples.readLatest(series, startMs, endMs, into, into.length);
    } else {
      readFloats(series, this.#samples, startMs, endMs, into);
    }
    if (series.starts !== undefined) addStarts(series.starts, into, first);
  }
}

function readFloats(
  series: HeadSeries,
  samples: SampleStore,
  startMs: UnixMs,
  endMs: UnixMs,
  into: SampleBuffer,
): void {
  into.reserve(samples.countAtMost(series, startMs, endMs));
  into.length += samples.read(series, startMs, endMs, into, into.length);
}

function readBoth(
  series: HeadSeries,
  { timesMs, pieces, bounds }: HistogramPieces,
  samples: SampleStore,
  startMs: UnixMs,
  endMs: UnixMs,
  into: SampleBuffer,
): void {
  const floats = new Samples(16);
  readFloats(series, samples, startMs, endMs, floats);
  let next = 0;
  for (let index = 0; index < timesMs.length; index++) {
    const timeMs = timesMs[index];
    if (timeMs < startMs) continue;
    if (timeMs > endMs) break;
    next = copyUntil(floats, next, timeMs, into);
    const piece = pieces[index];
    const { arena } = samples;
    into.pushHistogram(timeMs, decodeHistogram(arena.bytesOf(piece), arena.offsetOf(piece), bounds));
  }
  copyUntil(floats, next, Number.POSITIVE_INFINITY, into);
}

function copyUntil(floats: SampleBuffer, from: number, untilMs: UnixMs, into: SampleBuffer): number {
  let index = from;
  while (index < floats.length && floats.timestamps[index] < untilMs) {
    const timeMs = floats.timestamps[index];
    if (isStaleAt(floats.bits, index)) into.pushStale(timeMs);
    else into.push(timeMs, floats.values[index]);
    index++;
  }
  return index;
}

/** Gives each sample the start that was in force at its time. */
function addStarts({ fromMs, startMs }: StartTimes, into: SampleBuffer, first: number): void {
  if (into.length === first) return;
  into.setStartOfLast(0);
  const column = into.startTimestamps;
  if (column === undefined) return;
  let entry = -1;
  for (let index = first; index < into.length; index++) {
    const timeMs = into.timestamps[index];
    while (entry + 1 < fromMs.length && fromMs[entry + 1] <= timeMs) entry++;
    column[index] = entry < 0 ? 0 : startMs[entry];
  }
}
