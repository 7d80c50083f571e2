import type { TextRange } from "../errors.js";
import type { MatchOperator } from "../matcher.js";

/** Type of a PromQL expression. */
export type ValueType = "scalar" | "vector" | "matrix" | "string";

/** A parsed PromQL expression. Immutable; ranges are offsets in the query text. */
export type Expression =
  | NumberLiteral
  | StringLiteral
  | VectorSelector
  | MatrixSelector
  | SubqueryExpression
  | AggregateExpression
  | CallExpression
  | BinaryExpression
  | UnaryExpression
  | ParenExpression;

interface Node {
  readonly range: TextRange;
}

/** `1`, `.5e3`, `0x1f`, `5m` (300), `Inf`, `NaN`. */
export interface NumberLiteral extends Node {
  readonly kind: "number";
  readonly value: number;
  /** Whether it was written as a duration, which printing keeps. */
  readonly isDuration: boolean;
}

/** A quoted string, unescaped. */
export interface StringLiteral extends Node {
  readonly kind: "string";
  readonly value: string;
}

/** One condition as written. */
export interface LabelMatcher extends Node {
  readonly name: string;
  readonly operator: MatchOperator;
  readonly value: string;
}

/** The time that `@` fixes: seconds since 1970, or the start or end of the query. */
export type AtTime = { readonly kind: "time"; readonly tMs: number } | { readonly kind: "start" | "end" };

/** How boundary values of a window are found: the last sample before it, or between neighbours. */
export type ExtendedMode = "anchored" | "smoothed";

/** `foo{a="b"} offset 5m @ 10`. Also the inside of a range selector, whose modifiers sit here. */
export interface VectorSelector extends Node {
  readonly kind: "vector-selector";
  /** Name written before the braces. */
  readonly name: string | undefined;
  /** Conditions within the braces, without the one for `name`. */
  readonly matchers: readonly LabelMatcher[];
  readonly offset: Duration | undefined;
  readonly at: AtTime | undefined;
  readonly mode: ExtendedMode | undefined;
}

/** `foo[5m]`. */
export interface MatrixSelector extends Node {
  readonly kind: "matrix-selector";
  readonly selector: VectorSelector;
  readonly window: Duration;
}

/** `expr[1h:5m]`; no step means the engine's default. */
export interface SubqueryExpression extends Node {
  readonly kind: "subquery";
  readonly expression: Expression;
  readonly window: Duration;
  readonly step: Duration | undefined;
  readonly offset: Duration | undefined;
  readonly at: AtTime | undefined;
}

/** Names of the aggregation operators. */
export type AggregationOperator =
  | "avg"
  | "bottomk"
  | "count"
  | "count_values"
  | "group"
  | "limit_ratio"
  | "limitk"
  | "max"
  | "min"
  | "quantile"
  | "stddev"
  | "stdvar"
  | "sum"
  | "topk";

/** `sum by (job) (expr)`, `topk(3, expr)`. */
export interface AggregateExpression extends Node {
  readonly kind: "aggregate";
  readonly operator: AggregationOperator;
  readonly parameter: Expression | undefined;
  readonly expression: Expression;
  /** `by` with no labels unless written otherwise. */
  readonly grouping: { readonly kind: "by" | "without"; readonly labels: readonly string[] };
}

/** `rate(foo[5m])`. */
export interface CallExpression extends Node {
  readonly kind: "call";
  readonly name: string;
  readonly args: readonly Expression[];
}

/** Names of the binary operators. */
export type BinaryOperator =
  | "+"
  | "-"
  | "*"
  | "/"
  | "%"
  | "^"
  | "atan2"
  | "=="
  | "!="
  | ">"
  | "<"
  | ">="
  | "<="
  | "</"
  | ">/"
  | "and"
  | "or"
  | "unless";

/** How series of two sides find each other. */
export interface VectorMatching {
  readonly cardinality: "one-to-one" | "many-to-one" | "one-to-many" | "many-to-many";
  /** `on` when true, else `ignoring`. */
  readonly isOn: boolean;
  readonly labels: readonly string[];
  /** Labels copied from the one side. */
  readonly include: readonly string[];
  /** Values that stand in for a missing partner. */
  readonly fillLeft: number | undefined;
  readonly fillRight: number | undefined;
}

/** `a + on(job) b`. `matching` is there when both sides are instant vectors. */
export interface BinaryExpression extends Node {
  readonly kind: "binary";
  readonly operator: BinaryOperator;
  readonly left: Expression;
  readonly right: Expression;
  readonly returnsBool: boolean;
  readonly matching: VectorMatching | undefined;
}

/** `-expr`, `+expr`. */
export interface UnaryExpression extends Node {
  readonly kind: "unary";
  readonly operator: "+" | "-";
  readonly expression: Expression;
}

/** `(expr)`. */
export interface ParenExpression extends Node {
  readonly kind: "paren";
  readonly expression: Expression;
}

/** A duration that may be computed: `5m`, `step() * 2`, `max_of(1m, range() / 10)`. In seconds until resolved. */
export type Duration = Node &
  (
    | { readonly kind: "number"; readonly value: number; readonly isDuration: boolean }
    | { readonly kind: "step" }
    | { readonly kind: "range" }
    | { readonly kind: "unary"; readonly operator: "+" | "-"; readonly operand: Duration }
    | { readonly kind: "paren"; readonly operand: Duration }
    | {
        readonly kind: "binary";
        readonly operator: "+" | "-" | "*" | "/" | "%" | "^";
        readonly left: Duration;
        readonly right: Duration;
      }
    | { readonly kind: "min_of" | "max_of"; readonly left: Duration; readonly right: Duration }
  );

/** The operators that compare. */
export const COMPARISONS: ReadonlySet<BinaryOperator> = new Set(["==", "!=", ">", "<", ">=", "<="]);
/** The operators on sets of series. */
export const SET_OPERATORS: ReadonlySet<BinaryOperator> = new Set(["and", "or", "unless"]);

/** Binding strength; `^` alone associates to the right. */
export function strength(operator: BinaryOperator): number {
  if (operator === "or") return 1;
  if (SET_OPERATORS.has(operator)) return 2;
  if (operator === "+" || operator === "-") return 4;
  if (operator === "*" || operator === "/" || operator === "%" || operator === "atan2") return 5;
  return operator === "^" ? 6 : 3;
}

/** A sign binds like a multiplication. */
export const SIGN_STRENGTH = 5;

/** The expression inside any parentheses. */
export function withoutParens(expression: Expression): Expression {
  let inner = expression;
  while (inner.kind === "paren") inner = inner.expression;
  return inner;
}

/** Direct sub-expressions in order of writing. */
export function childrenOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case "number":
    case "string":
    case "vector-selector":
      return [];
    case "matrix-selector":
      return [expression.selector];
    case "subquery":
    case "unary":
    case "paren":
      return [expression.expression];
    case "aggregate":
      return expression.parameter === undefined
        ? [expression.expression]
        : [expression.parameter, expression.expression];
    case "call":
      return expression.args;
    case "binary":
      return [expression.left, expression.right];
  }
}

/** Calls `visit` for the expression and everything in it, parents first. */
export function walk(expression: Expression, visit: (node: Expression) => void): void {
  visit(expression);
  for (const child of childrenOf(expression)) walk(child, visit);
}
