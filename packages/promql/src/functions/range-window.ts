import type { Labels } from "@tocsin/model";
import type { Context } from "../engine/context.js";
import type { RangeSeries } from "../engine/range-series.js";
import type { TextRange } from "../errors.js";
import type { Histogram } from "../histogram/histogram.js";
import type { ExtendedMode } from "../syntax/ast.js";

/** The window of one series at one step. One object is moved along; functions must not keep it. */
export interface Window {
  series: RangeSeries;
  /** Floats `[firstFloat, endFloat)` and histograms `[firstHistogram, endHistogram)` lie within the window. */
  firstFloat: number;
  endFloat: number;
  firstHistogram: number;
  endHistogram: number;
  /** The window is `(startMs, endMs]`. */
  startMs: number;
  endMs: number;
  /** Time of the step, which `offset` and `@` do not move. */
  tMs: number;
  step: number;
}

/** One call of a range function, the same for all series and steps. */
export interface RangeCall {
  readonly context: Context;
  readonly name: string;
  /** Where the range vector stands in the query. */
  readonly at: TextRange;
  readonly windowMs: number;
  readonly lookbackMs: number;
  readonly mode: ExtendedMode | undefined;
  /** Scalar arguments, one value per step each, in order. */
  readonly scalars: readonly Float64Array[];
  /** Labels of the current series, name included. */
  labels: Labels;
}

/** Value of a range function in one window; undefined when there is none. */
export type RangeFunction = (window: Window, call: RangeCall) => number | Histogram | undefined;

/** Metric name of the current series. */
export function metricName(call: RangeCall): string {
  return call.labels.__name__ ?? "";
}

/** Number of floats and histograms in the window. */
export function countIn(window: Window): number {
  return window.endFloat - window.firstFloat + window.endHistogram - window.firstHistogram;
}

/** Notes that the histograms of a window that also has floats were left out. */
export function noteIgnoredHistograms(window: Window, call: RangeCall): void {
  if (window.endHistogram > window.firstHistogram && window.endFloat > window.firstFloat) {
    call.context.notes.histogramsIgnored(
      "a range containing both floats and histograms",
      metricName(call),
      call.at,
    );
  }
}
