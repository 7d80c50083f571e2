import { added, divided, scaled, subtracted } from "../histogram/arithmetic.js";
import { type Histogram, hasCustomBuckets, NO_BUCKETS } from "../histogram/histogram.js";
import { isReset } from "../histogram/reset.js";
import { reduceToSchema } from "../histogram/reshape.js";
import { extendedRate } from "./extended-rate.js";
import { metricName, type RangeCall, type RangeFunction, type Window } from "./range-window.js";
import { isStartReset, startOf } from "./start-timestamps.js";

/** `rate`: per-second increase, extrapolated to the ends of the window. */
export const rate: RangeFunction = (window, call) => extrapolated(window, call, true, true);
/** `increase`: the same, not per second. */
export const increase: RangeFunction = (window, call) => extrapolated(window, call, true, false);
/** `delta`: difference of a gauge, extrapolated to the ends of the window. */
export const delta: RangeFunction = (window, call) => extrapolated(window, call, false, false);

function extrapolated(
  window: Window,
  call: RangeCall,
  isCounter: boolean,
  isRate: boolean,
): number | Histogram | undefined {
  if (call.mode !== undefined) return extendedRate(window, call, isCounter, isRate);
  const floats = window.endFloat - window.firstFloat;
  const histograms = window.endHistogram - window.firstHistogram;
  if (floats > 0 && histograms > 0) {
    call.context.notes.mixedFloatsHistograms(metricName(call), call.at);
    return undefined;
  }
  if (floats === 0) return histograms === 0 ? undefined : rateOfHistograms(window, call, isCounter, isRate);
  const { t, v } = window.series;
  const first = window.firstFloat;
  const last = window.endFloat - 1;
  const known = isCounter
    ? knownStart(window, call, window.series.floatStarts, first, t[first] ?? 0)
    : undefined;
  if (floats < 2 && known === undefined) return undefined;
  const firstValue = v[first] ?? Number.NaN;
  let result = (v[last] ?? Number.NaN) - firstValue;
  if (isCounter) result += lostToResets(window, call) + (known === undefined ? 0 : firstValue);
  const factor = extrapolation(window, {
    firstMs: t[first] ?? 0,
    lastMs: t[last] ?? 0,
    gaps: last - first,
    windowMs: call.windowMs,
    isRate,
    knownStartMs: known,
    // A counter cannot have been below zero before the first sample.
    zeroRatio:
      isCounter && result > 0 && firstValue >= 0 && known === undefined ? firstValue / result : undefined,
  });
  return result * factor;
}

/** What counter resets within the window took away. */
function lostToResets(window: Window, call: RangeCall): number {
  const { t, v, floatStarts } = window.series;
  const starts = call.context.usesStartTimestamps ? floatStarts : undefined;
  let lost = 0;
  let previous = v[window.firstFloat] ?? Number.NaN;
  for (let i = window.firstFloat + 1; i < window.endFloat; i++) {
    const value = v[i] ?? Number.NaN;
    if (
      value < previous ||
      (starts !== undefined && isStartReset(starts[i - 1], t[i - 1], starts[i], t[i]))
    ) {
      lost += previous;
    }
    previous = value;
  }
  return lost;
}

/** Start of the counter, when it is known and lies within the window: the counter was zero there. */
function knownStart(
  window: Window,
  call: RangeCall,
  starts: ArrayLike<number> | undefined,
  index: number,
  firstMs: number,
): number | undefined {
  if (!call.context.usesStartTimestamps || starts === undefined) return undefined;
  const startMs = startOf(starts, index);
  return startMs !== undefined && startMs > window.startMs && startMs < firstMs ? startMs : undefined;
}

