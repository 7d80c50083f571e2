import type { UnixMs } from "@tocsin/model";
import { CUSTOM_BUCKETS_SCHEMA, type Histogram, withResetHint } from "@tocsin/promql";
import type { ByteArena } from "./arena.js";
import { encodeHistogram, histogramCapacity } from "./histogram-codec.js";
import type { AppendOutcome } from "./sample-store.js";
import type { HeadSeries, HistogramPieces } from "./series.js";

let scratch = new Uint8Array(4_096);

/** Adds a native histogram that is newer than those the series has; told apart from the one before by its reset hint. */
export function appendHistogram(
  series: HeadSeries,
  arena: ByteArena,
  timeMs: UnixMs,
  histogram: Histogram,
): AppendOutcome {
  series.histograms ??= { timesMs: [], pieces: [], bounds: [], last: undefined };
  const held = series.histograms;
  const newestMs = held.timesMs.at(-1) ?? Number.NEGATIVE_INFINITY;
  if (timeMs <= newestMs) return outcomeOfOld(held, timeMs, newestMs, histogram);
  const hinted = withResetHint(held.last, histogram);
  if (histogramCapacity(hinted) > scratch.length) scratch = new Uint8Array(histogramCapacity(hinted) * 2);
  const length = encodeHistogram(hinted, boundsIndex(held, hinted), scratch);
  held.timesMs.push(timeMs);
  held.pieces.push(arena.place(scratch, length));
  held.last = hinted;
  if (timeMs > series.lastMs) series.lastMs = timeMs;
  return "stored";
}

/** Frees histograms older than `horizonMs`. True when the series has some left. */
export function truncateHistograms(series: HeadSeries, arena: ByteArena, horizonMs: UnixMs): boolean {
  const held = series.histograms;
  if (held === undefined) return false;
  let gone = 0;
  while (gone < held.timesMs.length && held.timesMs[gone] < horizonMs) {
    arena.free(held.pieces[gone]);
    gone++;
  }
  if (gone > 0) {
    held.timesMs.splice(0, gone);
    held.pieces.splice(0, gone);
  }
  return held.timesMs.length > 0;
}

function outcomeOfOld(
  held: HistogramPieces,
  timeMs: UnixMs,
  newestMs: UnixMs,
  histogram: Histogram,
): AppendOutcome {
  if (timeMs < newestMs) return held.timesMs.includes(timeMs) ? "repeat" : "too_old";
  const same = held.last?.count === histogram.count && Object.is(held.last.sum, histogram.sum);
  return same ? "repeat" : "conflict";
}

function boundsIndex(held: HistogramPieces, histogram: Histogram): number {
  if (histogram.schema !== CUSTOM_BUCKETS_SCHEMA) return 0;
  const bounds = histogram.customValues ?? [];
  for (let index = held.bounds.length - 1; index >= 0; index--) {
    const known = held.bounds[index] as readonly number[];
    if (known.length === bounds.length && known.every((bound, at) => bound === bounds[at])) return index;
  }
  return held.bounds.push(bounds) - 1;
}
