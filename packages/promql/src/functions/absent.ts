import type { Labels } from "@tocsin/model";
import type { Context } from "../engine/context.js";
import type { Frame } from "../engine/frame.js";
import { EMPTY, Grid } from "../engine/grid.js";
import { rangeSource } from "../engine/range-source.js";
import { evalError } from "../errors.js";
import { type CallExpression, type Expression, withoutParens } from "../syntax/ast.js";

/** `absent`: 1 where no series of `grid` has a sample. */
export function absent(argument: Expression | undefined, grid: Grid): Grid {
  const present = new Uint8Array(grid.steps);
  for (let row = 0; row < grid.rows; row++) {
    for (let step = 0; step < grid.steps; step++) {
      if (grid.kinds[row * grid.steps + step] !== EMPTY) present[step] = 1;
    }
  }
  return whereNot(present, argument);
}

/** `absent_over_time`: 1 where no series has a sample in the window. */
export async function absentOverTime(call: CallExpression, frame: Frame, context: Context): Promise<Grid> {
  const [argument] = call.args;
  if (argument === undefined) throw evalError("absent_over_time() needs a range vector");
  const source = await rangeSource(argument, frame, context, call.name);
  const present = new Uint8Array(frame.count);
  await source.each((_labels, _dropsName, series) => {
    const { t, floats, ht, h } = series;
    let f = 0;
    let i = 0;
    for (let step = 0; step < frame.count; step++) {
      const endMs = source.times.firstMs + step * source.times.stepMs;
      const startMs = endMs - source.windowMs;
      while (f < floats && (t[f] ?? 0) <= startMs) f++;
      while (i < h.length && (ht[i] ?? 0) <= startMs) i++;
      if ((f < floats && (t[f] ?? 0) <= endMs) || (i < h.length && (ht[i] ?? 0) <= endMs)) present[step] = 1;
    }
    return frame.count;
  });
  return whereNot(present, argument);
}

function whereNot(present: Uint8Array, argument: Expression | undefined): Grid {
  const grid = new Grid(present.length, 1);
  if (present.every((each) => each === 1)) return grid;
  const base = grid.addRow(absentLabels(argument));
  for (let step = 0; step < present.length; step++) if (present[step] === 0) grid.setFloat(base + step, 1);
  return grid;
}

/** The labels that the selector fixes to one value; a later condition on the same label takes it back. */
function absentLabels(argument: Expression | undefined): Labels {
  const inner = argument === undefined ? undefined : withoutParens(argument);
  const selector = inner?.kind === "matrix-selector" ? inner.selector : inner;
  if (selector?.kind !== "vector-selector") return {};
  const seen = new Set<string>();
  const labels: Record<string, string> = {};
  for (const { name, operator, value } of selector.matchers) {
    if (name === "__name__") continue;
    if (operator === "=" && !seen.has(name)) {
      seen.add(name);
      if (value !== "") labels[name] = value;
    } else delete labels[name];
  }
  return labels;
}
