import { interpolatedHistogram } from "../functions/extended-rate.js";
import type { Histogram } from "../histogram/histogram.js";
import { SampleBuffer } from "../sample-buffer.js";
import type { VectorSelector } from "../syntax/ast.js";
import type { Context } from "./context.js";
import type { Frame } from "./frame.js";
import { Grid } from "./grid.js";
import { RangeSeries } from "./range-series.js";
import { matchersOf, type Shifted } from "./selection.js";

/**
 * A `smoothed` instant selector: the value at each step between the sample before and the one after it, both within the
 * lookback; the last sample alone where none follows.
 */
export async function selectSmoothed(
  selector: VectorSelector,
  times: Shifted,
  frame: Frame,
  context: Context,
): Promise<Grid> {
  const { lookbackMs, governor, notes } = context;
  const found = await context.querier.select(matchersOf(selector), {
    startMs: times.firstMs - lookbackMs + 1,
    endMs: times.lastMs + lookbackMs,
    ...(frame.count > 1 ? { stepMs: frame.stepMs } : {}),
    ...(context.signal === undefined ? {} : { signal: context.signal }),
  });
  const grid = new Grid(frame.count);
  const buffer = new SampleBuffer();
  const samples = new RangeSeries();
  for (const series of found) {
    buffer.clear();
    series.read(buffer);
    samples.fromBuffer(buffer);
    const base = grid.addRow(series.labels);
    let filled = 0;
    for (let step = 0; step < frame.count; step++) {
      const tMs = times.firstMs + step * times.stepMs;
      const floats = around(samples.t, samples.floats, tMs, lookbackMs);
      const histograms = around(samples.ht, samples.h.length, tMs, lookbackMs);
      if (floats.any && histograms.any) {
        notes.mixedFloatsHistograms(series.labels.__name__, selector.range);
        continue;
      }
      const value = floats.any ? floatAt(samples, floats, tMs) : histogramAt(samples, histograms, tMs);
      if (value === undefined) continue;
      if (value === "incompatible") notes.mixedExponentialCustom(series.labels.__name__, selector.range);
      else {
        grid.set(base + step, value);
        filled++;
      }
    }
    if (filled === 0) grid.dropLastRow();
    else governor.hold(frame.count);
    if (governor.spend(buffer.length + frame.count)) await governor.nextTurn();
  }
  return grid;
}

interface Around {
  readonly any: boolean;
  /** Index of the last sample at or before the time, and of the first after; -1 where there is none in reach. */
  readonly before: number;
  readonly after: number;
}

function around(times: ArrayLike<number>, length: number, tMs: number, lookbackMs: number): Around {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) <= tMs) low = middle + 1;
    else high = middle;
  }
  const before = low > 0 && (times[low - 1] ?? 0) > tMs - lookbackMs ? low - 1 : -1;
  const after = low < length && (times[low] ?? 0) <= tMs + lookbackMs ? low : -1;
  return { any: before >= 0 || after >= 0, before, after };
}

function floatAt({ t, v }: RangeSeries, { before, after }: Around, tMs: number): number | undefined {
  if (before < 0) return undefined;
  const left = v[before] ?? Number.NaN;
  if (after < 0 || t[before] === tMs) return left;
  const share = (tMs - (t[before] ?? 0)) / ((t[after] ?? 0) - (t[before] ?? 0));
  return left + ((v[after] ?? Number.NaN) - left) * share;
}

function histogramAt(
  { ht, h }: RangeSeries,
  { before, after }: Around,
  tMs: number,
): Histogram | "incompatible" | undefined {
  const left = before < 0 ? undefined : h[before];
  if (left === undefined) return undefined;
  if (after < 0 || ht[before] === tMs) return left;
  const isCounter = left.counterResetHint !== "gauge";
  return interpolatedHistogram(left, h[after], ht[before], ht[after], tMs, isCounter) ?? "incompatible";
}
