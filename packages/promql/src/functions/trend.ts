import { evalError } from "../errors.js";
import { sameHistogram } from "../histogram/arithmetic.js";
import type { Histogram } from "../histogram/histogram.js";
import { isReset } from "../histogram/reset.js";
import { CompensatedSum } from "../kahan.js";
import { reachable } from "./extended-rate.js";
import { noteIgnoredHistograms, type RangeCall, type RangeFunction, type Window } from "./range-window.js";
import { isStartReset } from "./start-timestamps.js";

/** `deriv`: slope of the least-squares line, per second. */
export const deriv: RangeFunction = (window, call) => {
  if (window.endFloat - window.firstFloat < 2) {
    noteIgnoredHistograms(window, call);
    return undefined;
  }
  noteIgnoredHistograms(window, call);
  // Times relative to the first sample keep the sums small and so exact.
  return regression(window, window.series.t[window.firstFloat] ?? 0).slope;
};

/** `predict_linear`: where the least-squares line is so many seconds after the step. */
export const predictLinear: RangeFunction = (window, call) => {
  const seconds = call.scalars[0]?.[window.step] ?? Number.NaN;
  noteIgnoredHistograms(window, call);
  if (window.endFloat - window.firstFloat < 2) return undefined;
  const { slope, intercept } = regression(window, window.tMs);
  return slope * seconds + intercept;
};

function regression(window: Window, originMs: number): { slope: number; intercept: number } {
  const { t, v } = window.series;
  const sumX = new CompensatedSum();
  const sumY = new CompensatedSum();
  const sumXY = new CompensatedSum();
  const sumXX = new CompensatedSum();
  const first = v[window.firstFloat] ?? Number.NaN;
  let isConstant = true;
  for (let i = window.firstFloat; i < window.endFloat; i++) {
    const x = ((t[i] ?? 0) - originMs) / 1000;
    const y = v[i] ?? Number.NaN;
    if (y !== first) isConstant = false;
    sumX.add(x);
    sumY.add(y);
    sumXY.add(x * y);
    sumXX.add(x * x);
  }
  if (isConstant) {
    return Number.isFinite(first)
      ? { slope: 0, intercept: first }
      : { slope: Number.NaN, intercept: Number.NaN };
  }
  const n = window.endFloat - window.firstFloat;
  const covariance = sumXY.total - (sumX.total * sumY.total) / n;
  const variance = sumXX.total - (sumX.total * sumX.total) / n;
  const slope = covariance / variance;
  return { slope, intercept: sumY.total / n - (slope * sumX.total) / n };
}

/** `double_exponential_smoothing`: the last value of a series smoothed for level and trend. */
export const doubleExponentialSmoothing: RangeFunction = (window, call) => {
  const smoothing = call.scalars[0]?.[window.step] ?? Number.NaN;
  const trendFactor = call.scalars[1]?.[window.step] ?? Number.NaN;
  if (!(smoothing > 0 && smoothing < 1)) {
    throw evalError(`invalid smoothing factor. Expected: 0 < sf < 1, got: ${smoothing}`);
  }
  if (!(trendFactor > 0 && trendFactor < 1)) {
    throw evalError(`invalid trend factor. Expected: 0 < tf < 1, got: ${trendFactor}`);
  }
  noteIgnoredHistograms(window, call);
  const { v } = window.series;
  if (window.endFloat - window.firstFloat < 2) return undefined;
  let level = v[window.firstFloat] ?? Number.NaN;
  let before = 0;
  let trend = (v[window.firstFloat + 1] ?? Number.NaN) - level;
  for (let i = window.firstFloat + 1; i < window.endFloat; i++) {
    if (i > window.firstFloat + 1) trend = trendFactor * (level - before) + (1 - trendFactor) * trend;
    before = level;
    level = smoothing * (v[i] ?? Number.NaN) + (1 - smoothing) * (level + trend);
  }
  return level;
};

/** `changes`: how often the value changed, between floats and histograms too. */
export const changes: RangeFunction = (window, call) =>
  countTransitions(window, call, (before, after) => {
    if (typeof before === "number" && typeof after === "number") {
      return before !== after && !(Number.isNaN(before) && Number.isNaN(after));
    }
    if (typeof before === "number" || typeof after === "number") return true;
    return !sameHistogram(before, after);
  });

/** `resets`: how often a counter fell; going from float to histogram or back counts as a reset. */
export const resets: RangeFunction = (window, call) =>
  countTransitions(window, call, (before, after) => {
    if (typeof before === "number" && typeof after === "number") return after < before;
    if (typeof before === "number" || typeof after === "number") return true;
    return isReset(before, after);
  });

function countTransitions(
  window: Window,
  call: RangeCall,
  counts: (before: number | Histogram, after: number | Histogram) => boolean,
): number | undefined {
  const { t, v, ht, h, floatStarts, histogramStarts } = window.series;
  let f = window.firstFloat;
  let i = window.firstHistogram;
  if (f >= window.endFloat && i >= window.endHistogram) return undefined;
  if (call.mode !== undefined) [f, i] = withAnchor(window, call);
  const usesStarts = call.context.usesStartTimestamps && call.name === "resets";
  let total = 0;
  let previous: number | Histogram | undefined;
  let previousMs = 0;
  let previousStartMs = 0;
  while (f < window.endFloat || i < window.endHistogram) {
    const histogram = i < window.endHistogram ? h[i] : undefined;
    const takesFloat = histogram === undefined || (f < window.endFloat && (t[f] ?? 0) < (ht[i] ?? 0));
    const value = takesFloat ? (v[f] ?? Number.NaN) : (histogram ?? 0);
    const tMs = (takesFloat ? t[f] : ht[i]) ?? 0;
    const startMs = (takesFloat ? floatStarts?.[f] : histogramStarts?.[i]) ?? 0;
    if (previous !== undefined) {
      const byStart = usesStarts && isStartReset(previousStartMs, previousMs, startMs, tMs);
      if (byStart || counts(previous, value)) total++;
    }
    previous = value;
    previousMs = tMs;
    previousStartMs = startMs;
    if (takesFloat) f++;
    else i++;
  }
  return total;
}

/** Indexes to start from so that the last sample at or before the window's start comes first. */
function withAnchor(window: Window, call: RangeCall): [float: number, histogram: number] {
  const { t, ht, floats, h } = window.series;
  const float = anchorBefore(t, reachable(window, call, t, floats), window.startMs);
  const histogram = anchorBefore(ht, reachable(window, call, ht, h.length), window.startMs);
  if (float !== undefined && (histogram === undefined || (t[float] ?? 0) > (ht[histogram] ?? 0))) {
    return [float, window.firstHistogram];
  }
  return [window.firstFloat, histogram ?? window.firstHistogram];
}

function anchorBefore(
  times: ArrayLike<number>,
  { from, to }: { from: number; to: number },
  startMs: number,
): number | undefined {
  let anchor: number | undefined;
  for (let i = from; i < to && (times[i] ?? 0) <= startMs; i++) anchor = i;
  return anchor;
}
