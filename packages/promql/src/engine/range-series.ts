import type { Histogram } from "../histogram/histogram.js";
import type { SampleBuffer } from "../sample-buffer.js";
import { isStaleAt } from "../stale.js";
import { type Frame, stepTime } from "./frame.js";
import { FLOAT, type Grid, HISTOGRAM } from "./grid.js";

/** Samples of one series for range functions: floats and histograms apart, no staleness markers. Reused from series to series. */
export class RangeSeries {
  /** Times and values of the floats; the first `floats` entries count. */
  t: Float64Array = new Float64Array(0);
  v: Float64Array = new Float64Array(0);
  floats = 0;
  /** Start timestamp of each float and histogram, 0 where unknown; undefined when there is none. */
  floatStarts: Float64Array | undefined = undefined;
  histogramStarts: number[] | undefined = undefined;
  ht: number[] = [];
  h: Histogram[] = [];

  get histograms(): number {
    return this.h.length;
  }

  /** Points at or copies the samples of a buffer. */
  fromBuffer(samples: SampleBuffer): void {
    this.ht = [];
    this.h = [];
    this.histogramStarts = samples.hasStartTimestamps ? [] : undefined;
    const { timestamps, values, bits, length } = samples;
    const starts = samples.hasStartTimestamps ? samples.startTimestamps : undefined;
    this.floatStarts = starts;
    this.t = timestamps;
    this.v = values;
    if (samples.histogramCount === 0 && !hasNaN(values, length)) {
      this.floats = length;
      return;
    }
    // Moves the floats together in place: the buffer is ours until it is cleared.
    let kept = 0;
    for (let i = 0; i < length; i++) {
      const histogram = samples.histogramCount > 0 ? samples.histograms?.[i] : undefined;
      const value = values[i] ?? Number.NaN;
      if (histogram !== undefined) {
        this.ht.push(timestamps[i] ?? 0);
        this.h.push(histogram);
        this.histogramStarts?.push(starts?.[i] ?? 0);
      } else if (!Number.isNaN(value) || !isStaleAt(bits, i)) {
        timestamps[kept] = timestamps[i] ?? 0;
        values[kept] = value;
        if (starts !== undefined) starts[kept] = starts[i] ?? 0;
        kept++;
      }
    }
    this.floats = kept;
  }

  /** Copies one row that a subquery produced. */
  fromRow(grid: Grid, row: number, frame: Frame): void {
    this.floatStarts = undefined;
    this.histogramStarts = undefined;
    this.ht = [];
    this.h = [];
    if (this.t.length < grid.steps) {
      this.t = new Float64Array(grid.steps);
      this.v = new Float64Array(grid.steps);
    }
    let kept = 0;
    const base = row * grid.steps;
    for (let step = 0; step < grid.steps; step++) {
      const kind = grid.kinds[base + step];
      if (kind === FLOAT) {
        this.t[kept] = stepTime(frame, step);
        this.v[kept] = grid.values[base + step] ?? Number.NaN;
        kept++;
      } else if (kind === HISTOGRAM) {
        const histogram = grid.histogram(base + step);
        if (histogram === undefined) continue;
        this.ht.push(stepTime(frame, step));
        // What a hint says of the sample before it does not hold for the one a step ago.
        const isGauge = histogram.counterResetHint === "gauge";
        this.h.push(isGauge ? histogram : { ...histogram, counterResetHint: "unknown" });
      }
    }
    this.floats = kept;
  }
}

function hasNaN(values: Float64Array, length: number): boolean {
  for (let i = 0; i < length; i++) {
    if (Number.isNaN(values[i])) return true;
  }
  return false;
}
