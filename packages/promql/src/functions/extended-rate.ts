import { added, scaled, subtracted } from "../histogram/arithmetic.js";
import { type Histogram, hasCustomBuckets } from "../histogram/histogram.js";
import { isReset } from "../histogram/reset.js";
import { metricName, type RangeCall, type Window } from "./range-window.js";

/**
 * `rate`, `increase` and `delta` of an `anchored` or `smoothed` range: nothing is extrapolated. Anchored takes the last
 * sample at or before the start of the window as its start; smoothed interpolates at both edges.
 */
export function extendedRate(
  window: Window,
  call: RangeCall,
  isCounter: boolean,
  isRate: boolean,
): number | Histogram | undefined {
  const { t, v, ht, h } = window.series;
  const floats = reachable(window, call, t, window.series.floats);
  const histograms = reachable(window, call, ht, h.length);
  if (floats.to > floats.from && histograms.to > histograms.from) {
    call.context.notes.mixedFloatsHistograms(metricName(call), call.at);
    return undefined;
  }
  const seconds = isRate ? call.windowMs / 1000 : 1;
  if (floats.to > floats.from) {
    const edges = edgesOf(t, floats, window, call);
    return edges === undefined ? undefined : floatDifference(t, v, edges, window, isCounter) / seconds;
  }
  if (histograms.to === histograms.from) return undefined;
  const edges = edgesOf(ht, histograms, window, call);
  if (edges === undefined) return undefined;
  const difference = histogramDifference(window, edges, call, isCounter);
  return difference === undefined ? undefined : scaled(difference, 1 / seconds);
}

interface Span {
  readonly from: number;
  readonly to: number;
}

/** Samples that boundary values may come from: the lookback before the window, and after it when smoothed. */
export function reachable(window: Window, call: RangeCall, times: ArrayLike<number>, length: number): Span {
  const fromMs = window.startMs - call.lookbackMs;
  const toMs = call.mode === "smoothed" ? window.endMs + call.lookbackMs : window.endMs;
  return { from: firstAfter(times, length, fromMs), to: firstAfter(times, length, toMs) };
}

function firstAfter(times: ArrayLike<number>, length: number, tMs: number): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) <= tMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** First and last sample that matter, and whether the window's edge lies between them and their inner neighbour. */
interface Edges {
  readonly first: number;
  readonly last: number;
  readonly interpolatesFirst: boolean;
  readonly interpolatesLast: boolean;
}

function edgesOf(times: ArrayLike<number>, span: Span, window: Window, call: RangeCall): Edges | undefined {
  const { startMs, endMs } = window;
  const first = Math.min(Math.max(span.from, firstAfter(times, span.to, startMs) - 1), span.to - 1);
  const isSmoothed = call.mode === "smoothed";
  // Smoothed needs the first sample at or after the end, anchored the last one at or before it.
  const afterEnd = firstAfter(times, span.to, endMs);
  const hasSampleAtEnd = times[afterEnd - 1] === endMs;
  const last =
    isSmoothed && !hasSampleAtEnd ? Math.min(afterEnd, span.to - 1) : Math.max(afterEnd - 1, first);
  // Samples on one side of the window alone say nothing about it.
  if ((times[last] ?? 0) <= startMs || (times[first] ?? 0) > endMs) return undefined;
  return {
    first,
    last,
    interpolatesFirst: isSmoothed && (times[first] ?? 0) < startMs && first < last,
    interpolatesLast: isSmoothed && (times[last] ?? 0) > endMs && first < last,
  };
}

function floatDifference(
  t: Float64Array,
  v: Float64Array,
  { first, last, interpolatesFirst, interpolatesLast }: Edges,
  window: Window,
  isCounter: boolean,
): number {
  const at = (index: number) => v[index] ?? Number.NaN;
  const between = (index: number, tMs: number) => {
    // A counter that fell restarted from zero.
    const low = isCounter && at(index + 1) < at(index) ? 0 : at(index);
    const span = (t[index + 1] ?? 0) - (t[index] ?? 0);
    return low + ((at(index + 1) - low) * (tMs - (t[index] ?? 0))) / span;
  };
  const left = interpolatesFirst ? between(first, window.startMs) : at(first);
  const right = interpolatesLast ? between(last - 1, window.endMs) : at(last);
  let result = right - left;
  if (!isCounter) return result;
  // The interpolated left edge already stands behind a reset in its own pair.
  for (let i = first + (interpolatesFirst ? 2 : 1); i <= last; i++)
    if (at(i) < at(i - 1)) result += at(i - 1);
  return result;
}

function histogramDifference(
  window: Window,
  { first, last, interpolatesFirst, interpolatesLast }: Edges,
  call: RangeCall,
  isCounter: boolean,
): Histogram | undefined {
  const { notes } = call.context;
  const name = metricName(call);
  const { h, ht } = window.series;
  const points = h.slice(first, last + 1);
  const isGauge = (point: Histogram | undefined) => point?.counterResetHint === "gauge";
  if (isCounter && points.some(isGauge)) notes.notCounter(name, call.at);
  if (!isCounter && !(isGauge(points[0]) && isGauge(points.at(-1)))) notes.notGauge(name, call.at);
  const mixed = () => {
    notes.mixedExponentialCustom(name, call.at);
    return undefined;
  };
  const edge = (isInterpolated: boolean, index: number, low: number, tMs: number) =>
    isInterpolated
      ? interpolatedHistogram(h[low], h[low + 1], ht[low], ht[low + 1], tMs, isCounter)
      : h[index];
  const left = edge(interpolatesFirst, first, first, window.startMs);
  const right = edge(interpolatesLast, last, last - 1, window.endMs);
  if (left === undefined || right === undefined) return mixed();
  if (points.some((point) => hasCustomBuckets(point) !== hasCustomBuckets(right))) return mixed();
  const result = subtracted(right, left);
  if (result === "incompatible") return mixed();
  let difference = result.histogram;
  let reconciled = result.boundsReconciled;
  for (let i = interpolatesFirst ? 2 : 1; isCounter && i < points.length; i++) {
    const before = points[i - 1];
    const point = points[i];
    if (before === undefined || point === undefined || !isReset(before, point)) continue;
    const corrected = added(difference, before);
    if (corrected === "incompatible") return mixed();
    difference = corrected.histogram;
    reconciled ||= corrected.boundsReconciled;
  }
  if (reconciled) notes.boundsReconciled("subtraction", call.at);
  return { ...difference, counterResetHint: "gauge" };
}

/**
 * A histogram at a time between two others; a counter that was reset in between restarted from zero. Undefined when their
 * buckets do not mix.
 */
export function interpolatedHistogram(
  before: Histogram | undefined,
  after: Histogram | undefined,
  beforeMs = 0,
  afterMs = 0,
  tMs = 0,
  isCounter = true,
): Histogram | undefined {
  if (before === undefined || after === undefined) return undefined;
  if (hasCustomBuckets(before) !== hasCustomBuckets(after)) return undefined;
  const share = (tMs - beforeMs) / (afterMs - beforeMs);
  if (isCounter && isReset(before, after)) return scaled(after, share);
  const difference = subtracted(after, before);
  if (difference === "incompatible") return undefined;
  const result = added(before, scaled(difference.histogram, share));
  return result === "incompatible" ? undefined : result.histogram;
}
