import type { Histogram } from "../histogram/histogram.js";
import { HistogramMean, HistogramSum } from "../histogram/sum.js";
import { CompensatedMean, CompensatedSum } from "../kahan.js";
import { quantileOf } from "./quantile.js";
import {
  countIn,
  metricName,
  noteIgnoredHistograms,
  type RangeCall,
  type RangeFunction,
  type Window,
} from "./range-window.js";

/** `count_over_time`: how many samples, floats and histograms. */
export const countOverTime: RangeFunction = (window) => countIn(window) || undefined;
/** `present_over_time`: 1 where there is any sample. */
export const presentOverTime: RangeFunction = (window) => (countIn(window) > 0 ? 1 : undefined);

/** `sum_over_time` of floats or of histograms, never of both. */
export const sumOverTime: RangeFunction = (window, call) => {
  if (window.endHistogram > window.firstHistogram) return overHistograms(window, call, new HistogramSum());
  if (window.endFloat === window.firstFloat) return undefined;
  const sum = new CompensatedSum();
  const { v } = window.series;
  for (let i = window.firstFloat; i < window.endFloat; i++) sum.add(v[i] ?? Number.NaN);
  return sum.total;
};

/** `avg_over_time` of floats or of histograms, never of both. */
export const avgOverTime: RangeFunction = (window, call) => {
  if (window.endHistogram > window.firstHistogram) return overHistograms(window, call, new HistogramMean());
  if (window.endFloat === window.firstFloat) return undefined;
  const mean = new CompensatedMean();
  const { v } = window.series;
  for (let i = window.firstFloat; i < window.endFloat; i++) mean.add(v[i] ?? Number.NaN);
  return mean.mean;
};

function overHistograms(
  window: Window,
  call: RangeCall,
  accumulator: HistogramSum | HistogramMean,
): Histogram | undefined {
  const { notes } = call.context;
  if (window.endFloat > window.firstFloat) {
    notes.mixedFloatsHistograms(metricName(call), call.at);
    return undefined;
  }
  for (let i = window.firstHistogram; i < window.endHistogram; i++) {
    const histogram = window.series.h[i];
    if (histogram !== undefined && !accumulator.add(histogram)) {
      notes.mixedExponentialCustom(metricName(call), call.at);
      return undefined;
    }
  }
  if (accumulator.hintsCollided) notes.resetCollision("aggregation", call.at);
  if (accumulator.boundsReconciled) notes.boundsReconciled("aggregation", call.at);
  return accumulator.result;
}

/** Wraps a function of the window's floats: nothing without floats, an info where histograms are left out. */
function ofFloats(compute: (window: Window, call: RangeCall) => number): RangeFunction {
  return (window, call) => {
    if (window.endFloat === window.firstFloat) return undefined;
    noteIgnoredHistograms(window, call);
    return compute(window, call);
  };
}

/** `min_over_time`. NaN only when there is nothing else. */
export const minOverTime = ofFloats(({ series: { v }, firstFloat, endFloat }) => {
  let best = v[firstFloat] ?? Number.NaN;
  for (let i = firstFloat + 1; i < endFloat; i++) {
    const value = v[i] ?? Number.NaN;
    if (value < best || Number.isNaN(best)) best = value;
  }
  return best;
});

/** `max_over_time`. NaN only when there is nothing else. */
export const maxOverTime = ofFloats(({ series: { v }, firstFloat, endFloat }) => {
  let best = v[firstFloat] ?? Number.NaN;
  for (let i = firstFloat + 1; i < endFloat; i++) {
    const value = v[i] ?? Number.NaN;
    if (value > best || Number.isNaN(best)) best = value;
  }
  return best;
});

/** `ts_of_min_over_time`: time of the last smallest float, in seconds. */
export const tsOfMinOverTime = ofFloats((window) => timeOfBest(window, (value, best) => value <= best));
/** `ts_of_max_over_time`: time of the last largest float, in seconds. */
export const tsOfMaxOverTime = ofFloats((window) => timeOfBest(window, (value, best) => value >= best));

