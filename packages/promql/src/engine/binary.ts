import { evalError } from "../errors.js";
import { type BinaryExpression, COMPARISONS, SET_OPERATORS } from "../syntax/ast.js";
import { floatOperation, histogramOperation, sampleType } from "./binary-cell.js";
import type { Context, Value } from "./context.js";
import type { Frame } from "./frame.js";
import { EMPTY, FLOAT, type Grid } from "./grid.js";
import { dropNames, namesSettled } from "./labels.js";
import { setOperation } from "./set-operation.js";
import { matchVectors } from "./vector-matching.js";

/** Evaluates a binary operator on scalars, vectors, or one of each. */
export async function evaluateBinary(
  expression: BinaryExpression,
  frame: Frame,
  context: Context,
): Promise<Value> {
  const left = await context.evaluate(expression.left, frame);
  const right = await context.evaluate(expression.right, frame);
  const { operator } = expression;
  if (left.type === "scalar" && right.type === "scalar") {
    if (operator === "</" || operator === ">/") {
      throw evalError(`operator "${operator}" not allowed for scalar operations`);
    }
    const values = left.values.map((value, step) =>
      floatOperation(operator, value, right.values[step] ?? Number.NaN),
    );
    return { type: "scalar", values };
  }
  if (left.type === "vector" && right.type === "scalar") {
    return { type: "vector", grid: withScalar(expression, left.grid, right.values, false, context) };
  }
  if (left.type === "scalar" && right.type === "vector") {
    return { type: "vector", grid: withScalar(expression, right.grid, left.values, true, context) };
  }
  if (left.type !== "vector" || right.type !== "vector") {
    throw evalError("binary expression must contain only scalar and instant vector types");
  }
  const looksAtNames =
    expression.matching?.labels.includes("__name__") || expression.matching?.include.length;
  const [leftGrid, rightGrid] = looksAtNames
    ? [
        namesSettled(left.grid, context.delaysNameRemoval),
        namesSettled(right.grid, context.delaysNameRemoval),
      ]
    : [left.grid, right.grid];
  if (SET_OPERATORS.has(operator)) {
    return { type: "vector", grid: setOperation(expression, leftGrid, rightGrid, context) };
  }
  return { type: "vector", grid: await matchVectors(expression, leftGrid, rightGrid, context) };
}

/** One side is a scalar: each sample on its own, in place. */
function withScalar(
  { operator, returnsBool, range }: BinaryExpression,
  grid: Grid,
  scalars: Float64Array,
  scalarIsLeft: boolean,
  context: Context,
): Grid {
  const compares = COMPARISONS.has(operator);
  const { notes } = context;
  const isTrim = operator === "</" || operator === ">/";
  for (let row = 0; row < grid.rows; row++) {
    for (let step = 0; step < grid.steps; step++) {
      const cell = row * grid.steps + step;
      const kind = grid.kinds[cell];
      if (kind === EMPTY) continue;
      const scalar = scalars[step] ?? Number.NaN;
      if (kind === FLOAT && !isTrim) {
        const value = grid.values[cell] ?? Number.NaN;
        const result = scalarIsLeft
          ? floatOperation(operator, scalar, value)
          : floatOperation(operator, value, scalar);
        if (!compares || returnsBool) grid.values[cell] = result;
        else if (result === 0) grid.kinds[cell] = EMPTY;
        continue;
      }
      const sample = grid.at(cell) ?? Number.NaN;
      const [a, b] = scalarIsLeft ? [scalar, sample] : [sample, scalar];
      const result = histogramOperation(operator, a, b);
      if (result.kind === "value") grid.set(cell, result.value);
      else {
        grid.kinds[cell] = EMPTY;
        notes.incompatibleTypes(sampleType(a), operator, sampleType(b), range);
      }
    }
  }
  const keepsName = (compares && !returnsBool) || isTrim;
  return keepsName ? grid : dropNames(grid, context.delaysNameRemoval);
}
