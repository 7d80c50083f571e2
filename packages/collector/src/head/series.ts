import type { Labels, UnixMs } from "@tocsin/model";

/** Samples that a series keeps uncompressed before they become a chunk. */
export const TAIL_SAMPLES = 32;

/** What one series holds. The samples themselves are in the store's pages and arena, named by `slot` and `chunks`. */
export interface HeadSeries {
  readonly labels: Labels;
  /** Counts up with every series made, never used again; orders series by age. */
  readonly ordinal: number;
  /** Which row of the tail pages is this series'; used again after the series is gone. */
  readonly slot: number;
  /** Samples in the tail. They are newer than every chunk. */
  tailCount: number;
  /** Chunks in the arena, oldest first; they do not overlap. */
  chunks: number[];
  /** Time of the newest sample of either kind; −Infinity before the first. */
  lastMs: UnixMs;
  /** Native histogram samples, oldest first; undefined for series that never had one. */
  histograms: HistogramPieces | undefined;
  /** Whether the series left the head (retention); who holds it must look it up again. */
  isGone: boolean;
}

/** Encoded native histograms of one series, by rising time. */
export interface HistogramPieces {
  readonly timesMs: number[];
  readonly pieces: number[];
}
