import type { Context } from "../engine/context.js";
import { EMPTY, FLOAT, Grid, HISTOGRAM } from "../engine/grid.js";
import { compareLabels } from "../label-order.js";
import type { CallExpression } from "../syntax/ast.js";

/** `sort`, `sort_desc`: floats by value, NaN last; histograms go. In a range query order means nothing. */
export function sortByValue(grid: Grid, isDescending: boolean, call: CallExpression, context: Context): Grid {
  if (grid.steps > 1) return unsorted(withoutHistograms(grid), call, context);
  const rows = [...grid.labels.keys()].filter((row) => grid.kinds[row * grid.steps] === FLOAT);
  const sign = isDescending ? -1 : 1;
  rows.sort((a, b) => {
    const left = grid.values[a * grid.steps] ?? Number.NaN;
    const right = grid.values[b * grid.steps] ?? Number.NaN;
    if (Number.isNaN(left) || Number.isNaN(right))
      return Number(Number.isNaN(left)) - Number(Number.isNaN(right));
    return sign * (left < right ? -1 : left > right ? 1 : 0);
  });
  return inOrder(grid, rows);
}

/** `sort_by_label`, `sort_by_label_desc`: by the given labels in natural order, then by all labels. */
export function sortByLabel(
  grid: Grid,
  labels: readonly string[],
  isDescending: boolean,
  call: CallExpression,
  context: Context,
): Grid {
  if (grid.steps > 1) return unsorted(grid, call, context);
  const sign = isDescending ? -1 : 1;
  const rows = [...grid.labels.keys()].sort((a, b) => {
    const left = grid.labels[a] ?? {};
    const right = grid.labels[b] ?? {};
    for (const label of labels) {
      const order = naturalOrder(left[label] ?? "", right[label] ?? "");
      if (order !== 0) return sign * order;
    }
    return sign * compareLabels(left, right);
  });
  return inOrder(grid, rows);
}

/** Rows of several steps have no one order. That is worth a warning in a range query, not within a subquery. */
function unsorted(grid: Grid, call: CallExpression, context: Context): Grid {
  if (context.endMs > context.startMs) {
    context.notes.warn(
      `${call.name} is ineffective for range queries since results are always ordered by labels`,
      call.range,
    );
  }
  return grid;
}

function withoutHistograms(grid: Grid): Grid {
  for (let cell = 0; cell < grid.rows * grid.steps; cell++) {
    if (grid.kinds[cell] === HISTOGRAM) grid.kinds[cell] = EMPTY;
  }
  return grid;
}

function inOrder(grid: Grid, rows: readonly number[]): Grid {
  const sorted = new Grid(grid.steps, rows.length);
  for (const row of rows) sorted.copyRow(grid, row, grid.labels[row] ?? {}, grid.dropsName[row] ?? false);
  return sorted;
}

/** Runs of digits compare as numbers, everything else by code unit: `a2` comes before `a10`. */
export function naturalOrder(a: string, b: string): number {
  const left = a.match(/\d+|\D+/g) ?? [];
  const right = b.match(/\d+|\D+/g) ?? [];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const x = left[i] ?? "";
    const y = right[i] ?? "";
    if (x === y) continue;
    if (/^\d/.test(x) && /^\d/.test(y)) {
      const trimmedX = x.replace(/^0+(?=\d)/, "");
      const trimmedY = y.replace(/^0+(?=\d)/, "");
      if (trimmedX.length !== trimmedY.length) return trimmedX.length - trimmedY.length;
      if (trimmedX !== trimmedY) return trimmedX < trimmedY ? -1 : 1;
      return x.length - y.length;
    }
    return x < y ? -1 : 1;
  }
  return left.length - right.length;
}