/** By how much the difference between two samples grows when stretched to the window, and divided by it for a rate. */
function extrapolation(
  window: Window,
  sampled: {
    firstMs: number;
    lastMs: number;
    /** Samples but one. */
    gaps: number;
    windowMs: number;
    isRate: boolean;
    /** Where the counter is known to have been zero, within the window. */
    knownStartMs: number | undefined;
    /** The first value over the increase, where the counter must not be taken below zero. */
    zeroRatio: number | undefined;
  },
): number {
  const { firstMs, lastMs, gaps, knownStartMs } = sampled;
  const average = gaps > 0 ? (lastMs - firstMs) / 1000 / gaps : 0;
  const interval = (lastMs - (knownStartMs ?? firstMs)) / 1000;
  // Up to a little more than one interval the series is taken to go on to the edge; beyond, to end half an interval on.
  const threshold = average * 1.1;
  let toStart = (firstMs - window.startMs) / 1000;
  let toEnd = (window.endMs - lastMs) / 1000;
  if (toStart >= threshold) toStart = average / 2;
  if (sampled.zeroRatio !== undefined) toStart = Math.min(toStart, interval * sampled.zeroRatio);
  if (knownStartMs !== undefined) toStart = 0;
  if (toEnd >= threshold) toEnd = average / 2;
  const factor = (interval + toStart + toEnd) / interval;
  return sampled.isRate ? factor / (sampled.windowMs / 1000) : factor;
}

function rateOfHistograms(
  window: Window,
  call: RangeCall,
  isCounter: boolean,
  isRate: boolean,
): Histogram | undefined {
  const { ht, h, histogramStarts } = window.series;
  const first = window.firstHistogram;
  const last = window.endHistogram - 1;
  const known = isCounter ? knownStart(window, call, histogramStarts, first, ht[first] ?? 0) : undefined;
  if (last - first < 1 && known === undefined) return undefined;
  const difference =
    first === last ? h[first] : differenceOf(h.slice(first, last + 1), call, isCounter, window);
  const increase = known === undefined || first === last ? difference : plusFirst(difference, h[first], call);
  if (increase === undefined) return undefined;
  const firstCount = h[first]?.count ?? 0;
  const factor = extrapolation(window, {
    firstMs: ht[first] ?? 0,
    lastMs: ht[last] ?? 0,
    gaps: last - first,
    windowMs: call.windowMs,
    isRate,
    knownStartMs: known,
    zeroRatio:
      isCounter && increase.count > 0 && firstCount >= 0 && known === undefined
        ? firstCount / increase.count
        : undefined,
  });
  return { ...scaled(increase, factor), counterResetHint: "gauge" };
}

/** The counter was zero at its known start, so that the first histogram is increase too. */
function plusFirst(
  difference: Histogram | undefined,
  first: Histogram | undefined,
  call: RangeCall,
): Histogram | undefined {
  if (difference === undefined || first === undefined) return undefined;
  const result = added(difference, first);
  if (result !== "incompatible") return result.histogram;
  call.context.notes.mixedExponentialCustom(metricName(call), call.at);
  return undefined;
}

function differenceOf(
  points: readonly Histogram[],
  call: RangeCall,
  isCounter: boolean,
  window: Window,
): Histogram | undefined {
  const { notes } = call.context;
  const name = metricName(call);
  const [firstPoint, second] = points;
  const last = points.at(-1);
  if (firstPoint === undefined || last === undefined) return undefined;
  let previous = firstPoint;
  const isGauge = (point: Histogram) => point.counterResetHint === "gauge";
  if (isCounter && points.some(isGauge)) notes.notCounter(name, call.at);
  if (!isCounter && !(isGauge(firstPoint) && isGauge(last))) notes.notGauge(name, call.at);
  // After a reset right behind the first sample only its count matters, not its layout.
  if (isCounter && second !== undefined && isReset(previous, second)) previous = emptyLike(second);
  const isCustom = hasCustomBuckets(last);
  const middle = isCounter ? points.slice(1, -1) : [];
  if (
    isCustom !== hasCustomBuckets(previous) ||
    middle.some((point) => hasCustomBuckets(point) !== isCustom)
  ) {
    notes.mixedExponentialCustom(name, call.at);
    return undefined;
  }
  const schema = Math.min(previous.schema, last.schema, ...middle.map((point) => point.schema));
  let result = subtracted(reduceToSchema(last, schema), previous);
  if (result === "incompatible") return undefined;
  let reconciled = result.boundsReconciled;
  if (isCounter) {
    const starts = call.context.usesStartTimestamps ? window.series.histogramStarts : undefined;
    const { ht } = window.series;
    for (let i = 1; i < points.length; i++) {
      const point = points[i] ?? last;
      const at = window.firstHistogram + i;
      const byStart = starts !== undefined && isStartReset(starts[at - 1], ht[at - 1], starts[at], ht[at]);
      if (byStart || isReset(previous, point)) {
        result = added(result.histogram, previous);
        if (result === "incompatible") return undefined;
        reconciled ||= result.boundsReconciled;
      }
      previous = point;
    }
  }
  if (reconciled) notes.boundsReconciled("subtraction", call.at);
  return { ...result.histogram, counterResetHint: "gauge" };
}

