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
  SubqueryExpression,
  VectorMatching,
  VectorSelector,
} from "./ast.js";
import { SET_OPERATORS } from "./ast.js";
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

/** One piece: each method is one production of the grammar, and they call each other. */
class Lowering {
  readonly #query: string;

  constructor(query: string) {
    this.#query = query;
  }

  expression(node: SyntaxNode): Expression {
    const range = rangeOf(node);
    const [first] = children(node);
    switch (node.name) {
      case "NumberDurationLiteral":
        return this.#number(node);
      case "StringLiteral":
        return { kind: "string", value: this.#string(node), range };
      case "VectorSelector":
        return this.#selector(node);
      case "MatrixSelector":
        return this.#matrix(node);
      case "SubqueryExpr":
        return this.#subquery(node);
      case "OffsetExpr":
        return this.#offset(node);
      case "StepInvariantExpr":
        return this.#at(node);
      case "AnchoredExpr":
        return this.#mode(node, "anchored");
      case "SmoothedExpr":
        return this.#mode(node, "smoothed");
      case "ParenExpr":
        return { kind: "paren", expression: this.expression(this.#need(first, node)), range };
      case "UnaryExpr":
        return this.#unary(node);
      case "BinaryExpr":
        return this.#binary(node);
      case "AggregateExpr":
        return this.#aggregate(node);
      case "FunctionCall": {
        const [name, body] = children(node);
        return {
          kind: "call",
          name: this.#text(this.#need(name, node)),
          args: children(this.#need(body, node)).map((arg) => this.expression(arg)),
          range,
        };
      }
      default:
        throw parseError(this.#query, range, `unexpected ${JSON.stringify(this.#text(node))}`);
    }
  }

  #number(node: SyntaxNode): Expression {
    const text = this.#text(node).trim();
    const sign = /^[+-]/.exec(text)?.[0];
    const { value, isDuration } = readNumber(sign === undefined ? text : text.slice(1).trim());
    return { kind: "number", value: sign === "-" ? -value : value, isDuration, range: rangeOf(node) };
  }

  #unary(node: SyntaxNode): Expression {
    const [operator, operand] = children(node);
    const expression = this.expression(this.#need(operand, node));
    const sign = this.#text(this.#need(operator, node)) === "-" ? "-" : "+";
    // A sign before a number is part of it.
    if (expression.kind === "number") {
      return {
        ...expression,
        value: sign === "-" ? -expression.value : expression.value,
        range: rangeOf(node),
      };
    }
    return { kind: "unary", operator: sign, expression, range: rangeOf(node) };
  }

  #selector(node: SyntaxNode): VectorSelector {
    let name: string | undefined;
    const matchers: LabelMatcher[] = [];
    for (const child of children(node)) {
      if (child.name === "Identifier") name = this.#text(child);
      else {
        for (const matcher of children(child)) matchers.push(this.#matcher(matcher));
      }
    }
    const quoted = matchers.find((matcher) => matcher.name === "__name__" && matcher.operator === "=");
    if (name !== undefined && quoted !== undefined) {
      const message = `metric name must not be set twice: "${name}" or "${quoted.value}"`;
      throw parseError(this.#query, quoted.range, message);
    }
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
    if (node.name === "QuotedLabelName") {
      const value = this.#string(this.#need(parts[0], node));
      return { name: "__name__", operator: "=", value, range };
    }
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

  #matrix(node: SyntaxNode): Expression {
    const [inner, window] = children(node);
    return postfixed(this.expression(this.#need(inner, node)), node.to, (selector) => {
      const fail = (message: string) => parseError(this.#query, rangeOf(node), message);
      if (selector.kind !== "vector-selector") throw fail("ranges only allowed for vector selectors");
      if (selector.offset !== undefined) throw fail("no offset modifiers allowed before range");
      if (selector.at !== undefined) throw fail("no @ modifiers allowed before range");
      return {
        kind: "matrix-selector",
        selector,
        window: lowerDuration(this.#query, this.#need(window, node)),
        range: { from: selector.range.from, to: node.to },
      };
    });
  }

  #subquery(node: SyntaxNode): Expression {
    const [window, step] = children(node).filter((child) => child.name === "DurationExpr");
    return postfixed(this.expression(this.#need(node.firstChild, node)), node.to, (expression) => ({
      kind: "subquery",
      expression,
      window: lowerDuration(this.#query, this.#need(window, node)),
      step: step === undefined ? undefined : lowerDuration(this.#query, step),
      offset: undefined,
      at: undefined,
      range: { from: expression.range.from, to: node.to },
    }));
  }

  #offset(node: SyntaxNode): Expression {
    const parts = children(node);
    const offset = lowerDuration(this.#query, this.#need(parts.at(-1), node));
    return this.#modified(node, parts[0], "offset", (selector) => {
      if (selector.offset !== undefined) {
        throw parseError(this.#query, rangeOf(node), "offset may not be set multiple times");
      }
      return { offset };
    });
  }

  #at(node: SyntaxNode): Expression {
    const parts = children(node);
    const at = this.#atTime(this.#need(parts.at(-1), node));
    return this.#modified(node, parts[0], "@", (selector) => {
      if (selector.at !== undefined) {
        throw parseError(this.#query, rangeOf(node), "@ <timestamp> may not be set multiple times");
      }
      return { at };
    });
  }

  /** Sets what a modifier after a selector or subquery says. */
  #modified(
    node: SyntaxNode,
    inner: SyntaxNode | undefined,
    modifier: string,
    change: (selector: VectorSelector | SubqueryExpression) => { offset: Duration } | { at: AtTime },
  ): Expression {
    return postfixed(this.expression(this.#need(inner, node)), node.to, (target) => {
      const range = { from: target.range.from, to: node.to };
      if (target.kind === "vector-selector" || target.kind === "subquery") {
        return { ...target, ...change(target), range };
      }
      if (target.kind === "matrix-selector") {
        return { ...target, selector: { ...target.selector, ...change(target.selector) }, range };
      }
      const message = `${modifier} modifier must be preceded by an instant vector selector or range vector selector or a subquery`;
      throw parseError(this.#query, rangeOf(node), message);
    });
  }

  #atTime(node: SyntaxNode): AtTime {
    if (node.name === "AtModifierPreprocessors") {
      return { kind: node.firstChild?.name === "AtEnd" ? "end" : "start" };
    }
    const literal = this.#number(node);
    const seconds = literal.kind === "number" ? literal.value : Number.NaN;
    if (!Number.isFinite(seconds) || Math.abs(seconds) > 9.2e15) {
      throw parseError(
        this.#query,
        rangeOf(node),
        `timestamp out of bounds for @ modifier: ${this.#text(node)}`,
      );
    }
    return { kind: "time", tMs: Math.round(seconds * 1000) };
  }

  #mode(node: SyntaxNode, mode: ExtendedMode): Expression {
    return postfixed(this.expression(this.#need(node.firstChild, node)), node.to, (inner) => {
      const range = { from: inner.range.from, to: node.to };
      const fail = (message: string) => parseError(this.#query, range, message);
      const selector = inner.kind === "matrix-selector" ? inner.selector : inner;
      if (selector.kind !== "vector-selector") {
        throw fail(
          `${mode} modifier must be preceded by an instant vector selector or range vector selector`,
        );
      }
      if (inner.kind === "vector-selector" && mode === "anchored") {
        throw fail("anchored modifier must be preceded by a range vector selector");
      }
      if (selector.mode !== undefined)
        throw fail("anchored and smoothed modifiers may not be set together or twice");
      if (inner.kind === "matrix-selector") return { ...inner, selector: { ...selector, mode }, range };
      return { ...selector, mode, range };
    });
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

  #binary(node: SyntaxNode): Expression {
    const parts = children(node);
    const left = this.expression(this.#need(parts[0], node));
    const right = this.expression(this.#need(parts.at(-1), node));
    const operator = this.#text(this.#need(parts[1], node)).toLowerCase() as BinaryOperator;
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
    const built: BinaryExpression = {
      kind: "binary",
      operator,
      left,
      right,
      returnsBool,
      matching,
      range: rangeOf(node),
    };
    // The grammar takes `-1 ^ 2` as `(-1) ^ 2`; a power binds tighter than a sign.
    if (
      operator === "^" &&
      left.kind === "number" &&
      /^[+-]/.test(this.#query.slice(left.range.from, left.range.to))
    ) {
      const sign = this.#query[left.range.from] === "-" ? "-" : "+";
      const base = { ...left, value: sign === "-" ? -left.value : left.value };
      return { kind: "unary", operator: sign, expression: { ...built, left: base }, range: built.range };
    }
    return built;
  }

  #matching(clause: SyntaxNode | undefined, fill: SyntaxNode | undefined): VectorMatching {
    const parts = clause === undefined ? [] : children(clause);
    const [kind, labels, group, include] = parts;
    const fills = { left: undefined as number | undefined, right: undefined as number | undefined };
    for (const part of fill === undefined ? [] : children(fill)) {
      const literal = part.getChild("NumberDurationLiteral");
      const number = literal === null ? undefined : this.#number(literal);
      const value = number?.kind === "number" ? number.value : Number.NaN;
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

/**
 * Applies what stands behind an expression. The grammar gives it to the whole of `a or b` or `-b`; it belongs to `b`.
 */
function postfixed(inner: Expression, to: number, apply: (operand: Expression) => Expression): Expression {
  const range = { from: inner.range.from, to };
  if (inner.kind === "binary") return { ...inner, right: postfixed(inner.right, to, apply), range };
  if (inner.kind === "unary") return { ...inner, expression: postfixed(inner.expression, to, apply), range };
  return apply(inner);
}

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
