import { childrenOf, type Expression } from "../syntax/ast.js";

/** Functions whose value depends on the time of the step even if their arguments do not. */
const TIME_DEPENDENT: ReadonlySet<string> = new Set([
  "day_of_month",
  "day_of_week",
  "day_of_year",
  "days_in_month",
  "hour",
  "minute",
  "month",
  "year",
  "predict_linear",
  "time",
  "timestamp",
]);

/** Whether an expression has the same value at every step, because `@` fixes the time of every selector in it. */
export function isStepInvariant(expression: Expression): boolean {
  switch (expression.kind) {
    case "number":
    case "string":
      return true;
    case "vector-selector":
      return expression.at !== undefined;
    case "matrix-selector":
      return expression.selector.at !== undefined;
    case "subquery":
      return expression.at !== undefined;
    case "call":
      return !TIME_DEPENDENT.has(expression.name) && expression.args.every(isStepInvariant);
    default:
      return childrenOf(expression).every(isStepInvariant);
  }
}
