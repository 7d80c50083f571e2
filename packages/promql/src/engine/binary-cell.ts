import { added, divided, sameHistogram, scaled, subtracted } from "../histogram/arithmetic.js";
import type { Histogram } from "../histogram/histogram.js";
import { trimmed } from "../histogram/trim.js";
import type { BinaryOperator } from "../syntax/ast.js";

/** What a binary operator makes of two samples. */
export type CellResult =
  | { readonly kind: "value"; readonly value: number | Histogram; readonly note?: "collision" | "reconciled" }
  /** A comparison that holds or not; the left sample is the value. */
  | { readonly kind: "comparison"; readonly holds: boolean }
  | { readonly kind: "incompatible-types" }
  | { readonly kind: "incompatible-buckets" };

const INCOMPATIBLE: CellResult = { kind: "incompatible-types" };

/** The operator on two floats; comparisons give 1 or 0. */
export function floatOperation(operator: BinaryOperator, left: number, right: number): number {
  switch (operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      return left / right;
    case "%":
      return left % right;
    case "^":
      return power(left, right);
    case "atan2":
      return Math.atan2(left, right);
    case "==":
      return left === right ? 1 : 0;
    case "!=":
      return left !== right ? 1 : 0;
    case ">":
      return left > right ? 1 : 0;
    case "<":
      return left < right ? 1 : 0;
    case ">=":
      return left >= right ? 1 : 0;
    case "<=":
      return left <= right ? 1 : 0;
    default:
      return Number.NaN;
  }
}

/** IEEE 754 `pow`: unlike JavaScript's, 1 to any power is 1, and so is -1 to an infinite one. */
function power(base: number, exponent: number): number {
  if (base === 1) return 1;
  if (base === -1 && Math.abs(exponent) === Number.POSITIVE_INFINITY) return 1;
  return base ** exponent;
}

/** The operator on two samples of which at least one is a histogram. */
export function histogramOperation(
  operator: BinaryOperator,
  left: number | Histogram,
  right: number | Histogram,
): CellResult {
  if (typeof left === "number") {
    if (typeof right === "number" || operator !== "*") return INCOMPATIBLE;
    return { kind: "value", value: scaled(right, left) };
  }
  if (typeof right === "number") {
    switch (operator) {
      case "*":
        return { kind: "value", value: scaled(left, right) };
      case "/":
        return { kind: "value", value: divided(left, right) };
      case "</":
        return { kind: "value", value: trimmed(left, right, "below") };
      case ">/":
        return { kind: "value", value: trimmed(left, right, "above") };
      default:
        return INCOMPATIBLE;
    }
  }
  switch (operator) {
    case "+":
    case "-": {
      const result = operator === "+" ? added(left, right) : subtracted(left, right);
      if (result === "incompatible") return { kind: "incompatible-buckets" };
      const value = result.histogram;
      if (result.hintsCollide) return { kind: "value", value, note: "collision" };
      return result.boundsReconciled
        ? { kind: "value", value, note: "reconciled" }
        : { kind: "value", value };
    }
    case "==":
      return { kind: "comparison", holds: sameHistogram(left, right) };
    case "!=":
      return { kind: "comparison", holds: !sameHistogram(left, right) };
    default:
      return INCOMPATIBLE;
  }
}

/** The word for a sample's type in notes. */
export function sampleType(sample: number | Histogram): string {
  return typeof sample === "number" ? "float" : "histogram";
}
