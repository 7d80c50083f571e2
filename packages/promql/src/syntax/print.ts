import { formatDuration } from "@tocsin/model";
import { formatExponent, formatFloat } from "../result-json.js";
import {
  type AtTime,
  type BinaryExpression,
  type Duration,
  type Expression,
  type ExtendedMode,
  strength,
  type VectorMatching,
  type VectorSelector,
} from "./ast.js";

/**
 * An expression as PromQL on one line, written as Prometheus writes it: matchers in order, numbers as Go's. Parsing the text again gives the same expression, ranges apart; parentheses are
 * added only where the tree could not be told otherwise.
 */
export function print(expression: Expression): string {
  switch (expression.kind) {
    case "number":
      return printNumber(expression.value, expression.isDuration);
    case "string":
      return quote(expression.value);
    case "paren":
      return `(${print(expression.expression)})`;
    case "vector-selector":
      return printSelector(expression) + printModifiers(expression);
    case "matrix-selector": {
      const { selector, window } = expression;
      return `${printSelector(selector)}[${printDuration(window)}]${printModifiers(selector)}`;
    }
    case "subquery": {
      const step = expression.step === undefined ? "" : printDuration(expression.step);
      const inner = operand(expression.expression, needsParensAsOperand(expression.expression));
      return `${inner}[${printDuration(expression.window)}:${step}]${printModifiers({ ...expression, mode: undefined })}`;
    }
    case "unary":
      return expression.operator + printOperandOfSign(expression.expression);
    case "call":
      return `${expression.name}(${expression.args.map(print).join(", ")})`;
    case "aggregate": {
      const args = expression.parameter === undefined ? [] : [expression.parameter];
      const clause = printGrouping(expression.grouping);
      return `${expression.operator}${clause}(${[...args, expression.expression].map(print).join(", ")})`;
    }
    case "binary":
      return `${printSide(expression, "left")} ${printOperator(expression)} ${printSide(expression, "right")}`;
  }
}

/** The operator of a binary expression with all that belongs to it, such as `/ on (job) group_left ()`. */
export function printOperator({ operator, returnsBool, matching }: BinaryExpression): string {
  const parts: string[] = [operator];
  if (returnsBool) parts.push("bool");
  if (matching !== undefined) parts.push(...printMatching(matching));
  return parts.join(" ");
}

function printMatching(matching: VectorMatching): string[] {
  const { cardinality, isOn, labels, include, fillLeft, fillRight } = matching;
  const parts: string[] = [];
  const grouped = cardinality === "many-to-one" || cardinality === "one-to-many";
  if (isOn || labels.length > 0 || grouped) parts.push(`${isOn ? "on" : "ignoring"} ${printLabels(labels)}`);
  if (grouped)
    parts.push(`${cardinality === "many-to-one" ? "group_left" : "group_right"} ${printLabels(include)}`);
  if (fillLeft !== undefined && Object.is(fillLeft, fillRight))
    parts.push(`fill (${printNumber(fillLeft, false)})`);
  else {
    if (fillLeft !== undefined) parts.push(`fill_left (${printNumber(fillLeft, false)})`);
    if (fillRight !== undefined) parts.push(`fill_right (${printNumber(fillRight, false)})`);
  }
  return parts;
}

/** ` by (a, b) ` as it stands between an aggregation and its arguments; nothing for a plain aggregation. */
export function printGrouping({
  kind,
  labels,
}: {
  kind: "by" | "without";
  labels: readonly string[];
}): string {
  if (kind === "by" && labels.length === 0) return "";
  return ` ${kind} ${printLabels(labels)} `;
}

function printLabels(labels: readonly string[]): string {
  return `(${labels.map(labelName).join(", ")})`;
}

function labelName(name: string): string {
  return /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) ? name : quote(name);
}

/** Words that the grammar never takes as a metric name. */
const RESERVED = /^(?:inf|nan|bool|ignoring|on|group_left|group_right|offset)$/i;

