import type { Context, Value } from "../engine/context.js";
import { type Frame, stepTime } from "../engine/frame.js";
import { EMPTY, FLOAT, Grid } from "../engine/grid.js";
import { dropNames } from "../engine/labels.js";
import { evalError } from "../errors.js";
import type { CallExpression } from "../syntax/ast.js";

const DAY_MS = 86_400_000;

const CALENDAR: ReadonlyMap<string, (date: Date) => number> = new Map([
  ["day_of_month", (date: Date) => date.getUTCDate()],
  ["day_of_week", (date: Date) => date.getUTCDay()],
  [
    "day_of_year",
    (date: Date) => Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / DAY_MS) + 1,
  ],
  [
    "days_in_month",
    (date: Date) => new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate(),
  ],
  ["hour", (date: Date) => date.getUTCHours()],
  ["minute", (date: Date) => date.getUTCMinutes()],
  ["month", (date: Date) => date.getUTCMonth() + 1],
  ["year", (date: Date) => date.getUTCFullYear()],
]);

/** The function of that name, when it reads a calendar. */
export function calendarFunction(name: string): ((date: Date) => number) | undefined {
  return CALENDAR.get(name);
}

/** Reads the UTC calendar at each float taken as seconds since 1970, or at the time of the step without an argument. */
export async function callCalendarFunction(
  read: (date: Date) => number,
  call: CallExpression,
  frame: Frame,
  context: Context,
): Promise<Value> {
  const arg = call.args[0];
  if (arg === undefined) {
    const grid = new Grid(frame.count, 1);
    const base = grid.addRow({});
    for (let step = 0; step < frame.count; step++) {
      grid.setFloat(base + step, read(new Date(Math.floor(stepTime(frame, step) / 1000) * 1000)));
    }
    return { type: "vector", grid };
  }
  const value = await context.evaluate(arg, frame);
  if (value.type !== "vector") throw evalError(`expected an instant vector in call to ${call.name}()`);
  const { grid } = value;
  for (let cell = 0; cell < grid.rows * grid.steps; cell++) {
    if (grid.kinds[cell] === EMPTY) continue;
    if (grid.kinds[cell] === FLOAT) {
      grid.values[cell] = read(new Date(Math.trunc(grid.values[cell] ?? Number.NaN) * 1000));
    } else grid.kinds[cell] = EMPTY;
  }
  return { type: "vector", grid: dropNames(grid, context.delaysNameRemoval) };
}
