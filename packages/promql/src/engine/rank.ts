import { evalError } from "../errors.js";
import type { AggregateExpression } from "../syntax/ast.js";
import type { Context } from "./context.js";
import { EMPTY, FLOAT, Grid, HISTOGRAM } from "./grid.js";
import type { Grouping } from "./grouping.js";
import { placeOfLabels } from "./label-hash.js";

/** `topk` and `bottomk`: at each step the series with the largest or smallest floats of each group. */
export function ranked(
  input: Grid,
  groups: Grouping,
  parameters: Float64Array | undefined,
  expression: AggregateExpression,
  context: Context,
): Grid {
  const { steps } = input;
  const limits = limitsOf(parameters, steps);
  const isTop = expression.operator === "topk";
  const members = membersOf(input, groups);
  const kept = new Uint8Array(input.rows * steps);
  const order: number[] = [];
  for (const rows of members) {
    for (let step = 0; step < steps; step++) {
      const limit = limits[step] ?? 0;
      if (limit < 1) continue;
      const best = bestRows(input, rows, step, limit, isTop, () =>
        context.notes.info(
          `ignored histogram in ${expression.operator} aggregation`,
          expression.expression.range,
        ),
      );
      for (const row of best) {
        kept[row * steps + step] = 1;
        if (steps === 1) order.push(row);
      }
    }
  }
  return onlyKept(input, kept, steps === 1 ? order : undefined);
}

function bestRows(
  input: Grid,
  rows: readonly number[],
  step: number,
  limit: number,
  isTop: boolean,
  ignore: () => void,
): number[] {
  const candidates: number[] = [];
  for (const row of rows) {
    const kind = input.kinds[row * input.steps + step];
    if (kind === FLOAT) candidates.push(row);
    else if (kind === HISTOGRAM) ignore();
  }
  const value = (row: number) => input.values[row * input.steps + step] ?? Number.NaN;
  const sign = isTop ? -1 : 1;
  // NaN is the least wanted both ways; among equals the earlier series stays.
  const compare = (a: number, b: number) => {
    const x = value(a);
    const y = value(b);
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
    return sign * (x < y ? -1 : x > y ? 1 : 0);
  };
  if (limit * 8 >= candidates.length) return candidates.sort(compare).slice(0, limit);
  // Few out of many: one pass with a short sorted list.
  const best: number[] = [];
  for (const row of candidates) {
    const last = best[best.length - 1];
    if (best.length === limit && last !== undefined && compare(row, last) >= 0) continue;
    let at = best.length;
    while (at > 0 && compare(row, best[at - 1] ?? row) < 0) at--;
    best.splice(at, 0, row);
    if (best.length > limit) best.pop();
  }
  return best;
}

/** `limitk` and `limit_ratio`: some series of each group, the same ones at every step as far as they have samples. */
export function limited(
  input: Grid,
  groups: Grouping,
  parameters: Float64Array | undefined,
  expression: AggregateExpression,
  context: Context,
): Grid {
  const { steps } = input;
  const kept = new Uint8Array(input.rows * steps);
  if (expression.operator === "limit_ratio") {
    const ratios = ratiosOf(parameters, steps, expression, context);
    for (let row = 0; row < input.rows; row++) {
      const place = placeOfLabels(input.labels[row] ?? {});
      for (let step = 0; step < steps; step++) {
        const ratio = ratios[step] ?? 0;
        // A negative ratio takes the complement of its positive counterpart.
        if (ratio >= 0 ? place < ratio : place >= 1 + ratio) kept[row * steps + step] = 1;
      }
    }
    return onlyKept(input, kept, undefined);
  }
  const limits = limitsOf(parameters, steps);
  for (const rows of membersOf(input, groups)) {
    for (let step = 0; step < steps; step++) {
      let left = limits[step] ?? 0;
      for (const row of rows) {
        if (left < 1) break;
        const cell = row * steps + step;
        if (input.kinds[cell] === EMPTY) continue;
        kept[cell] = 1;
        left--;
      }
    }
  }
  return onlyKept(input, kept, undefined);
}

function limitsOf(parameters: Float64Array | undefined, steps: number): Float64Array {
  const limits = new Float64Array(steps);
  for (let step = 0; step < steps; step++) {
    const limit = parameters?.[step] ?? Number.NaN;
    if (Number.isNaN(limit)) throw evalError("Parameter value is NaN");
    if (limit >= 2 ** 63 || limit < -(2 ** 63)) throw evalError(`Scalar value ${limit} overflows int64`);
    limits[step] = Math.trunc(limit);
  }
  return limits;
}

function ratiosOf(
  parameters: Float64Array | undefined,
  steps: number,
  expression: AggregateExpression,
  context: Context,
): Float64Array {
  const at = expression.parameter?.range ?? expression.range;
  const ratios = new Float64Array(steps);
  for (let step = 0; step < steps; step++) {
    const ratio = parameters?.[step] ?? Number.NaN;
    if (Number.isNaN(ratio)) throw evalError("Ratio value is NaN");
    const used = Math.max(-1, Math.min(1, ratio));
    if (used !== ratio) context.notes.invalidRatio(ratio, used, at);
    ratios[step] = used;
  }
  return ratios;
}

function membersOf(input: Grid, groups: Grouping): number[][] {
  const members: number[][] = groups.labels.map(() => []);
  for (let row = 0; row < input.rows; row++) members[groups.groupOf[row] ?? 0]?.push(row);
  return members;
}

function onlyKept(input: Grid, kept: Uint8Array, order: readonly number[] | undefined): Grid {
  const { steps } = input;
  const output = new Grid(steps);
  for (const row of order ?? input.labels.keys()) {
    const base = output.addRow(input.labels[row] ?? {}, input.dropsName[row]);
    let any = false;
    for (let step = 0; step < steps; step++) {
      if (kept[row * steps + step] === 0) continue;
      const value = input.at(row * steps + step);
      output.set(base + step, value);
      if (value !== undefined) any = true;
    }
    if (!any) output.dropLastRow();
  }
  return output;
}
