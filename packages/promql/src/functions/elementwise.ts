import type { Context, Value } from "../engine/context.js";
import type { Frame } from "../engine/frame.js";
import { EMPTY, FLOAT } from "../engine/grid.js";
import { dropNames } from "../engine/labels.js";
import { evalError } from "../errors.js";
import type { CallExpression } from "../syntax/ast.js";

/** A float from a float and the call's scalar arguments; undefined takes the sample away. */
export type Elementwise = (value: number, first: number, second: number) => number | undefined;

const DEGREE = Math.PI / 180;

const ELEMENTWISE: ReadonlyMap<string, Elementwise> = new Map<string, Elementwise>([
  ["abs", Math.abs],
  ["acos", Math.acos],
  ["acosh", Math.acosh],
  ["asin", Math.asin],
  ["asinh", Math.asinh],
  ["atan", Math.atan],
  ["atanh", Math.atanh],
  ["ceil", Math.ceil],
  ["clamp", clamp],
  ["clamp_max", (value, max) => smaller(value, max)],
  ["clamp_min", (value, min) => larger(value, min)],
  ["cos", Math.cos],
  ["cosh", Math.cosh],
  ["deg", (value) => value / DEGREE],
  ["exp", Math.exp],
  ["floor", Math.floor],
  ["ln", Math.log],
  ["log10", Math.log10],
  ["log2", Math.log2],
  ["rad", (value) => value * DEGREE],
  ["round", (value, to) => round(value, to)],
  ["sgn", (value) => (value > 0 ? 1 : value < 0 ? -1 : value)],
  ["sin", Math.sin],
  ["sinh", Math.sinh],
  ["sqrt", Math.sqrt],
  ["tan", Math.tan],
  ["tanh", Math.tanh],
]);

/** The function of that name, when it works on each float of an instant vector. */
export function elementwiseFunction(name: string): Elementwise | undefined {
  return ELEMENTWISE.get(name);
}

/** Applies a function to each float; histograms are left out. */
export async function callElementwise(
  compute: Elementwise,
  call: CallExpression,
  frame: Frame,
  context: Context,
): Promise<Value> {
  const [vector, first, second] = await Promise.all(
    [call.args[0], call.args[1], call.args[2]].map((arg) =>
      arg === undefined ? undefined : context.evaluate(arg, frame),
    ),
  );
  if (vector?.type !== "vector") throw evalError(`expected an instant vector in call to ${call.name}()`);
  const { grid } = vector;
  const firsts = first?.type === "scalar" ? first.values : undefined;
  const seconds = second?.type === "scalar" ? second.values : undefined;
  for (let row = 0; row < grid.rows; row++) {
    for (let step = 0; step < grid.steps; step++) {
      const cell = row * grid.steps + step;
      if (grid.kinds[cell] === EMPTY) continue;
      const result =
        grid.kinds[cell] === FLOAT
          ? compute(grid.values[cell] ?? Number.NaN, firsts?.[step] ?? 1, seconds?.[step] ?? 1)
          : undefined;
      if (result === undefined) grid.kinds[cell] = EMPTY;
      else grid.values[cell] = result;
    }
  }
  return { type: "vector", grid: dropNames(grid, context.delaysNameRemoval) };
}

function clamp(value: number, min: number, max: number): number | undefined {
  return max < min ? undefined : larger(min, smaller(max, value));
}

/** NaN on either side wins, except over the infinity that nothing can be below. */
export function smaller(a: number, b: number): number {
  return a === Number.NEGATIVE_INFINITY || b === Number.NEGATIVE_INFINITY
    ? Number.NEGATIVE_INFINITY
    : Math.min(a, b);
}

/** The larger of two numbers, by the same rule. */
export function larger(a: number, b: number): number {
  return a === Number.POSITIVE_INFINITY || b === Number.POSITIVE_INFINITY
    ? Number.POSITIVE_INFINITY
    : Math.max(a, b);
}

/** Ties go up, also below zero. Dividing by the inverse rounds fractions such as 0.1 exactly. */
function round(value: number, to: number): number {
  const inverse = 1 / to;
  return Math.floor(value * inverse + 0.5) / inverse;
}
