import type { BinaryExpression } from "../syntax/ast.js";
import { DEFAULT_MATCHING } from "../syntax/lower.js";
import type { Context } from "./context.js";
import { EMPTY, Grid } from "./grid.js";
import { mergeSameLabels } from "./labels.js";
import { rowsByKey, signatureOf } from "./signatures.js";

/** `and`, `or`, `unless`: which series are there on the other side at each step. */
export function setOperation(expression: BinaryExpression, left: Grid, right: Grid, context: Context): Grid {
  const { operator } = expression;
  const signature = signatureOf(expression.matching ?? DEFAULT_MATCHING);
  const { steps } = left;
  if (operator === "or") {
    const presence = presenceByKey(left, signature);
    const output = new Grid(steps, left.rows + right.rows);
    for (let row = 0; row < left.rows; row++) copyWhere(left, row, output, undefined, 1);
    for (let row = 0; row < right.rows; row++) {
      copyWhere(right, row, output, presence.get(signature.key(right.labels[row] ?? {})), 0);
    }
    return sameRowsJoined(output, left.rows, context);
  }
  const presence = presenceByKey(right, signature);
  const output = new Grid(steps, left.rows);
  for (let row = 0; row < left.rows; row++) {
    const present = presence.get(signature.key(left.labels[row] ?? {}));
    if (operator === "and") {
      if (present !== undefined) copyWhere(left, row, output, present, 1);
    } else copyWhere(left, row, output, present, 0);
  }
  return output;
}

function presenceByKey(grid: Grid, signature: ReturnType<typeof signatureOf>): Map<string, Uint8Array> {
  const presence = new Map<string, Uint8Array>();
  for (const [key, rows] of rowsByKey(grid.labels, signature)) {
    const present = new Uint8Array(grid.steps);
    for (const row of rows) {
      for (let step = 0; step < grid.steps; step++) {
        if (grid.kinds[row * grid.steps + step] !== EMPTY) present[step] = 1;
      }
    }
    presence.set(key, present);
  }
  return presence;
}

/** Copies the samples of a row at the steps where `present` is `wanted`; an unknown presence is 0, or 1 for everything. */
function copyWhere(
  source: Grid,
  row: number,
  output: Grid,
  present: Uint8Array | undefined,
  wanted: 0 | 1,
): void {
  const base = output.addRow(source.labels[row] ?? {}, source.dropsName[row]);
  let any = false;
  for (let step = 0; step < source.steps; step++) {
    if (present !== undefined && present[step] !== wanted) continue;
    const value = source.at(row * source.steps + step);
    if (value === undefined) continue;
    output.set(base + step, value);
    any = true;
  }
  if (!any) output.dropLastRow();
}

/** A series may come from both sides, at different steps. With delayed removal the names still tell rows apart. */
function sameRowsJoined(grid: Grid, leftRows: number, context: Context): Grid {
  if (leftRows === 0 || leftRows === grid.rows) return grid;
  if (!context.delaysNameRemoval && grid.dropsName.includes(true)) {
    // One side may have lost its names while the other kept them.
    return mergeSettled(grid);
  }
  return mergeSameLabels(grid);
}

function mergeSettled(grid: Grid): Grid {
  for (let row = 0; row < grid.rows; row++) {
    if (!grid.dropsName[row]) continue;
    const { __name__: _name, __type__: _type, __unit__: _unit, ...rest } = grid.labels[row] ?? {};
    grid.labels[row] = rest;
    grid.dropsName[row] = false;
  }
  return mergeSameLabels(grid);
}
