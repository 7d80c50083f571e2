import type { SyntaxNode, Tree } from "@lezer/common";
import type { TextRange } from "../errors.js";
import { createMatcher, type MatchOperator } from "../matcher.js";
import type {
  AggregationOperator,
  AtTime,
  BinaryExpression,
  BinaryOperator,
  Duration,
  Expression,
  ExtendedMode,
  LabelMatcher,
  NumberLiteral,
  SubqueryExpression,
  VectorMatching,
  VectorSelector,
} from "./ast.js";
import { SET_OPERATORS, SIGN_STRENGTH, strength } from "./ast.js";
import { readNumber, readString } from "./literals.js";
import { lowerDuration } from "./lower-duration.js";
import { parseError } from "./place.js";

/** Turns a tree without error nodes into our own. @throws {PromQLError} PROMQL_PARSE for what the grammar lets through. */
export function lower(query: string, tree: Tree): Expression {
  const root = tree.topNode.firstChild;
  const start = root?.name === "LineComment" ? skipComments(root) : root;
  if (start === null || start === undefined)
    throw parseError(query, { from: 0, to: 0 }, "no expression found in input");
  return new Lowering(query).expression(start);
}

function skipComments(node: SyntaxNode): SyntaxNode | null {
  let next: SyntaxNode | null = node;
  while (next?.name === "LineComment") next = next.nextSibling;
  return next;
}

/**
 * One piece, and so longer than others: each method is one production of the grammar, and they call each other.
 */
class Lowering {
  readonly #query: string;

  constructor(query: string) {
    this.#query = query;
  }

  /**
   * The grammar gives a modifier behind `a + b` to the whole of it, and a sign before `1 ^ 2` to the number. So operands
   * and operators are taken in order of writing, and put together here by their strength.
   */
  expression(node: SyntaxNode): Expression {
    const items: Item[] = [];
    this.#flatten(node, items);
    const next = { at: 0 };
    return this.#climb(items, next, 0);
  }

