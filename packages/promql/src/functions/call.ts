import type { Context, Value } from "../engine/context.js";
import type { Frame } from "../engine/frame.js";
import { FLOAT, Grid } from "../engine/grid.js";
import { evalError } from "../errors.js";
import { type CallExpression, withoutParens } from "../syntax/ast.js";
import { absent, absentOverTime } from "./absent.js";
import { calendarFunction, callCalendarFunction } from "./calendar.js";
import { callElementwise, elementwiseFunction, larger, smaller } from "./elementwise.js";
import { callHistogramFunction, isHistogramFunction } from "./histogram-call.js";
import { callInfo } from "./info.js";
import { callRangeFunction, rangeFunction } from "./range-call.js";
import { labelJoin, labelReplace } from "./relabel.js";
import { scalarFunction } from "./scalars.js";
import { sortByLabel, sortByValue } from "./sort.js";
import { sampleTimes } from "./timestamp.js";

/** Evaluates a function call. @throws {PromQLError} */
export async function callFunction(call: CallExpression, frame: Frame, context: Context): Promise<Value> {
  const { name, args } = call;
  const ofRange = rangeFunction(name);
  if (ofRange !== undefined) return callRangeFunction(ofRange, call, frame, context);
  if (isHistogramFunction(name)) return callHistogramFunction(call, frame, context);
  const elementwise = elementwiseFunction(name);
  if (elementwise !== undefined) return callElementwise(elementwise, call, frame, context);
  const calendar = calendarFunction(name);
  if (calendar !== undefined) return callCalendarFunction(calendar, call, frame, context);
  const scalar = scalarFunction(name, frame, context);
  if (scalar !== undefined) return { type: "scalar", values: scalar };
  const vectorOf = async (index: number): Promise<Grid> => {
    const arg = args[index];
    const value = arg === undefined ? undefined : await context.evaluate(arg, frame);
    if (value?.type !== "vector") throw evalError(`expected an instant vector in call to ${name}()`);
    return value.grid;
  };
  const textOf = (index: number): string => {
    const arg = args[index] === undefined ? undefined : withoutParens(args[index]);
    if (arg?.kind !== "string") throw evalError(`expected a string in call to ${name}()`);
    return arg.value;
  };
  const scalarOf = async (index: number): Promise<Float64Array> => {
    const arg = args[index];
    const value = arg === undefined ? undefined : await context.evaluate(arg, frame);
    if (value?.type !== "scalar") throw evalError(`expected a scalar in call to ${name}()`);
    return value.values;
  };
  switch (name) {
    case "max_of":
    case "min_of": {
      const [left, right] = [await scalarOf(0), await scalarOf(1)];
      const choose = name === "max_of" ? larger : smaller;
      return { type: "scalar", values: left.map((value, step) => choose(value, right[step] ?? Number.NaN)) };
    }
    case "absent":
      return { type: "vector", grid: absent(args[0], await vectorOf(0)) };
    case "absent_over_time":
      return { type: "vector", grid: await absentOverTime(call, frame, context) };
    case "scalar":
      return { type: "scalar", values: onlyFloats(await vectorOf(0)) };
    case "vector":
      return { type: "vector", grid: constantVector(await scalarOf(0)) };
    case "timestamp":
    case "start_timestamp":
      return { type: "vector", grid: await sampleTimes(call, frame, context) };
    case "label_replace": {
      const texts = [textOf(1), textOf(2), textOf(3), textOf(4)] as const;
      return { type: "vector", grid: labelReplace(await vectorOf(0), texts, context) };
    }
    case "label_join": {
      const sources = args.slice(3).map((_, i) => textOf(i + 3));
      return { type: "vector", grid: labelJoin(await vectorOf(0), textOf(1), textOf(2), sources, context) };
    }
    case "sort":
    case "sort_desc":
      return { type: "vector", grid: sortByValue(await vectorOf(0), name === "sort_desc", call, context) };
    case "sort_by_label":
    case "sort_by_label_desc": {
      const labels = args.slice(1).map((_, i) => textOf(i + 1));
      const isDescending = name === "sort_by_label_desc";
      return { type: "vector", grid: sortByLabel(await vectorOf(0), labels, isDescending, call, context) };
    }
    case "info":
      return { type: "vector", grid: await callInfo(call, await vectorOf(0), frame, context) };
    default:
      throw evalError(`function ${name}() has no implementation`);
  }
}

/** The one float at each step; NaN where there is none or more than one. */
function onlyFloats(grid: Grid): Float64Array {
  const values = new Float64Array(grid.steps).fill(Number.NaN);
  for (let step = 0; step < grid.steps; step++) {
    let found = 0;
    for (let row = 0; row < grid.rows && found < 2; row++) {
      const cell = row * grid.steps + step;
      if (grid.kinds[cell] !== FLOAT) continue;
      found++;
      values[step] = found === 1 ? (grid.values[cell] ?? Number.NaN) : Number.NaN;
    }
  }
  return values;
}

function constantVector(values: Float64Array): Grid {
  const grid = new Grid(values.length, 1);
  const base = grid.addRow({});
  for (let step = 0; step < values.length; step++) grid.setFloat(base + step, values[step] ?? Number.NaN);
  return grid;
}
