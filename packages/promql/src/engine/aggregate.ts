import { evalError } from "../errors.js";
import type { AggregateExpression } from "../syntax/ast.js";
import { withoutParens } from "../syntax/ast.js";
import { accumulatorFor } from "./accumulators.js";
import type { Context } from "./context.js";
import { countValues } from "./count-values.js";
import type { Frame } from "./frame.js";
import { EMPTY, FLOAT, Grid, HISTOGRAM } from "./grid.js";
import { groupRows } from "./grouping.js";
import { isMetadataLabel, namesSettled } from "./labels.js";
import { limited, ranked } from "./rank.js";

/** Evaluates `sum by (…) (…)` and its kin. Groups are found once per series, not once per step. */
export async function evaluateAggregate(
  expression: AggregateExpression,
  frame: Frame,
  context: Context,
): Promise<Grid> {
  const { operator, parameter, grouping } = expression;
  const value = await context.evaluate(expression.expression, frame);
  if (value.type !== "vector") throw evalError(`${operator} needs an instant vector`);
  const looksAtNames = grouping.kind === "without" || grouping.labels.some(isMetadataLabel);
  const input = looksAtNames ? namesSettled(value.grid, context.delaysNameRemoval) : value.grid;
  if (operator === "count_values") {
    const label = parameter === undefined ? undefined : withoutParens(parameter);
    return countValues(input, grouping, label?.kind === "string" ? label.value : "", context);
  }
  const scalar = parameter === undefined ? undefined : await context.evaluate(parameter, frame);
  const parameters = scalar?.type === "scalar" ? scalar.values : undefined;
  const groups = groupRows(input, grouping);
  switch (operator) {
    case "topk":
    case "bottomk":
      return ranked(input, groups, parameters, expression, context);
    case "limitk":
    case "limit_ratio":
      return limited(input, groups, parameters, expression, context);
  }
  const steps = input.steps;
  const slots = groups.labels.length * steps;
  context.governor.hold(slots);
  const at = expression.expression.range;
  const accumulator = accumulatorFor(operator, slots, parameters, steps, context.notes, at);
  for (let row = 0; row < input.rows; row++) {
    const first = (groups.groupOf[row] ?? 0) * steps;
    const base = row * steps;
    for (let step = 0; step < steps; step++) {
      const kind = input.kinds[base + step];
      if (kind === EMPTY) continue;
      if (kind === FLOAT) accumulator.addFloat(first + step, input.values[base + step] ?? Number.NaN);
      else if (kind === HISTOGRAM) {
        const histogram = input.histogram(base + step);
        if (histogram !== undefined) accumulator.addHistogram(first + step, histogram);
      }
    }
    if (context.governor.spend(steps)) await context.governor.nextTurn();
  }
  context.governor.release(input.rows * steps);
  const output = new Grid(steps, groups.labels.length);
  groups.labels.forEach((labels, group) => {
    const base = output.addRow(labels, groups.dropsName[group]);
    for (let step = 0; step < steps; step++)
      output.set(base + step, accumulator.result(group * steps + step));
  });
  return output;
}
