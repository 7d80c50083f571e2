import { evalError } from "../errors.js";
import { callFunction } from "../functions/call.js";
import { scaled } from "../histogram/arithmetic.js";
import type { Expression } from "../syntax/ast.js";
import { evaluateAggregate } from "./aggregate.js";
import { evaluateBinary } from "./binary.js";
import type { Context, Value } from "./context.js";
import type { Frame } from "./frame.js";
import { EMPTY, FLOAT, type Grid, HISTOGRAM, repeated } from "./grid.js";
import { selectInstant } from "./instant-selector.js";
import { isStepInvariant } from "./invariant.js";
import { dropNames } from "./labels.js";

/** Evaluates an expression at every step of a frame. @throws {PromQLError} */
export async function evaluate(expression: Expression, frame: Frame, context: Context): Promise<Value> {
  switch (expression.kind) {
    case "number":
      return { type: "scalar", values: new Float64Array(frame.count).fill(expression.value) };
    case "string":
      return { type: "string", value: expression.value };
    case "paren":
      return evaluate(expression.expression, frame, context);
  }
  if (frame.count > 1 && isStepInvariant(expression)) {
    const once = await evaluate(expression, { ...frame, count: 1 }, context);
    if (once.type === "vector") {
      context.governor.hold(once.grid.rows * frame.count);
      return { type: "vector", grid: repeated(once.grid, frame.count) };
    }
    if (once.type === "scalar") {
      return { type: "scalar", values: new Float64Array(frame.count).fill(once.values[0] ?? Number.NaN) };
    }
    return once;
  }
  switch (expression.kind) {
    case "vector-selector":
      return { type: "vector", grid: await selectInstant(expression, frame, context) };
    case "unary": {
      const value = await evaluate(expression.expression, frame, context);
      return expression.operator === "+" ? value : negated(value, context);
    }
    case "call":
      return callFunction(expression, frame, context);
    case "aggregate":
      return { type: "vector", grid: await evaluateAggregate(expression, frame, context) };
    case "binary":
      return evaluateBinary(expression, frame, context);
    case "matrix-selector":
    case "subquery":
      throw evalError("a range vector has no value of its own; pass it to a function such as rate()");
  }
}

function negated(value: Value, context: Context): Value {
  if (value.type === "string") return value;
  if (value.type === "scalar") return { type: "scalar", values: value.values.map((each) => -each) };
  return { type: "vector", grid: dropNames(negatedCells(value.grid), context.delaysNameRemoval) };
}

function negatedCells(grid: Grid): Grid {
  const cells = grid.rows * grid.steps;
  for (let cell = 0; cell < cells; cell++) {
    const kind = grid.kinds[cell];
    if (kind === EMPTY) continue;
    if (kind === FLOAT) grid.values[cell] = -(grid.values[cell] ?? Number.NaN);
    else if (kind === HISTOGRAM) {
      const histogram = grid.histogram(cell);
      if (histogram !== undefined) grid.setHistogram(cell, scaled(histogram, -1));
    }
  }
  return grid;
}
