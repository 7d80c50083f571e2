import type { Labels } from "@tocsin/model";
import { evalError } from "../errors.js";
import { SampleBuffer } from "../sample-buffer.js";
import {
  type Expression,
  type ExtendedMode,
  type MatrixSelector,
  type SubqueryExpression,
  withoutParens,
} from "../syntax/ast.js";
import type { Context } from "./context.js";
import type { Frame } from "./frame.js";
import { RangeSeries } from "./range-series.js";
import { matchersOf, resolveMs, type Shifted, shifted } from "./selection.js";

/** A range vector, one series after the other, with the windows that its consumer steps through. */
export interface RangeSource {
  /** End of each step's window. */
  readonly times: Shifted;
  readonly windowMs: number;
  readonly mode: ExtendedMode | undefined;
  readonly lookbackMs: number;
  /**
   * Calls `visit` for each series; the samples are valid only during the call. It returns how many samples it looked at,
   * so that long work is noticed by its length.
   */
  each(visit: (labels: Labels, dropsName: boolean, series: RangeSeries) => number): Promise<void>;
}

/** Opens the range vector that a function takes. */
export async function rangeSource(
  argument: Expression,
  frame: Frame,
  context: Context,
  functionName: string,
): Promise<RangeSource> {
  const expression = withoutParens(argument);
  if (expression.kind === "matrix-selector") return selectorSource(expression, frame, context, functionName);
  if (expression.kind === "subquery") return subquerySource(expression, frame, context);
  throw evalError(`expected a range vector in call to ${functionName}()`);
}

function selectorSource(
  { selector, window }: MatrixSelector,
  frame: Frame,
  context: Context,
  functionName: string,
): RangeSource {
  const times = shifted(selector, frame, context);
  const windowMs = resolveMs(window, context);
  const { lookbackMs, governor } = context;
  const before = selector.mode === undefined ? 0 : lookbackMs;
  const after = selector.mode === "smoothed" ? lookbackMs : 0;
  return {
    times,
    windowMs,
    mode: selector.mode,
    lookbackMs,
    async each(visit) {
      const found = await context.querier.select(matchersOf(selector), {
        startMs: times.firstMs - windowMs - before + 1,
        endMs: times.lastMs + after,
        function: functionName,
        ...(frame.count > 1 ? { stepMs: frame.stepMs } : {}),
        ...(context.signal === undefined ? {} : { signal: context.signal }),
      });
      const buffer = new SampleBuffer();
      const samples = new RangeSeries();
      for (const series of found) {
        buffer.clear();
        series.read(buffer);
        governor.hold(buffer.length);
        samples.fromBuffer(buffer);
        const work = visit(series.labels, false, samples);
        governor.release(buffer.length);
        if (governor.spend(buffer.length + frame.count + work)) await governor.nextTurn();
      }
    },
  };
}

async function subquerySource(
  expression: SubqueryExpression,
  frame: Frame,
  context: Context,
): Promise<RangeSource> {
  const times = shifted(expression, frame, context);
  const windowMs = resolveMs(expression.window, context);
  const stepMs =
    expression.step === undefined ? context.defaultSubqueryStepMs : resolveMs(expression.step, context);
  const inner = subqueryFrame(times, windowMs, stepMs);
  return {
    times,
    windowMs,
    mode: undefined,
    lookbackMs: context.lookbackMs,
    async each(visit) {
      if (inner.count <= 0) return;
      const value = await context.evaluate(expression.expression, inner);
      if (value.type !== "vector") throw evalError("a subquery needs an instant vector");
      const { grid } = value;
      const samples = new RangeSeries();
      const { governor } = context;
      for (let row = 0; row < grid.rows; row++) {
        samples.fromRow(grid, row, inner);
        const work = visit(grid.labels[row] ?? {}, grid.dropsName[row] ?? false, samples);
        if (governor.spend(grid.steps + frame.count + work)) await governor.nextTurn();
      }
      governor.release(grid.rows * grid.steps);
    },
  };
}

/** Steps of a subquery: multiples of its step since 1970, whatever the time of the query. */
export function subqueryFrame(times: Shifted, windowMs: number, stepMs: number): Frame {
  const fromMs = times.firstMs - windowMs;
  let startMs = Math.trunc(fromMs / stepMs) * stepMs;
  if (startMs <= fromMs) startMs += stepMs;
  const count = Math.floor((times.lastMs - startMs) / stepMs) + 1;
  return { startMs, stepMs, count };
}
