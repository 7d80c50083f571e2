import type { Context, Value } from "../engine/context.js";
import { type Frame, stepTime } from "../engine/frame.js";
import { Grid } from "../engine/grid.js";
import { dropNames } from "../engine/labels.js";
import type { RangeSeries } from "../engine/range-series.js";
import { type RangeSource, rangeSource } from "../engine/range-source.js";
import { evalError } from "../errors.js";
import { type CallExpression, type Expression, type ExtendedMode, withoutParens } from "../syntax/ast.js";
import { valueType } from "../syntax/check.js";
import * as overTime from "./over-time.js";
import type { RangeCall, RangeFunction, Window } from "./range-window.js";
import { delta, idelta, increase, irate, rate } from "./rate.js";
import { changes, deriv, doubleExponentialSmoothing, predictLinear, resets } from "./trend.js";

/** Functions of a range vector that give one value per series and step. */
const RANGE_FUNCTIONS: ReadonlyMap<string, RangeFunction> = new Map([
  ["avg_over_time", overTime.avgOverTime],
  ["changes", changes],
  ["count_over_time", overTime.countOverTime],
  ["delta", delta],
  ["deriv", deriv],
  ["double_exponential_smoothing", doubleExponentialSmoothing],
  ["first_over_time", overTime.firstOverTime],
  ["idelta", idelta],
  ["increase", increase],
  ["irate", irate],
  ["last_over_time", overTime.lastOverTime],
  ["mad_over_time", overTime.madOverTime],
  ["max_over_time", overTime.maxOverTime],
  ["min_over_time", overTime.minOverTime],
  ["predict_linear", predictLinear],
  ["present_over_time", overTime.presentOverTime],
  ["quantile_over_time", overTime.quantileOverTime],
  ["rate", rate],
  ["resets", resets],
  ["stddev_over_time", overTime.stddevOverTime],
  ["stdvar_over_time", overTime.stdvarOverTime],
  ["sum_over_time", overTime.sumOverTime],
  ["ts_of_first_over_time", overTime.tsOfFirstOverTime],
  ["ts_of_last_over_time", overTime.tsOfLastOverTime],
  ["ts_of_max_over_time", overTime.tsOfMaxOverTime],
  ["ts_of_min_over_time", overTime.tsOfMinOverTime],
]);

const KEEPS_NAME: ReadonlySet<string> = new Set(["last_over_time", "first_over_time"]);
const EXTENDED: Readonly<Record<ExtendedMode, readonly string[]>> = {
  anchored: ["changes", "delta", "increase", "rate", "resets"],
  smoothed: ["delta", "increase", "rate"],
};
const COUNTER_SUFFIX = /_(?:total|sum|count|bucket)$/;

/** The function of that name, when it takes a range vector and gives one value per series and step. */
export function rangeFunction(name: string): RangeFunction | undefined {
  return RANGE_FUNCTIONS.get(name);
}

/** Evaluates a range function: each series is read once and its window moved from step to step. */
export async function callRangeFunction(
  compute: RangeFunction,
  expression: CallExpression,
  frame: Frame,
  context: Context,
): Promise<Value> {
  const argument = expression.args.find((arg) => valueType(arg) === "matrix");
  if (argument === undefined) throw evalError(`${expression.name}() needs a range vector`);
  const scalars: Float64Array[] = [];
  for (const arg of expression.args) {
    if (arg === argument) continue;
    const value = await context.evaluate(arg, frame);
    if (value.type === "scalar") scalars.push(value.values);
  }
  const source = await rangeSource(argument, frame, context, expression.name);
  checkMode(expression.name, source);
  const call: RangeCall = {
    context,
    name: expression.name,
    at: positionOf(argument),
    windowMs: source.windowMs,
    lookbackMs: source.lookbackMs,
    mode: source.mode,
    scalars,
    labels: {},
  };
  const grid = new Grid(frame.count);
  const isCounterFunction = /^(?:rate|irate|increase)$/.test(expression.name);
  await source.each((labels, dropsName, series) => {
    call.labels = labels;
    const base = grid.addRow(labels, dropsName);
    const work = slide(compute, call, source, series, frame, grid, base);
    if (work === undefined) {
      grid.dropLastRow();
      return 0;
    }
    context.governor.hold(frame.count);
    const name = labels.__name__;
    if (isCounterFunction && series.floats > 0 && name !== undefined && !COUNTER_SUFFIX.test(name)) {
      context.notes.possibleNonCounter(name, call.at);
    }
    return work;
  });
  return {
    type: "vector",
    grid: KEEPS_NAME.has(expression.name) ? grid : dropNames(grid, context.delaysNameRemoval),
  };
}

/** Moves the window over one series. Gives the samples looked at, or undefined when no step got a value. */
function slide(
  compute: RangeFunction,
  call: RangeCall,
  source: RangeSource,
  series: RangeSeries,
  frame: Frame,
  grid: Grid,
  base: number,
): number | undefined {
  const window: Window = {
    series,
    firstFloat: 0,
    endFloat: 0,
    firstHistogram: 0,
    endHistogram: 0,
    startMs: 0,
    endMs: 0,
    tMs: 0,
    step: 0,
  };
  const { t, floats, ht, h } = series;
  const histograms = h.length;
  const isExtended = source.mode !== undefined;
  let any = false;
  let work = 0;
  for (let step = 0; step < frame.count; step++) {
    const endMs = source.times.firstMs + step * source.times.stepMs;
    const startMs = endMs - source.windowMs;
    while (window.endFloat < floats && (t[window.endFloat] ?? 0) <= endMs) window.endFloat++;
    while (window.firstFloat < window.endFloat && (t[window.firstFloat] ?? 0) <= startMs) window.firstFloat++;
    if (histograms > 0) {
      while (window.endHistogram < histograms && (ht[window.endHistogram] ?? 0) <= endMs)
        window.endHistogram++;
      while (window.firstHistogram < window.endHistogram && (ht[window.firstHistogram] ?? 0) <= startMs) {
        window.firstHistogram++;
      }
    }
    const isEmpty = window.firstFloat === window.endFloat && window.firstHistogram === window.endHistogram;
    if (isEmpty && !isExtended) continue;
    window.startMs = startMs;
    window.endMs = endMs;
    window.tMs = stepTime(frame, step);
    window.step = step;
    const value = compute(window, call);
    work += window.endFloat - window.firstFloat + 8 * (window.endHistogram - window.firstHistogram);
    if (value === undefined) continue;
    any = true;
    grid.set(base + step, value);
  }
  return any ? work : undefined;
}

function checkMode(name: string, { mode }: RangeSource): void {
  if (mode === undefined) return;
  const allowed = EXTENDED[mode];
  if (!allowed.includes(name)) {
    throw evalError(`${mode} modifier can only be used with: ${allowed.join(", ")} - not with ${name}`);
  }
}

function positionOf(argument: Expression) {
  return withoutParens(argument).range;
}
