import type { BinaryExpression, CallExpression, Expression, SubqueryExpression } from "./ast.js";
import { print, printDuration, printGrouping, printOperator, sideNeedsParens } from "./print.js";

/** Lines longer than this are broken. */
const WIDTH = 100;
const INDENT = "  ";

/**
 * An expression as PromQL for people: on one line while it fits, else one operand or argument per line, indented. The text
 * parses to the same expression.
 */
export function format(expression: Expression): string {
  return formatAt(expression, 0);
}

function formatAt(expression: Expression, depth: number): string {
  const line = INDENT.repeat(depth) + print(expression);
  if (line.length <= WIDTH) return line;
  switch (expression.kind) {
    case "binary":
      return binary(expression, depth);
    case "call":
      return call(expression, depth);
    case "aggregate": {
      const args = expression.parameter === undefined ? [] : [expression.parameter];
      const head = `${expression.operator}${printGrouping(expression.grouping)}`;
      return wrapped(head, [...args, expression.expression], depth);
    }
    case "paren":
      return wrapped("", [expression.expression], depth);
    case "subquery":
      return subquery(expression, depth);
    case "unary": {
      const inner = expression.expression;
      if (inner.kind !== "paren" && inner.kind !== "call" && inner.kind !== "aggregate") return line;
      const text = formatAt(inner, depth);
      const indent = INDENT.repeat(depth);
      return indent + expression.operator + text.slice(indent.length);
    }
    default:
      return line;
  }
}

function binary(expression: BinaryExpression, depth: number): string {
  const indent = INDENT.repeat(depth);
  const side = (which: "left" | "right") => {
    const child = expression[which];
    if (sideNeedsParens(expression, child, which)) return wrapped("", [child], depth + 1);
    // Operands of operators of the same strength stay on one level.
    return formatAt(child, child.kind === "binary" ? depth : depth + 1);
  };
  return `${side("left")}\n${indent}${printOperator(expression)}\n${side("right")}`;
}

function call({ name, args }: CallExpression, depth: number): string {
  return args.length === 0 ? `${INDENT.repeat(depth)}${name}()` : wrapped(name, args, depth);
}

function wrapped(head: string, args: readonly Expression[], depth: number): string {
  const indent = INDENT.repeat(depth);
  const lines = args.map((arg) => formatAt(arg, depth + 1)).join(",\n");
  return `${indent}${head}(\n${lines}\n${indent})`;
}

function subquery(expression: SubqueryExpression, depth: number): string {
  const step = expression.step === undefined ? "" : printDuration(expression.step);
  const brackets = `[${printDuration(expression.window)}:${step}]`;
  const inner = expression.expression;
  const whole = print(expression);
  const tail = whole.slice(whole.lastIndexOf(brackets));
  if (inner.kind === "binary" || inner.kind === "unary") return wrapped("", [inner], depth) + tail;
  return formatAt(inner, depth) + tail;
}