  #flatten(node: SyntaxNode, items: Item[]): void {
    const parts = children(node);
    const [first, second] = parts;
    switch (node.name) {
      case "BinaryExpr":
        this.#flatten(this.#need(first, node), items);
        items.push({ kind: "operator", operator: this.#operator(this.#need(second, node)), node });
        this.#flatten(this.#need(parts.at(-1), node), items);
        return;
      case "UnaryExpr":
        items.push({ kind: "sign", from: node.from });
        this.#flatten(this.#need(second, node), items);
        return;
      case "NumberDurationLiteral": {
        const isSigned = /^[+-]/.test(this.#text(node));
        if (isSigned) items.push({ kind: "sign", from: node.from });
        items.push({ kind: "operand", expression: this.#number(node, isSigned) });
        return;
      }
      case "OffsetExpr":
      case "StepInvariantExpr":
      case "AnchoredExpr":
      case "SmoothedExpr":
      case "MatrixSelector":
      case "SubqueryExpr": {
        this.#flatten(this.#need(first, node), items);
        const last = items.at(-1);
        if (last?.kind === "operand")
          items[items.length - 1] = { kind: "operand", expression: this.#postfix(node, last.expression) };
        return;
      }
      default:
        items.push({ kind: "operand", expression: this.#atom(node) });
    }
  }

  #climb(items: readonly Item[], next: { at: number }, weakest: number): Expression {
    const item = items[next.at++];
    let left: Expression;
    if (item?.kind === "sign") left = this.#signed(item.from, this.#climb(items, next, SIGN_STRENGTH + 1));
    else if (item?.kind === "operand") left = item.expression;
    else throw parseError(this.#query, { from: 0, to: this.#query.length }, "operand expected");
    for (;;) {
      const operator = items[next.at];
      if (operator?.kind !== "operator") return left;
      const own = strength(operator.operator);
      if (own < weakest) return left;
      next.at++;
      // Only the power associates to the right.
      const right = this.#climb(items, next, operator.operator === "^" ? own : own + 1);
      left = this.#binary(operator.node, operator.operator, left, right);
    }
  }

  #signed(from: number, expression: Expression): Expression {
    const operator = this.#query[from] === "-" ? "-" : "+";
    const range = { from, to: expression.range.to };
    // A sign before a number is part of it.
    if (expression.kind === "number") {
      return { ...expression, value: operator === "-" ? -expression.value : expression.value, range };
    }
    return { kind: "unary", operator, expression, range };
  }

  #operator(node: SyntaxNode): BinaryOperator {
    return this.#text(node).toLowerCase() as BinaryOperator;
  }

  #postfix(node: SyntaxNode, operand: Expression): Expression {
    switch (node.name) {
      case "OffsetExpr":
        return this.#offset(node, operand);
      case "StepInvariantExpr":
        return this.#at(node, operand);
      case "AnchoredExpr":
        return this.#mode(node, operand, "anchored");
      case "SmoothedExpr":
        return this.#mode(node, operand, "smoothed");
      case "MatrixSelector":
        return this.#matrix(node, operand);
      default:
        return this.#subquery(node, operand);
    }
  }

  #atom(node: SyntaxNode): Expression {
    const range = rangeOf(node);
    const [first, second] = children(node);
    switch (node.name) {
      case "StringLiteral":
        return { kind: "string", value: this.#string(node), range };
      case "VectorSelector":
        return this.#selector(node);
      case "ParenExpr":
        return { kind: "paren", expression: this.expression(this.#need(first, node)), range };
      case "AggregateExpr":
        return this.#aggregate(node);
      case "FunctionCall":
        return {
          kind: "call",
          name: this.#text(this.#need(first, node)),
          args: children(this.#need(second, node)).map((arg) => this.expression(arg)),
          range,
        };
      default:
        // Nodes without a name are what the parser flattens in very deep trees.
        throw parseError(
          this.#query,
          range,
          node.name === ""
            ? "expression is nested too deeply"
            : `unexpected ${JSON.stringify(this.#text(node))}`,
        );
    }
  }

  /** A number with its sign, or without when the sign stands for itself. */
  #number(node: SyntaxNode, withoutSign = false): NumberLiteral {
    const text = this.#text(node).trim();
    const sign = /^[+-]/.exec(text)?.[0];
    const digits = sign === undefined ? text : text.slice(1).trim();
    const { value, isDuration } = readNumber(digits);
    const isNegative = sign === "-" && !withoutSign;
    const from = withoutSign ? node.to - digits.length : node.from;
    return { kind: "number", value: isNegative ? -value : value, isDuration, range: { from, to: node.to } };
  }

  #selector(node: SyntaxNode): VectorSelector {
    let name: string | undefined;
    const matchers: LabelMatcher[] = [];
    const nameTwice = (other: string, at: SyntaxNode) =>
      parseError(this.#query, rangeOf(at), `metric name must not be set twice: "${name}" or "${other}"`);
    for (const child of children(node)) {
      if (child.name === "Identifier") name = this.#text(child);
      else {
        for (const part of children(child)) {
          if (part.name === "QuotedLabelName") {
            const quoted = this.#string(part);
            if (name !== undefined) throw nameTwice(quoted, part);
            name = quoted;
          } else matchers.push(this.#matcher(part));
        }
      }
    }
    const again = matchers.find((matcher) => matcher.name === "__name__" && matcher.operator === "=");
    if (name !== undefined && again !== undefined) throw nameTwice(again.value, node);
    return {
      kind: "vector-selector",
      name,
      matchers,
      offset: undefined,
      at: undefined,
      mode: undefined,
      range: rangeOf(node),
    };
  }

  #matcher(node: SyntaxNode): LabelMatcher {
    const parts = children(node);
    const range = rangeOf(node);
    const [label, operator, text] = parts;
    const labelNode = this.#need(label, node);
    const name = labelNode.name === "QuotedLabelName" ? this.#string(labelNode) : this.#text(labelNode);
    const value = this.#string(this.#need(text, node));
    const match = this.#text(this.#need(operator, node)) as MatchOperator;
    if (match === "=~" || match === "!~") {
      try {
        createMatcher(name, match, value);
      } catch (error) {
        throw parseError(this.#query, range, error instanceof Error ? error.message : String(error));
      }
    }
    return { name, operator: match, value, range };
  }

  #matrix(node: SyntaxNode, selector: Expression): Expression {
    const fail = (message: string) =>
      parseError(this.#query, { from: selector.range.from, to: node.to }, message);
    if (selector.kind !== "vector-selector") throw fail("ranges only allowed for vector selectors");
    if (selector.offset !== undefined) throw fail("no offset modifiers allowed before range");
    if (selector.at !== undefined) throw fail("no @ modifiers allowed before range");
    return {
      kind: "matrix-selector",
      selector,
      window: lowerDuration(this.#query, this.#need(children(node)[1], node)),
      range: { from: selector.range.from, to: node.to },
    };
  }

  #subquery(node: SyntaxNode, expression: Expression): Expression {
    const [window, step] = children(node).filter((child) => child.name === "DurationExpr");
    return {
      kind: "subquery",
      expression,
      window: lowerDuration(this.#query, this.#need(window, node)),
      step: step === undefined ? undefined : lowerDuration(this.#query, step),
      offset: undefined,
      at: undefined,
      range: { from: expression.range.from, to: node.to },
    };
  }

  #offset(node: SyntaxNode, operand: Expression): Expression {
    const offset = lowerDuration(this.#query, this.#need(children(node).at(-1), node));
    return this.#modified(node, operand, "offset", (selector) => {
      if (selector.offset !== undefined) {
        throw parseError(this.#query, rangeOf(node), "offset may not be set multiple times");
      }
      return { offset };
    });
  }

  #at(node: SyntaxNode, operand: Expression): Expression {
    const at = this.#atTime(this.#need(children(node).at(-1), node));
    return this.#modified(node, operand, "@", (selector) => {
      if (selector.at !== undefined) {
        throw parseError(this.#query, rangeOf(node), "@ <timestamp> may not be set multiple times");
      }
      return { at };
    });
  }

  /** Sets what a modifier after a selector or subquery says. */
  #modified(
    node: SyntaxNode,
    target: Expression,
    modifier: string,
    change: (selector: VectorSelector | SubqueryExpression) => { offset: Duration } | { at: AtTime },
  ): Expression {
    const range = { from: target.range.from, to: node.to };
    if (target.kind === "vector-selector" || target.kind === "subquery") {
      return { ...target, ...change(target), range };
    }
    if (target.kind === "matrix-selector") {
      return { ...target, selector: { ...target.selector, ...change(target.selector) }, range };
    }
    const message = `${modifier} modifier must be preceded by an instant vector selector or range vector selector or a subquery`;
    throw parseError(this.#query, range, message);
  }

  #atTime(node: SyntaxNode): AtTime {
    if (node.name === "AtModifierPreprocessors") {
      return { kind: node.firstChild?.name === "AtEnd" ? "end" : "start" };
    }
    const literal = this.#number(node);
    const seconds = literal.value;
    if (!Number.isFinite(seconds) || Math.abs(seconds) > 9.2e15) {
      throw parseError(
        this.#query,
        rangeOf(node),
        `timestamp out of bounds for @ modifier: ${this.#text(node)}`,
      );
    }
    return { kind: "time", tMs: Math.round(seconds * 1000) };
  }

  #mode(node: SyntaxNode, inner: Expression, mode: ExtendedMode): Expression {
    const range = { from: inner.range.from, to: node.to };
    const fail = (message: string) => parseError(this.#query, range, message);
    const selector = inner.kind === "matrix-selector" ? inner.selector : inner;
    if (selector.kind !== "vector-selector") {
      throw fail(`${mode} modifier must be preceded by an instant vector selector or range vector selector`);
    }
    if (inner.kind === "vector-selector" && mode === "anchored") {
      throw fail("anchored modifier must be preceded by a range vector selector");
    }
    if (selector.mode !== undefined)
      throw fail("anchored and smoothed modifiers may not be set together or twice");
    if (inner.kind === "matrix-selector") return { ...inner, selector: { ...selector, mode }, range };
    return { ...selector, mode, range };
  }

  #aggregate(node: SyntaxNode): Expression {
    const parts = children(node);
    const operator = this.#text(this.#need(parts[0], node)).toLowerCase() as AggregationOperator;
    const modifier = parts.find((part) => part.name === "AggregateModifier");
    const body = this.#need(
      parts.find((part) => part.name === "FunctionCallBody"),
      node,
    );
    const args = children(body).map((arg) => this.expression(arg));
    const wanted = WITH_PARAMETER.has(operator) ? 2 : 1;
    if (args.length !== wanted) {
      const message = `wrong number of arguments for aggregate expression provided, expected ${wanted}, got ${args.length}`;
      throw parseError(this.#query, rangeOf(body), message);
    }
    const expression = args[wanted - 1];
    if (expression === undefined)
      throw parseError(this.#query, rangeOf(node), "no arguments for aggregate expression provided");
    const [kind, labels] = modifier === undefined ? [] : children(modifier);
    return {
      kind: "aggregate",
      operator,
      parameter: wanted === 2 ? args[0] : undefined,
      expression,
      grouping: {
        kind: kind?.name === "Without" ? "without" : "by",
        labels: labels === undefined ? [] : this.#labels(labels),
      },
      range: rangeOf(node),
    };
  }

  #binary(node: SyntaxNode, operator: BinaryOperator, left: Expression, right: Expression): BinaryExpression {
    const parts = children(node);
    let matching: VectorMatching | undefined;
    const clause = parts.find((part) => part.name === "MatchingModifierClause");
    const fill = parts.find((part) => part.name === "FillModifier");
    if (clause !== undefined || fill !== undefined) matching = this.#matching(clause, fill);
    if (SET_OPERATORS.has(operator)) {
      if (matching !== undefined && matching.cardinality !== "one-to-one") {
        throw parseError(this.#query, rangeOf(node), `no grouping allowed for "${operator}" operation`);
      }
      if (fill !== undefined) {
        throw parseError(
          this.#query,
          rangeOf(fill),
          `fill modifiers are not allowed for "${operator}" operation`,
        );
      }
      matching = { ...(matching ?? DEFAULT_MATCHING), cardinality: "many-to-many" };
    }
    const returnsBool = parts.some((part) => part.name === "BoolModifier");
    const range = { from: left.range.from, to: right.range.to };
    return { kind: "binary", operator, left, right, returnsBool, matching, range };
  }

  #matching(clause: SyntaxNode | undefined, fill: SyntaxNode | undefined): VectorMatching {
    const parts = clause === undefined ? [] : children(clause);
    const [kind, labels, group, include] = parts;
    const fills = { left: undefined as number | undefined, right: undefined as number | undefined };
    for (const part of fill === undefined ? [] : children(fill)) {
      const literal = part.getChild("NumberDurationLiteral");
      const value = literal === null ? Number.NaN : this.#number(literal).value;
      if (part.name !== "FillRightClause") fills.left = value;
      if (part.name !== "FillLeftClause") fills.right = value;
    }
    return {
      cardinality:
        group === undefined ? "one-to-one" : group.name === "GroupLeft" ? "many-to-one" : "one-to-many",
      isOn: kind?.name === "On",
      labels: labels === undefined ? [] : this.#labels(labels),
      include: include === undefined ? [] : this.#labels(include),
      fillLeft: fills.left,
      fillRight: fills.right,
    };
  }

  #labels(node: SyntaxNode): string[] {
    return children(node).map((label) =>
      label.name === "QuotedLabelName" ? this.#string(label) : this.#text(label),
    );
  }

  #string(node: SyntaxNode): string {
    const read = readString(this.#text(node));
    if ("fault" in read) throw parseError(this.#query, rangeOf(node), read.fault);
    return read.value;
  }

  #text(node: SyntaxNode): string {
    return this.#query.slice(node.from, node.to);
  }

  #need(node: SyntaxNode | null | undefined, parent: SyntaxNode): SyntaxNode {
    if (node === null || node === undefined) {
      throw parseError(this.#query, rangeOf(parent), `incomplete ${JSON.stringify(this.#text(parent))}`);
    }
    return node;
  }
}

/** Operands, operators and signs in order of writing. */
type Item =
  | { readonly kind: "operand"; readonly expression: Expression }
  | { readonly kind: "operator"; readonly operator: BinaryOperator; readonly node: SyntaxNode }
  | { readonly kind: "sign"; readonly from: number };

/** Matching when nothing is written: on all labels, one to one. */
export const DEFAULT_MATCHING: VectorMatching = {
  cardinality: "one-to-one",
  isOn: false,
  labels: [],
  include: [],
  fillLeft: undefined,
  fillRight: undefined,
};

const WITH_PARAMETER: ReadonlySet<AggregationOperator> = new Set([
  "bottomk",
  "topk",
  "quantile",
  "count_values",
  "limitk",
  "limit_ratio",
]);

function children(node: SyntaxNode): SyntaxNode[] {
  const list: SyntaxNode[] = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) {
    if (child.name !== "LineComment") list.push(child);
  }
  return list;
}

function rangeOf(node: SyntaxNode): TextRange {
  return { from: node.from, to: node.to };
}
