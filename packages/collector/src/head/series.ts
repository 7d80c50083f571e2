import type { Labels, UnixMs } from "@tocsin/model";
import type { Histogram } from "@tocsin/promql";

/** Samples that a series keeps uncompressed before they become a chunk. */
export const TAIL_SAMPLES = 32;

/** What one series holds. The samples themselves are in the store's pages and arena, named by `slot` and `chunks`. */
export interface HeadSeries {
  readonly labels: Labels;
  /** Counts up with every series made, never used again; orders series by age. */
  readonly ordinal: number;
  /** Which row of the tail pages is this series'; used again after the series is gone. */
  readonly slot: number;
  /** Float samples in the tail. They are newer than every chunk. */
  tailCount: number;
  /** Chunks in the arena, oldest first; they do not overlap. */
  chunks: number[];
  /** Time of the newest sample of either kind; −Infinity before the first. */
  lastMs: UnixMs;
  /** Whether the newest sample is a staleness marker. */
  isStale: boolean;
  /** Native histogram samples; undefined for series that never had one. */
  histograms: HistogramPieces | undefined;
  /** When the counter began, by sample times; undefined where no sender said so. */
  starts: StartTimes | undefined;
  /** Whether the series left the head (retention); who holds it must look it up again. */
  isGone: boolean;
}

/** Encoded native histograms of one series, by rising time. */
export interface HistogramPieces {
  readonly timesMs: number[];
  readonly pieces: number[];
  /** Lists of custom bounds that the pieces refer to by index. */
  readonly bounds: (readonly number[])[];
  /** The newest, decoded, to tell a counter reset. */
  last: Histogram | undefined;
}

/** From sample time `fromMs[i]` on the counter is the one that began at `startMs[i]`. */
export interface StartTimes {
  readonly fromMs: number[];
  readonly startMs: number[];
}

/** A series without samples. */
export function newSeries(labels: Labels, ordinal: number, slot: number): HeadSeries {
  return {
    labels,
    ordinal,
    slot,
    tailCount: 0,
    chunks: [],
    lastMs: Number.NEGATIVE_INFINITY,
    isStale: false,
    histograms: undefined,
    starts: undefined,
    isGone: false,
  };
}

/** Restarts of one counter that are remembered. */
const MAX_STARTS = 64;

/** Notes when the counter behind a new sample began; returns whether that is news. */
export function noteStart(series: HeadSeries, timeMs: UnixMs, startMs: UnixMs): boolean {
  const starts = series.starts;
  if (startMs >= timeMs || starts?.startMs.at(-1) === startMs || timeMs <= series.lastMs) return false;
  if (starts === undefined) series.starts = { fromMs: [timeMs], startMs: [startMs] };
  else {
    starts.fromMs.push(timeMs);
    starts.startMs.push(startMs);
    if (starts.fromMs.length > MAX_STARTS) {
      starts.fromMs.shift();
      starts.startMs.shift();
    }
  }
  return true;
}
