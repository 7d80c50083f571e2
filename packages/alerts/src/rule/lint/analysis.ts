import { createMatcher, type Expression, valueType } from "@tocsin/promql";
import { callAnalysis } from "./call-analysis.js";
import type { Analysis, Never } from "./certain.js";
import {
  ANYTHING,
  add,
  atLeast,
  between,
  type Comparison,
  hull,
  type Interval,
  inWords,
  isPoint,
  MIRRORED,
  negate,
  passing,
  point,
  scale,
  sumOf,
} from "./interval.js";
import {
  ANY_LABELS,
  bothOf,
  disagreement,
  drop,
  eitherOf,
  keepOnly,
  type LabelFacts,
  NO_LABELS,
  withUnknown,
} from "./label-facts.js";

type Binary = Extract<Expression, { kind: "binary" }>;
type Aggregate = Extract<Expression, { kind: "aggregate" }>;
type Selector = Extract<Expression, { kind: "vector-selector" }>;
type Matching = NonNullable<Binary["matching"]>;

/** Follows labels and values through an expression. Sound rather than sharp: what is not certain is left open. Pure. */
export function analyse(expression: Expression): Analysis {
  switch (expression.kind) {
    case "number":
      return { labels: NO_LABELS, values: point(expression.value) };
    case "string":
      return { labels: NO_LABELS, values: ANYTHING };
    case "vector-selector":
      return selectorAnalysis(expression);
    case "matrix-selector":
      return analyse(expression.selector);
    case "subquery":
    case "paren":
      return analyse(expression.expression);
    case "unary": {
      const inner = analyse(expression.expression);
      return expression.operator === "-" ? { ...inner, values: negate(inner.values) } : inner;
    }
    case "aggregate":
      return aggregateAnalysis(expression);
    case "call":
      return callAnalysis(expression, analyse);
    case "binary":
      return binaryAnalysis(expression);
  }
}

function selectorAnalysis({ matchers }: Selector): Analysis {
  const own = matchers.filter(({ name }) => name !== "__name__");
  const known = new Map<string, string>();
  const missing = new Set<string>();
  const present = new Set<string>();
  let never: Never | undefined;
  for (const { name, operator, value, range: at } of own) {
    if (operator === "=" && value !== "") known.set(name, value);
    if (operator === "=" && value === "") missing.add(name);
    if (operator !== "=" && !createMatcher(name, operator, value).matches("")) present.add(name);
    const wanted = own.find((other) => other.name === name && other.operator === "=");
    if (wanted && !createMatcher(name, operator, value).matches(wanted.value))
      never = {
        range: at,
        why: `no series has ${name}=${JSON.stringify(wanted.value)} and ${name}${operator}${JSON.stringify(value)}`,
      };
  }
  for (const name of known.keys()) present.add(name);
  return {
    labels: { isOpen: true, names: missing, known, present },
    values: ANYTHING,
    never,
  };
}

function aggregateAnalysis({ operator, expression, parameter, grouping }: Aggregate): Analysis {
  const inner = analyse(expression);
  const grouped =
    grouping.kind === "by" ? keepOnly(inner.labels, grouping.labels) : drop(inner.labels, grouping.labels);
  const { never } = inner;
  switch (operator) {
    // These give series as they are.
    case "topk":
    case "bottomk":
    case "limitk":
    case "limit_ratio":
      return inner;
    case "count_values": {
      const named = parameter?.kind === "string" ? withUnknown(grouped, parameter.value) : ANY_LABELS;
      return { labels: named, values: atLeast(1), never };
    }
    case "count":
      return { labels: grouped, values: between(1, Number.POSITIVE_INFINITY), never };
    case "group":
      return { labels: grouped, values: point(1), never };
    case "min":
    case "max":
      return { labels: grouped, values: inner.values, never };
    case "sum":
      return { labels: grouped, values: sumOf(inner.values), never };
    case "stddev":
    case "stdvar":
      return { labels: grouped, values: atLeast(0), never };
    default:
      return { labels: grouped, values: ANYTHING, never };
  }
}

