import { SampleBuffer } from "../sample-buffer.js";
import { isStaleAt } from "../stale.js";
import type { VectorSelector } from "../syntax/ast.js";
import type { Context } from "./context.js";
import type { Frame } from "./frame.js";
import { Grid } from "./grid.js";
import { matchersOf, type Shifted, shifted } from "./selection.js";
import { selectSmoothed } from "./smoothed-selector.js";

/** What to take from each sample: its value, or one of its times in seconds. */
export type Taken = "value" | "timestamp" | "start-timestamp";

/** The newest sample of each series within the lookback before every step; a staleness marker hides what came before. */
export async function selectInstant(
  selector: VectorSelector,
  frame: Frame,
  context: Context,
  taken: Taken = "value",
): Promise<Grid> {
  const times = shifted(selector, frame, context);
  if (selector.mode === "smoothed") return selectSmoothed(selector, times, frame, context);
  const found = await context.querier.select(matchersOf(selector), {
    startMs: times.firstMs - context.lookbackMs + 1,
    endMs: times.lastMs,
    latestOnly: times.firstMs === times.lastMs,
    ...(frame.count > 1 ? { stepMs: frame.stepMs } : {}),
    ...(context.signal === undefined ? {} : { signal: context.signal }),
  });
  const grid = new Grid(frame.count, Math.max(1, Math.min(found.length, 1 << 16)));
  const buffer = new SampleBuffer();
  const { governor } = context;
  for (const series of found) {
    buffer.clear();
    series.read(buffer);
    const base = grid.addRow(series.labels);
    const filled = fillRow(grid, base, buffer, times, frame.count, context.lookbackMs, taken);
    if (filled === 0) grid.dropLastRow();
    else governor.hold(frame.count);
    if (governor.spend(buffer.length + frame.count)) await governor.nextTurn();
  }
  return grid;
}

function fillRow(
  grid: Grid,
  base: number,
  samples: SampleBuffer,
  times: Shifted,
  steps: number,
  lookbackMs: number,
  taken: Taken,
): number {
  const { timestamps, values, bits, length, histograms, histogramCount } = samples;
  let filled = 0;
  let newest = -1;
  for (let step = 0; step < steps; step++) {
    const tMs = times.firstMs + step * times.stepMs;
    while (newest + 1 < length && (timestamps[newest + 1] ?? 0) <= tMs) newest++;
    if (newest < 0) continue;
    const sampleMs = timestamps[newest] ?? 0;
    if (sampleMs <= tMs - lookbackMs) continue;
    const value = values[newest] ?? Number.NaN;
    const histogram = histogramCount > 0 ? histograms?.[newest] : undefined;
    // Only a NaN can be a staleness marker.
    if (Number.isNaN(value) && histogram === undefined && isStaleAt(bits, newest)) continue;
    filled++;
    if (taken === "timestamp") grid.setFloat(base + step, sampleMs / 1000);
    else if (taken === "start-timestamp") {
      const startMs = samples.hasStartTimestamps ? (samples.startTimestamps?.[newest] ?? 0) : 0;
      grid.setFloat(base + step, startMs / 1000);
    } else if (histogram !== undefined) grid.setHistogram(base + step, histogram);
    else grid.setFloat(base + step, value);
  }
  return filled;
}