function printSelector({ name, matchers }: VectorSelector): string {
  const isPlain = name !== undefined && /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name) && !RESERVED.test(name);
  const conditions = matchers
    .map(({ name: label, operator, value }) => `${labelName(label)}${operator}${quote(value)}`)
    .sort();
  if (name !== undefined && !isPlain) conditions.unshift(quote(name));
  const braces = conditions.length > 0 || !isPlain ? `{${conditions.join(",")}}` : "";
  return (isPlain ? name : "") + braces;
}

function printModifiers({
  mode,
  at,
  offset,
}: {
  mode: ExtendedMode | undefined;
  at: AtTime | undefined;
  offset: Duration | undefined;
}): string {
  let text = mode === undefined ? "" : ` ${mode}`;
  if (at !== undefined) text += at.kind === "time" ? ` @ ${(at.tMs / 1000).toFixed(3)}` : ` @ ${at.kind}()`;
  if (offset !== undefined) text += ` offset ${printOffset(offset)}`;
  return text;
}

/** A duration behind `offset`, where arithmetic needs parentheses. */
function printOffset(offset: Duration): string {
  if (offset.kind === "binary") return `(${printDuration(offset)})`;
  if (offset.kind === "unary") return `${offset.operator}${printOffset(offset.operand)}`;
  return printDuration(offset);
}

/** A duration within brackets. */
export function printDuration(duration: Duration): string {
  switch (duration.kind) {
    case "number":
      return printNumber(duration.value, duration.isDuration);
    case "step":
    case "range":
      return `${duration.kind}()`;
    case "paren":
      return `(${printDuration(duration.operand)})`;
    case "unary":
      return duration.operator + printDuration(duration.operand);
    case "min_of":
    case "max_of":
      return `${duration.kind}(${printDuration(duration.left)}, ${printDuration(duration.right)})`;
    case "binary":
      return `${printDuration(duration.left)} ${duration.operator} ${printDuration(duration.right)}`;
  }
}

function printNumber(value: number, isDuration: boolean): string {
  const magnitude = Math.abs(value);
  if (isDuration && Number.isInteger(magnitude * 1000)) {
    return (value < 0 ? "-" : "") + formatDuration(magnitude * 1000);
  }
  // As Go prints a float: with an exponent from a million on, and below a ten-thousandth.
  const hasExponent = Number.isFinite(value) && magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e6);
  return hasExponent ? formatExponent(value) : formatFloat(value).replace("+Inf", "Inf");
}

function printSide(parent: BinaryExpression, side: "left" | "right"): string {
  const child = parent[side];
  return operand(child, sideNeedsParens(parent, child, side));
}

/** Whether an operand must be put in parentheses to stay one. */
export function sideNeedsParens(
  parent: BinaryExpression,
  child: Expression,
  side: "left" | "right",
): boolean {
  const own = strength(parent.operator);
  if (child.kind === "binary") {
    const inner = strength(child.operator);
    if (inner !== own) return inner < own;
    return parent.operator === "^" ? side === "left" : side === "right";
  }
  // A sign binds like multiplication: only a power could take its operand away.
  const hasSign = child.kind === "unary" || (child.kind === "number" && isSigned(child.value));
  return hasSign && side === "left" && parent.operator === "^";
}

function isSigned(value: number): boolean {
  return value < 0 || Object.is(value, -0);
}

function needsParensAsOperand(expression: Expression): boolean {
  if (expression.kind === "number") return isSigned(expression.value);
  return expression.kind === "binary" || expression.kind === "unary";
}

function printOperandOfSign(expression: Expression): string {
  if (expression.kind === "binary") return operand(expression, expression.operator !== "^");
  // Two signs in a row would be read as one with a number behind them.
  return operand(expression, expression.kind === "unary" || expression.kind === "number");
}

function operand(expression: Expression, needsParens: boolean): string {
  return needsParens ? `(${print(expression)})` : print(expression);
}

/** A string as a PromQL literal. */
export function quote(text: string): string {
  return JSON.stringify(text).replace(/[\u007f-\u009f]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
