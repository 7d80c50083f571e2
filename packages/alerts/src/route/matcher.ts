import type { Labels } from "@tocsin/model";
import { AlertsError } from "../errors.js";
import { anchoredRegExp } from "./regexp.js";

export type MatchOperator = "=" | "!=" | "=~" | "!~";

/** One condition on one label. An absent label counts as the empty value. */
export interface Matcher {
  readonly name: string;
  readonly operator: MatchOperator;
  readonly value: string;
  matches(labels: Labels): boolean;
}

/** @throws {AlertsError} ALERTS_MATCHER_INVALID when the value is not a regular expression (RE2 syntax) */
export function createMatcher(name: string, operator: MatchOperator, value: string): Matcher {
  const test = valueTest(name, operator, value);
  return { name, operator, value, matches: (labels) => test(labels[name] ?? "") };
}

function valueTest(name: string, operator: MatchOperator, value: string): (text: string) => boolean {
  switch (operator) {
    case "=":
      return (text) => text === value;
    case "!=":
      return (text) => text !== value;
    case "=~":
      return anchoredRegExp(value, name);
    case "!~": {
      const test = anchoredRegExp(value, name);
      return (text) => !test(text);
    }
  }
}

/** Whether every matcher holds; no matchers hold always. */
export function matchesAll(matchers: readonly Matcher[], labels: Labels): boolean {
  return matchers.every((matcher) => matcher.matches(labels));
}

/** The matcher as it is written in a config: `severity=~"page|ticket"`. */
export function formatMatcher({
  name,
  operator,
  value,
}: Pick<Matcher, "name" | "operator" | "value">): string {
  const label = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name) ? name : JSON.stringify(name);
  return `${label}${operator}${JSON.stringify(value)}`;
}

export function formatMatchers(matchers: readonly Pick<Matcher, "name" | "operator" | "value">[]): string {
  return `{${matchers.map(formatMatcher).join(",")}}`;
}

/**
 * Reads matchers in Alertmanager's syntax: `{a="b", "c d"=~"e|f"}`, braces optional. Where a text can only be
 * read in the classic syntax (`a=b c`, unquoted values with any character), that is taken instead.
 *
 * @throws {AlertsError} ALERTS_MATCHER_INVALID
 */
export function parseMatchers(text: string): Matcher[] {
  try {
    return parseUtf8(text);
  } catch (error) {
    const classic = parseClassic(text);
    if (classic) return classic;
    throw error;
  }
}

const OPERATOR = /^(=~|!~|!=|=)/;
const BARE = /^[^\s{}!=~,\\"'`]+/u;
const QUOTED = /^"(?:[^"\\]|\\.)*"/su;

function parseUtf8(text: string): Matcher[] {
  let rest = text.trim();
  const fail = (wanted: string): never => {
    const seen = rest === "" ? "the end" : JSON.stringify(rest.slice(0, 20));
    const problem = `In the matcher ${JSON.stringify(text)}, ${wanted} was expected before ${seen}.`;
    throw new AlertsError("ALERTS_MATCHER_INVALID", `${problem} Write for instance severity="page".`);
  };
  const token = (wanted: string): string => {
    const quoted = QUOTED.exec(rest)?.[0];
    const found = quoted ?? BARE.exec(rest)?.[0];
    if (found === undefined) return fail(wanted);
    rest = rest.slice(found.length).trimStart();
    return quoted === undefined ? found : unquote(found);
  };
  const hasBrace = rest.startsWith("{");
  if (hasBrace) {
    if (!rest.endsWith("}")) fail('"}" at the end');
    rest = rest.slice(1, -1).trim();
  }
  const matchers: Matcher[] = [];
  while (rest !== "") {
    const name = token("a label name");
    const operator = OPERATOR.exec(rest)?.[0] as MatchOperator | undefined;
    if (operator === undefined) return fail("=, !=, =~ or !~");
    rest = rest.slice(operator.length).trimStart();
    matchers.push(createMatcher(name, operator, token("a value")));
    if (rest === "") break;
    if (!rest.startsWith(",")) fail('","');
    rest = rest.slice(1).trimStart();
  }
  return matchers;
}

const CLASSIC = /^\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|!~|!=|=)\s*(.*?)\s*$/su;

/** The older syntax: a bare value may hold anything but an unescaped quote. */
function parseClassic(text: string): Matcher[] | undefined {
  let body = text.trim();
  if (body.startsWith("{")) {
    if (!body.endsWith("}")) return undefined;
    body = body.slice(1, -1);
  }
  const matchers: Matcher[] = [];
  for (const part of splitOutsideQuotes(body)) {
    if (part.trim() === "") continue;
    const match = CLASSIC.exec(part);
    if (!match) return undefined;
    const [, name = "", operator, raw = ""] = match;
    const isQuoted = raw.length >= 2 && raw.startsWith('"') && raw.endsWith('"');
    const inner = isQuoted ? raw.slice(1, -1) : raw;
    if (/(?<!\\)(?:\\\\)*"/.test(inner)) return undefined;
    matchers.push(createMatcher(name, operator as MatchOperator, unescapeClassic(inner)));
  }
  return matchers;
}

function splitOutsideQuotes(text: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let isQuoted = false;
  for (let index = 0; index < text.length; index++) {
    const char = text[index];
    if (char === "\\") index++;
    else if (char === '"') isQuoted = !isQuoted;
    else if (char === "," && !isQuoted) {
      parts.push(text.slice(start, index));
      start = index + 1;
    }
  }
  return [...parts, text.slice(start)];
}

function unescapeClassic(text: string): string {
  return text.replace(/\\([n"\\])/g, (_, char: string) => (char === "n" ? "\n" : char));
}

/** Go's quoting is JSON's plus a few escapes that configs do not use. */
function unquote(quoted: string): string {
  return quoted
    .slice(1, -1)
    .replace(
      /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))/gsu,
      (whole, hex, unicode, char: string | undefined) => {
        if (hex !== undefined || unicode !== undefined)
          return String.fromCodePoint(Number.parseInt(hex ?? unicode, 16));
        const known: Record<string, string> = { n: "\n", t: "\t", r: "\r", '"': '"', "\\": "\\", "'": "'" };
        return known[char ?? ""] ?? whole;
      },
    );
}
