import { createMatcher } from "../matcher.js";
import {
  type AggregateExpression,
  type BinaryExpression,
  type CallExpression,
  COMPARISONS,
  childrenOf,
  type Duration,
  type Expression,
  SET_OPERATORS,
  type ValueType,
  type VectorSelector,
  withoutParens,
} from "./ast.js";
import { durationMs, isFixed } from "./duration-value.js";
import { functionSignature } from "./function-signatures.js";
import { parseError } from "./place.js";

/** Type of an expression that has been checked. */
export function valueType(expression: Expression): ValueType {
  switch (expression.kind) {
    case "number":
      return "scalar";
    case "string":
      return "string";
    case "vector-selector":
    case "aggregate":
      return "vector";
    case "matrix-selector":
    case "subquery":
      return "matrix";
    case "paren":
    case "unary":
      return valueType(expression.expression);
    case "call":
      return functionSignature(expression.name)?.returns ?? "vector";
    case "binary":
      return valueType(expression.left) === "scalar" && valueType(expression.right) === "scalar"
        ? "scalar"
        : "vector";
  }
}

/** The words that messages use for a type. */
export function typeName(type: ValueType): string {
  return { scalar: "scalar", string: "string", vector: "instant vector", matrix: "range vector" }[type];
}

/** Checks types and arities all through. @throws {PromQLError} PROMQL_PARSE at the innermost fault. */
export function checkTypes(query: string, expression: Expression): void {
  for (const child of childrenOf(expression)) {
    // The labels that info() takes are no selector of series: they may be empty.
    const isInfoLabels =
      expression.kind === "call" && expression.name === "info" && child === expression.args[1];
    if (!isInfoLabels) checkTypes(query, child);
  }
  const fail = (message: string, at: Expression = expression) => {
    throw parseError(query, at.range, message);
  };
  const expect = (wanted: ValueType, actual: Expression, context: string) => {
    const type = valueType(actual);
    if (type !== wanted)
      fail(`expected type ${typeName(wanted)} in ${context}, got ${typeName(type)}`, actual);
  };
  switch (expression.kind) {
    case "vector-selector":
      checkSelector(query, expression);
      break;
    case "matrix-selector":
      checkDuration(query, expression.window, false);
      break;
    case "subquery": {
      const type = valueType(expression.expression);
      if (type !== "vector")
        fail(`subquery is only allowed on instant vector, got ${typeName(type)} instead`);
      checkDuration(query, expression.window, false);
      if (expression.step !== undefined) checkDuration(query, expression.step, false);
      if (expression.offset !== undefined) checkDuration(query, expression.offset, true);
      break;
    }
    case "unary": {
      const type = valueType(expression.expression);
      if (type !== "scalar" && type !== "vector") {
        fail(
          `unary expression only allowed on expressions of type scalar or instant vector, got "${typeName(type)}"`,
        );
      }
      break;
    }
    case "binary":
      checkBinary(query, expression);
      break;
    case "aggregate":
      expect("vector", expression.expression, "aggregation expression");
      checkParameter(expression, expect);
      break;
    case "call":
      checkCall(query, expression);
      break;
  }
}

function checkParameter(
  { operator, parameter }: AggregateExpression,
  expect: (wanted: ValueType, actual: Expression, context: string) => void,
): void {
  if (parameter !== undefined) {
    expect(operator === "count_values" ? "string" : "scalar", parameter, "aggregation parameter");
  }
}

function checkSelector(query: string, selector: VectorSelector): void {
  if (selector.offset !== undefined) checkDuration(query, selector.offset, true);
  if (selector.name !== undefined && selector.name !== "") return;
  // A selector that every series fulfils would read the whole storage.
  const narrows = selector.matchers.some(
    ({ name, operator, value }) => !createMatcher(name, operator, value).matches(""),
  );
  if (!narrows)
    throw parseError(query, selector.range, "vector selector must contain at least one non-empty matcher");
}

function checkDuration(query: string, duration: Duration, allowNegative: boolean): void {
  if (!isFixed(duration)) return;
  try {
    durationMs(duration, { stepMs: 0, rangeMs: 0 }, allowNegative);
  } catch (error) {
    throw parseError(query, duration.range, error instanceof Error ? error.message : String(error));
  }
}

function checkBinary(query: string, expression: BinaryExpression): void {
  const { operator, left, right, matching, returnsBool } = expression;
  const fail = (message: string, at: Expression = expression) => {
    throw parseError(query, at.range, message);
  };
  const leftType = valueType(left);
  const rightType = valueType(right);
  if (returnsBool && !COMPARISONS.has(operator))
    fail("bool modifier can only be used on comparison operators");
  for (const [side, type] of [
    [left, leftType],
    [right, rightType],
  ] as const) {
    if (type !== "scalar" && type !== "vector") {
      fail("binary expression must contain only scalar and instant vector types", side);
    }
  }
  const bothScalar = leftType === "scalar" && rightType === "scalar";
  if (COMPARISONS.has(operator) && bothScalar && !returnsBool) {
    fail("comparisons between scalars must use BOOL modifier");
  }
  const bothVector = leftType === "vector" && rightType === "vector";
  if (SET_OPERATORS.has(operator) && !bothVector) {
    fail(`set operator "${operator}" not allowed in binary scalar expression`);
  }
  if (matching === undefined) return;
  if (!bothVector) {
    if (matching.fillLeft !== undefined || matching.fillRight !== undefined) {
      fail("filling in missing series only allowed between instant vectors");
    }
    fail("vector matching only allowed between instant vectors");
  }
  if (matching.isOn && matching.cardinality !== "many-to-many") {
    const both = matching.labels.find((label) => matching.include.includes(label));
    if (both !== undefined) fail(`label "${both}" must not occur in ON and GROUP clause at once`);
  }
}

function checkCall(query: string, call: CallExpression): void {
  const fail = (message: string, at: Expression = call): never => {
    throw parseError(query, at.range, message);
  };
  const signature = functionSignature(call.name);
  if (signature === undefined)
    throw parseError(query, call.range, `unknown function with name "${call.name}"`);
  const { args: types, optional } = signature;
  const count = call.args.length;
  const atLeast = types.length - Math.abs(optional);
  if (optional === 0 && count !== types.length) {
    fail(`expected ${types.length} argument(s) in call to "${call.name}", got ${count}`);
  }
  if (count < atLeast)
    fail(`expected at least ${atLeast} argument(s) in call to "${call.name}", got ${count}`);
  if (optional > 0 && count > types.length) {
    fail(`expected at most ${types.length} argument(s) in call to "${call.name}", got ${count}`);
  }
  call.args.forEach((arg, i) => {
    const wanted = types[Math.min(i, types.length - 1)] ?? "vector";
    const type = valueType(arg);
    if (type !== wanted) {
      fail(
        `expected type ${typeName(wanted)} in call to function "${call.name}", got ${typeName(type)}`,
        arg,
      );
    }
  });
  if (call.name === "info" && call.args[1] !== undefined) {
    const selector = withoutParens(call.args[1]);
    if (selector.kind !== "vector-selector")
      throw parseError(query, selector.range, "expected label selectors only");
    if (selector.name !== undefined)
      fail("expected label selectors only, got vector selector instead", selector);
  }
}