function timeOfBest(
  { series: { t, v }, firstFloat, endFloat }: Window,
  beats: (value: number, best: number) => boolean,
): number {
  let index = firstFloat;
  for (let i = firstFloat + 1; i < endFloat; i++) {
    const best = v[index] ?? Number.NaN;
    if (Number.isNaN(best) || beats(v[i] ?? Number.NaN, best)) index = i;
  }
  return (t[index] ?? 0) / 1000;
}

/** `quantile_over_time`. */
export const quantileOverTime = ofFloats((window, call) => {
  const q = call.scalars[0]?.[window.step] ?? Number.NaN;
  if (!(q >= 0 && q <= 1)) call.context.notes.invalidQuantile(q, call.at);
  return quantileOf(q, window.series.v.slice(window.firstFloat, window.endFloat));
});

/** `mad_over_time`: median of the distances from the median. */
export const madOverTime = ofFloats((window) => {
  const values = window.series.v.slice(window.firstFloat, window.endFloat);
  if (values.some(Number.isNaN)) return Number.NaN;
  const median = quantileOf(0.5, values);
  return quantileOf(
    0.5,
    values.map((value) => Math.abs(value - median)),
  );
});

/** `stdvar_over_time`: population variance. */
export const stdvarOverTime = ofFloats((window) => variance(window));
/** `stddev_over_time`: population standard deviation. */
export const stddevOverTime = ofFloats((window) => Math.sqrt(variance(window)));

/** Welford's method with compensation. */
function variance({ series: { v }, firstFloat, endFloat }: Window): number {
  let count = 0;
  const mean = new CompensatedSum();
  const squares = new CompensatedSum();
  for (let i = firstFloat; i < endFloat; i++) {
    count++;
    const value = v[i] ?? Number.NaN;
    const distance = value - mean.total;
    mean.add(distance / count);
    squares.add(distance * (value - mean.total));
  }
  return squares.total / count;
}

/** `last_over_time`: the newest sample, float or histogram. */
export const lastOverTime: RangeFunction = ({
  series,
  firstFloat,
  endFloat,
  firstHistogram,
  endHistogram,
}) => {
  if (endHistogram === firstHistogram) return endFloat === firstFloat ? undefined : series.v[endFloat - 1];
  if (endFloat === firstFloat || (series.ht[endHistogram - 1] ?? 0) > (series.t[endFloat - 1] ?? 0)) {
    return series.h[endHistogram - 1];
  }
  return series.v[endFloat - 1];
};

/** `first_over_time`: the oldest sample, float or histogram. */
export const firstOverTime: RangeFunction = ({
  series,
  firstFloat,
  endFloat,
  firstHistogram,
  endHistogram,
}) => {
  if (endHistogram === firstHistogram) return endFloat === firstFloat ? undefined : series.v[firstFloat];
  if (endFloat === firstFloat || (series.ht[firstHistogram] ?? 0) < (series.t[firstFloat] ?? 0)) {
    return series.h[firstHistogram];
  }
  return series.v[firstFloat];
};

/** `ts_of_last_over_time`: time of the newest sample in seconds. */
export const tsOfLastOverTime: RangeFunction = (window) => {
  if (countIn(window) === 0) return undefined;
  const { t, ht } = window.series;
  const float =
    window.endFloat > window.firstFloat ? (t[window.endFloat - 1] ?? 0) : Number.NEGATIVE_INFINITY;
  const histogram =
    window.endHistogram > window.firstHistogram
      ? (ht[window.endHistogram - 1] ?? 0)
      : Number.NEGATIVE_INFINITY;
  return Math.max(float, histogram) / 1000;
};

/** `ts_of_first_over_time`: time of the oldest sample in seconds. */
export const tsOfFirstOverTime: RangeFunction = (window) => {
  if (countIn(window) === 0) return undefined;
  const { t, ht } = window.series;
  const float = window.endFloat > window.firstFloat ? (t[window.firstFloat] ?? 0) : Number.POSITIVE_INFINITY;
  const histogram =
    window.endHistogram > window.firstHistogram ? (ht[window.firstHistogram] ?? 0) : Number.POSITIVE_INFINITY;
  return Math.min(float, histogram) / 1000;
};
