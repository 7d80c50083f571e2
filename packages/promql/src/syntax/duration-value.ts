import { PromQLError } from "../errors.js";
import type { Duration } from "./ast.js";

/** What `step()` and `range()` stand for, in milliseconds. Both are 0 in an instant query. */
export interface DurationContext {
  readonly stepMs: number;
  readonly rangeMs: number;
}

/** Whether a duration depends on the query's step or range. */
export function isFixed(duration: Duration): boolean {
  switch (duration.kind) {
    case "number":
      return true;
    case "step":
    case "range":
      return false;
    case "unary":
    case "paren":
      return isFixed(duration.operand);
    default:
      return isFixed(duration.left) && isFixed(duration.right);
  }
}

/**
 * Milliseconds of a duration, fractions of one cut off.
 *
 * @throws {PromQLError} PROMQL_PARSE on division by zero, and when it is not positive although it must be
 */
export function durationMs(duration: Duration, context: DurationContext, allowNegative: boolean): number {
  const seconds = secondsOf(duration, context);
  if (!allowNegative && !(seconds > 0)) throw fault(duration, "duration must be greater than 0");
  if (!Number.isFinite(seconds) || Math.abs(seconds) >= 2 ** 63 / 1e9)
    throw fault(duration, "duration out of range");
  // Sums such as 0.1 + 0.2 must not lose a millisecond to binary fractions.
  return Math.trunc(Number((seconds * 1000).toPrecision(15)));
}

function secondsOf(duration: Duration, context: DurationContext): number {
  switch (duration.kind) {
    case "number":
      return duration.value;
    case "step":
      return context.stepMs / 1000;
    case "range":
      return context.rangeMs / 1000;
    case "paren":
      return secondsOf(duration.operand, context);
    case "unary": {
      const value = secondsOf(duration.operand, context);
      return duration.operator === "-" ? -value : value;
    }
  }
  const left = secondsOf(duration.left, context);
  const right = secondsOf(duration.right, context);
  switch (duration.kind) {
    case "min_of":
      return Math.min(left, right);
    case "max_of":
      return Math.max(left, right);
    case "binary":
      return arithmetic(duration, left, right);
  }
}

function arithmetic(duration: Duration & { kind: "binary" }, left: number, right: number): number {
  switch (duration.operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      if (right === 0) throw fault(duration, "division by zero");
      return left / right;
    case "%":
      if (right === 0) throw fault(duration, "modulo by zero");
      return left % right;
    case "^":
      return left ** right;
  }
}

function fault(duration: Duration, message: string): PromQLError {
  return new PromQLError("PROMQL_PARSE", message, { range: duration.range });
}
