import type { PartialParse, Tree } from "@lezer/common";
import { parser } from "@prometheus-io/lezer-promql";
import { PromQLError } from "../errors.js";
import type { Expression } from "./ast.js";
import { checkTypes } from "./check.js";
import { lower } from "./lower.js";
import { syntaxFault } from "./syntax-fault.js";

/**
 * Parses and type-checks a PromQL expression.
 *
 * Every function and modifier of Prometheus 3.x is known here; whether an experimental one may be used is decided by the
 * engine's features.
 *
 * @throws {PromQLError} PROMQL_PARSE with `line:column: parse error: …` and the range of the culprit.
 */
export function parse(query: string): Expression {
  try {
    const tree = withScalarExtremes(normalised(query));
    const fault = syntaxFault(query, tree);
    if (fault !== undefined) throw fault;
    const expression = lower(query, tree);
    checkTypes(query, expression);
    return expression;
  } catch (error) {
    if (error instanceof RangeError) throw tooDeep(error);
    throw error;
  }
}

/** Functions that the grammar knows only inside durations, and one of the same length that it takes in their place. */
const STAND_INS: Readonly<Record<string, string>> = { max_of: "resets", min_of: "minute" };

/** The tree of a text in which `max_of(…)` and `min_of(…)` may be functions of scalars. Names are read from the query itself. */
function withScalarExtremes(text: string): Tree {
  let changed = text;
  for (;;) {
    const tree = parsedTree(changed);
    const at = /\bm(?:ax|in)_of\b/.test(changed) ? firstError(tree) : undefined;
    const name = at === undefined ? undefined : /\b(m(?:ax|in)_of)\s*$/.exec(changed.slice(0, at));
    if (at === undefined || name?.[1] === undefined) return tree;
    const standIn = STAND_INS[name[1]] ?? "";
    changed = changed.slice(0, name.index) + standIn + changed.slice(name.index + standIn.length);
  }
}

function firstError(tree: Tree): number | undefined {
  let found: number | undefined;
  tree.iterate({
    enter(node) {
      if (found === undefined && node.type.isError) found = node.from;
      return found === undefined;
    },
  });
  return found;
}

/**
 * The parser gives up on chains of more than 300 operators in a long text, a guard for editors that parse while one types.
 * A generated query may be a longer chain, so its count is kept at zero.
 */
function parsedTree(text: string): Tree {
  const parse = parser.startParse(text) as PartialParse & { bigReductionCount?: number };
  for (;;) {
    const tree = parse.advance();
    if (tree !== null) return tree;
    parse.bigReductionCount = 0;
  }
}

/** What to say when an expression is nested more deeply than the stack of calls reaches. */
export function tooDeep(cause: RangeError): PromQLError {
  return new PromQLError("PROMQL_LIMIT", "expression is nested too deeply. Split it with recording rules.", {
    cause,
  });
}

const STRING_COMMENT_OR_FOLDED =
  /"(?:[^\\"]|\\[\s\S])*"?|'(?:[^\\']|\\[\s\S])*'?|`[^`]*`?|#[^\n]*|\b(?:step|range|min_of|max_of)\b(?=\s*\()|(?<![\w.:])\d[\d_]*\.(?![\d\w])/gi;

/**
 * The same text, same offsets, in the form that the grammar takes: the duration functions in lower case (they are
 * keywords without case), and `2.` without its point.
 */
function normalised(query: string): string {
  return query.replace(STRING_COMMENT_OR_FOLDED, (found) => {
    const first = found[0] ?? "";
    if (first === '"' || first === "'" || first === "`" || first === "#") return found;
    return found.endsWith(".") ? `${found.slice(0, -1)} ` : found.toLowerCase();
  });
}
