import type { Context } from "../engine/context.js";
import { type Frame, stepTime } from "../engine/frame.js";

/** Values of a function without arguments that gives a scalar; undefined when `name` is none of them. */
export function scalarFunction(name: string, frame: Frame, context: Context): Float64Array | undefined {
  switch (name) {
    case "time":
      return Float64Array.from({ length: frame.count }, (_, step) => stepTime(frame, step) / 1000);
    case "pi":
      return constant(frame, Math.PI);
    case "start":
      return constant(frame, context.startMs / 1000);
    case "end":
      return constant(frame, context.endMs / 1000);
    case "range":
      return constant(frame, (context.endMs - context.startMs) / 1000);
    case "step":
      return constant(frame, context.stepMs / 1000);
    default:
      return undefined;
  }
}

function constant(frame: Frame, value: number): Float64Array {
  return new Float64Array(frame.count).fill(value);
}