function binaryAnalysis(expression: Binary): Analysis {
  const [left, right] = [analyse(expression.left), analyse(expression.right)];
  const { operator, matching = ALL_LABELS, returnsBool } = expression;
  if (operator === "or" || isScalar(expression.left) || isScalar(expression.right))
    return unmatched(expression, left, right);
  const hasFill = matching.fillLeft !== undefined || matching.fillRight !== undefined;
  if (operator === "unless") return left;
  const never = hasFill
    ? undefined
    : (left.never ?? right.never ?? noMatch(expression, left, right, matching));
  if (operator === "and") return { ...left, never };
  const labels = hasFill
    ? eitherOf(left.labels, right.labels)
    : matchedLabels(left.labels, right.labels, matching);
  if (!isComparison(operator))
    return { labels, values: arithmetic(operator, left.values, right.values), never };
  if (returnsBool || hasFill) return { labels, values: returnsBool ? between(0, 1) : ANYTHING, never };
  return { labels, ...compared(expression, left, right, operator), ...(never ? { never } : {}) };
}

/** With a scalar on a side, or of sets that are joined. */
function unmatched(expression: Binary, left: Analysis, right: Analysis): Analysis {
  const { operator, returnsBool } = expression;
  if (operator === "or") {
    if (left.never || right.never) return left.never ? (right.never ? left : right) : left;
    return { labels: eitherOf(left.labels, right.labels), values: hull(left.values, right.values) };
  }
  const isSwapped = isScalar(expression.left) && !isScalar(expression.right);
  const vector = isSwapped ? right : left;
  const { labels, never } = vector;
  if (!isComparison(operator))
    return { labels, values: arithmetic(operator, left.values, right.values), never };
  if (returnsBool) return { labels, values: between(0, 1), never };
  const held = isSwapped
    ? compared(expression, right, left, MIRRORED[operator])
    : compared(expression, left, right, operator);
  return { labels, ...held, ...(never ? { never } : {}) };
}

function compared(
  { range, left: written }: Binary,
  left: Analysis,
  right: Analysis,
  operator: Comparison,
): Pick<Analysis, "values" | "never"> {
  const values = passing(left.values, operator, right.values);
  if (values) return { values };
  const [is, asked] = [inWords(left.values), inWords(right.values)?.replace(/^is (?:always )?/, "")];
  const never = {
    range,
    why: `what is compared ${is ?? "may be anything"}, which is never ${operator} ${asked ?? "that"}`,
    ...(hasCount(written) && left.values.low === 1
      ? { hint: "A count of nothing is nothing, not 0: use absent(…), or add `or vector(0)`." }
      : {}),
  };
  return { values: left.values, never };
}

function hasCount(expression: Expression): boolean {
  const inner = expression.kind === "paren" ? expression.expression : expression;
  return inner.kind === "aggregate" && inner.operator === "count";
}

function noMatch({ range }: Binary, left: Analysis, right: Analysis, matching: Matching): Never | undefined {
  const found = disagreement(left.labels, right.labels, matching);
  return (
    found && {
      range,
      why: `the two sides never have the same ${found.name}: on the left there is ${found.left}, on the right ${found.right}`,
      hint: `Keep the label on both sides, or match with ${matching.isOn ? "other labels in on(…)" : `ignoring(${found.name}) or on(…)`}.`,
    }
  );
}

function matchedLabels(left: LabelFacts, right: LabelFacts, matching: Matching): LabelFacts {
  const { cardinality, isOn, labels, include } = matching;
  if (cardinality === "many-to-one" || cardinality === "one-to-many") {
    const many = cardinality === "many-to-one" ? left : right;
    return include.reduce(withUnknown, many);
  }
  const both = bothOf(left, right);
  // What is ignored stays on neither side.
  return isOn ? keepOnly(both, labels) : drop(bothOf(drop(left, labels), drop(right, labels)), labels);
}

function arithmetic(operator: Binary["operator"], a: Interval, b: Interval): Interval {
  if (operator === "+") return add(a, b);
  if (operator === "-") return add(a, negate(b));
  if (operator !== "*") return ANYTHING;
  const factor = isPoint(b) ? b : isPoint(a) ? a : undefined;
  const other = factor === b ? a : b;
  if (!factor || factor.low === 0 || !Number.isFinite(factor.low)) return ANYTHING;
  return factor.low > 0 ? scale(other, factor.low) : negate(scale(other, -factor.low));
}

function isComparison(operator: Binary["operator"]): operator is Comparison {
  return Object.hasOwn(MIRRORED, operator);
}

function isScalar(expression: Expression): boolean {
  return valueType(expression) === "scalar";
}

/** Every label must be the same where nothing else is written. */
const ALL_LABELS: Matching = {
  cardinality: "one-to-one",
  isOn: false,
  labels: [],
  include: [],
  fillLeft: undefined,
  fillRight: undefined,
};
