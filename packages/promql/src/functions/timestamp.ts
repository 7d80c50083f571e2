import type { Context } from "../engine/context.js";
import { type Frame, stepTime } from "../engine/frame.js";
import { EMPTY, FLOAT, Grid } from "../engine/grid.js";
import { selectInstant } from "../engine/instant-selector.js";
import { dropNames } from "../engine/labels.js";
import { evalError } from "../errors.js";
import { type CallExpression, withoutParens } from "../syntax/ast.js";

/**
 * `timestamp` and `start_timestamp`, in seconds: of the sample itself when the argument is a selector, else the time of
 * the step; what is computed has no start. The start of a sample is 0 where unknown.
 */
export async function sampleTimes(call: CallExpression, frame: Frame, context: Context): Promise<Grid> {
  const [argument] = call.args;
  if (argument === undefined) throw evalError(`${call.name}() needs an instant vector`);
  const selector = withoutParens(argument);
  if (selector.kind === "vector-selector" && selector.mode === undefined) {
    const taken = call.name === "timestamp" ? "timestamp" : "start-timestamp";
    return dropNames(await selectInstant(selector, frame, context, taken), context.delaysNameRemoval);
  }
  const value = await context.evaluate(argument, frame);
  if (value.type !== "vector") throw evalError(`expected an instant vector in call to ${call.name}()`);
  if (call.name === "start_timestamp") return new Grid(frame.count, 1);
  const { grid } = value;
  for (let row = 0; row < grid.rows; row++) {
    for (let step = 0; step < grid.steps; step++) {
      const cell = row * grid.steps + step;
      if (grid.kinds[cell] === EMPTY) continue;
      grid.kinds[cell] = FLOAT;
      grid.values[cell] = stepTime(frame, step) / 1000;
    }
  }
  return dropNames(grid, context.delaysNameRemoval);
}