/** An empty histogram in the layout of another. */
export function emptyLike(histogram: Histogram): Histogram {
  return {
    ...histogram,
    count: 0,
    sum: 0,
    zeroCount: 0,
    zeroThreshold: 0,
    positive: NO_BUCKETS,
    negative: NO_BUCKETS,
    counterResetHint: "unknown",
  };
}

/** `irate`: per-second increase between the last two samples. */
export const irate: RangeFunction = (window, call) => lastTwo(window, call, true);
/** `idelta`: difference between the last two samples. */
export const idelta: RangeFunction = (window, call) => lastTwo(window, call, false);

interface Point {
  readonly tMs: number;
  readonly value: number | Histogram;
  readonly startMs: number | undefined;
}

function lastTwo(window: Window, call: RangeCall, isRate: boolean): number | Histogram | undefined {
  const [newest, before] = newestTwo(window);
  if (newest === undefined) return undefined;
  const { usesStartTimestamps, notes } = call.context;
  const name = metricName(call);
  if (before === undefined) return undefined;
  const seconds = (newest.tMs - before.tMs) / 1000;
  if (seconds === 0) return undefined;
  const byStart =
    usesStartTimestamps && isRate && isStartReset(before.startMs, before.tMs, newest.startMs, newest.tMs);
  if (typeof newest.value === "number" && typeof before.value === "number") {
    const isFresh = isRate && (newest.value < before.value || byStart);
    const difference = isFresh ? newest.value : newest.value - before.value;
    return isRate ? difference / seconds : difference;
  }
  if (typeof newest.value === "number" || typeof before.value === "number") {
    notes.mixedFloatsHistograms(name, call.at);
    return undefined;
  }
  const areGauges = newest.value.counterResetHint === "gauge" && before.value.counterResetHint === "gauge";
  const anyGauge = newest.value.counterResetHint === "gauge" || before.value.counterResetHint === "gauge";
  if (isRate && anyGauge) notes.notCounter(name, call.at);
  if (!isRate && !areGauges) notes.notGauge(name, call.at);
  let difference = newest.value;
  if (!isRate || !(byStart || isReset(before.value, newest.value))) {
    const result = subtracted(newest.value, before.value);
    if (result === "incompatible") {
      notes.mixedExponentialCustom(name, call.at);
      return undefined;
    }
    if (result.boundsReconciled) notes.boundsReconciled("subtraction", call.at);
    difference = result.histogram;
  }
  difference = { ...difference, counterResetHint: "gauge" };
  return isRate ? divided(difference, seconds) : difference;
}

function newestTwo(window: Window): Point[] {
  const { t, v, ht, h, floatStarts, histogramStarts } = window.series;
  let f = window.endFloat - 1;
  let i = window.endHistogram - 1;
  const points: Point[] = [];
  while (points.length < 2 && (f >= window.firstFloat || i >= window.firstHistogram)) {
    const histogram = h[i];
    const takesFloat = i < window.firstHistogram || (f >= window.firstFloat && (t[f] ?? 0) > (ht[i] ?? 0));
    if (takesFloat || histogram === undefined) {
      points.push({ tMs: t[f] ?? 0, value: v[f] ?? Number.NaN, startMs: floatStarts?.[f] });
      f--;
    } else {
      points.push({ tMs: ht[i] ?? 0, value: histogram, startMs: histogramStarts?.[i] });
      i--;
    }
  }
  return points;
}
