import type { SyntaxNode } from "@lezer/common";
import type { Duration } from "./ast.js";
import { readNumber } from "./literals.js";
import { parseError } from "./place.js";

/** Turns `DurationExpr` and `OffsetDurationExpr` nodes into our own form. @throws {PromQLError} PROMQL_PARSE */
export function lowerDuration(query: string, node: SyntaxNode): Duration {
  const range = { from: node.from, to: node.to };
  const parts: SyntaxNode[] = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) {
    if (child.name !== "LineComment") parts.push(child);
  }
  const [first, second, third] = parts;
  const fail = () =>
    parseError(query, range, `bad duration ${JSON.stringify(query.slice(node.from, node.to))}`);
  if (first === undefined) throw fail();
  switch (first.name) {
    case "NumberDurationLiteralInDurationContext":
      return { kind: "number", ...readNumber(query.slice(first.from, first.to)), range };
    case "DurationStep":
      return { kind: "step", range };
    case "DurationRange":
      return { kind: "range", range };
    case "DurationMinOf":
    case "DurationMaxOf":
      if (second === undefined || third === undefined) throw fail();
      return {
        kind: first.name === "DurationMinOf" ? "min_of" : "max_of",
        left: lowerDuration(query, second),
        right: lowerDuration(query, third),
        range,
      };
    case "UnaryOp":
      if (second === undefined) throw fail();
      return {
        kind: "unary",
        operator: query[first.from] === "-" ? "-" : "+",
        operand: lowerDuration(query, second),
        range,
      };
  }
  if (second === undefined) return { kind: "paren", operand: lowerDuration(query, first), range };
  if (third === undefined) throw fail();
  const operator = query.slice(second.from, second.to);
  if (!isOperator(operator)) throw fail();
  return {
    kind: "binary",
    operator,
    left: lowerDuration(query, first),
    right: lowerDuration(query, third),
    range,
  };
}

function isOperator(text: string): text is "+" | "-" | "*" | "/" | "%" | "^" {
  return /^[-+*/%^]$/.test(text);
}
