import type { Tree } from "@lezer/common";
import { nearestName } from "@tocsin/model";
import type { PromQLError } from "../errors.js";
import { FUNCTION_NAMES, functionSignature } from "./function-signatures.js";
import { parseError } from "./place.js";

/** The first place that is not PromQL, or undefined when the text is. */
export function syntaxFault(query: string, tree: Tree): PromQLError | undefined {
  if (query.replace(/#[^\n]*/g, "").trim() === "") {
    return parseError(query, { from: 0, to: query.length }, "no expression found in input");
  }
  const { broken, depth } = survey(tree);
  if (broken === undefined) return undefined;
  if (depth > MAX_DEPTH) return parseError(query, { from: 0, to: query.length }, TOO_DEEP);
  const from = skipSpace(query, broken.from);
  return unterminatedString(query) ?? unknownFunction(query, from) ?? unexpected(query, from, tree);
}

/** Nesting, of brackets or of operators in a row, that the parser's stack and tree have room for. */
const MAX_DEPTH = 2_400;
const TOO_DEEP = "expression is nested too deeply";

/** The first error node, and how deep the tree is. */
function survey(tree: Tree): { broken: { from: number; to: number } | undefined; depth: number } {
  let broken: { from: number; to: number } | undefined;
  let depth = 0;
  let level = 0;
  tree.iterate({
    enter(node) {
      level++;
      depth = Math.max(depth, level);
      if (broken === undefined && node.type.isError) broken = { from: node.from, to: node.to };
    },
    leave() {
      level--;
    },
  });
  return { broken, depth };
}

function skipSpace(query: string, offset: number): number {
  const gap = /^(?:\s|#[^\n]*)*/.exec(query.slice(offset));
  return offset + (gap?.[0].length ?? 0);
}

function unterminatedString(query: string): PromQLError | undefined {
  const strings = /"(?:[^\\"\n]|\\[\s\S])*("?)|'(?:[^\\'\n]|\\[\s\S])*('?)|`[^`]*(`?)|#[^\n]*/g;
  for (const match of query.matchAll(strings)) {
    if (match[0].startsWith("#") || (match[1] ?? match[2] ?? match[3]) !== "") continue;
    const range = { from: match.index, to: match.index + match[0].length };
    return parseError(
      query,
      range,
      match[0].startsWith("`") ? "unterminated raw string" : "unterminated quoted string",
    );
  }
  return undefined;
}

/** An identifier before an unexpected parenthesis is meant as a function. */
function unknownFunction(query: string, offset: number): PromQLError | undefined {
  if (query[offset] !== "(") return undefined;
  const name = /([a-zA-Z_:][a-zA-Z0-9_:]*)\s*$/.exec(query.slice(0, offset));
  if (name?.[1] === undefined || functionSignature(name[1]) !== undefined) return undefined;
  const near = nearestName(name[1], FUNCTION_NAMES);
  const hint = near === undefined ? "" : `, did you mean "${near}"?`;
  const range = { from: name.index, to: name.index + name[1].length };
  return parseError(query, range, `unknown function with name "${name[1]}"${hint}`);
}

function unexpected(query: string, offset: number, tree: Tree): PromQLError {
  const before = query.slice(0, offset);
  if (openBrackets(before).length > MAX_DEPTH || /[-+\s]{2400}$/.test(before)) {
    return parseError(query, { from: offset, to: offset }, TOO_DEEP);
  }
  if (offset >= query.length) {
    const open = unclosed(query);
    if (open !== undefined) {
      return parseError(query, { from: query.length, to: query.length }, `unclosed left ${open}`);
    }
    return parseError(query, { from: query.length, to: query.length }, "unexpected end of input");
  }
  const token =
    /^(?:[a-zA-Z_:][a-zA-Z0-9_:]*|[0-9][0-9a-zA-Z_.]*|[=!<>]=|=~|!~|<\/|>\/|"(?:[^\\"]|\\[\s\S])*"?|'(?:[^\\']|\\[\s\S])*'?|[\s\S])/.exec(
      query.slice(offset),
    );
  const text = token?.[0] ?? "";
  const shown = /^["'`]/.test(text)
    ? `string ${text}`
    : /^[a-zA-Z_:]/.test(text)
      ? describeWord(text)
      : JSON.stringify(text);
  const within = contextOf(tree, offset);
  return parseError(query, { from: offset, to: offset + text.length }, `unexpected ${shown}${within}`);
}

const KEYWORDS =
  /^(?:and|or|unless|atan2|offset|by|without|on|ignoring|group_left|group_right|bool|start|end|fill|fill_left|fill_right)$/i;

function describeWord(word: string): string {
  return KEYWORDS.test(word) ? `<${word.toLowerCase()}>` : `identifier ${JSON.stringify(word)}`;
}

function unclosed(query: string): string | undefined {
  const names: Readonly<Record<string, string>> = { "(": "parenthesis", "[": "bracket", "{": "brace" };
  return names[openBrackets(query).at(-1) ?? ""];
}

function openBrackets(query: string): string[] {
  const open: string[] = [];
  const tokens = /"(?:[^\\"]|\\[\s\S])*"|'(?:[^\\']|\\[\s\S])*'|`[^`]*`|#[^\n]*|[()[\]{}]/g;
  for (const [token] of query.matchAll(tokens)) {
    if ("([{".includes(token)) open.push(token);
    else if (token.length === 1 && ")]}".includes(token)) open.pop();
  }
  return open;
}

/** Where the parser was, in Prometheus's words. */
function contextOf(tree: Tree, offset: number): string {
  const CONTEXTS: Readonly<Record<string, string>> = {
    LabelMatchers: " in label matching",
    GroupingLabels: " in grouping opts",
    AggregateExpr: " in aggregation",
    FunctionCallBody: " in function call",
    MatrixSelector: " in range selector",
    SubqueryExpr: " in subquery selector",
    DurationExpr: " in duration expression",
    OffsetExpr: " in offset",
    BinaryExpr: " in binary expression",
  };
  for (let node = tree.resolveInner(offset, 1).parent; node !== null; node = node.parent) {
    const context = CONTEXTS[node.name];
    if (context !== undefined) return context;
  }
  return "";
}
