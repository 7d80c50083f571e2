import { RE2JS } from "re2js";

/** A whole-string matcher made from an RE2 regex. */
export type CompiledRegex =
  | {
      readonly kind: "valid";
      readonly test: (text: string) => boolean;
      readonly literals?: ReadonlySet<string>;
    }
  | { readonly kind: "invalid"; readonly reason: string };

/** Alternations with more literals than this are left to the regex engine. */
const MAX_LITERALS = 1_000;

/**
 * Compiles an RE2 regex that must match the whole string, `.` matching newlines too, as Prometheus's matchers do.
 * Literals, literal alternations and `.*`/`.+` around a literal never reach the regex engine. The engine itself runs in
 * linear time; backreferences and look-around are invalid.
 */
export function compileRegex(pattern: string): CompiledRegex {
  const literals = literalAlternatives(pattern);
  if (literals !== undefined) {
    const [only] = literals;
    const test = literals.size === 1 ? (text: string) => text === only : (text: string) => literals.has(text);
    return { kind: "valid", test, literals };
  }
  const simple = affixTest(pattern);
  if (simple !== undefined) return { kind: "valid", test: simple };
  try {
    const compiled = RE2JS.compile(pattern, RE2JS.DOTALL);
    return { kind: "valid", test: (text) => compiled.matches(text) };
  } catch (error) {
    return { kind: "invalid", reason: error instanceof Error ? error.message : String(error) };
  }
}

/** `^` and `$` at the ends say nothing in an anchored regex. */
function withoutAnchors(pattern: string): string {
  const start = pattern.startsWith("^") ? 1 : 0;
  const end = pattern.endsWith("$") && !pattern.endsWith("\\$") ? pattern.length - 1 : pattern.length;
  return pattern.slice(start, Math.max(start, end));
}

/**
 * The strings that `a|b`, `a(b|c)d`, `(?:a|b)` stand for, or undefined when the pattern is more than that.
 * Anchors are only dropped where no alternation could bind them to one branch.
 */
function literalAlternatives(pattern: string): Set<string> | undefined {
  const body = pattern.includes("|") ? pattern : withoutAnchors(pattern);
  const parser = { text: body, at: 0 };
  const values = alternation(parser);
  return values === undefined || parser.at < body.length ? undefined : new Set(values);
}

function alternation(parser: { text: string; at: number }): string[] | undefined {
  const all: string[] = [];
  for (;;) {
    const branch = sequence(parser);
    if (branch === undefined) return undefined;
    all.push(...branch);
    if (all.length > MAX_LITERALS) return undefined;
    if (parser.text[parser.at] !== "|") return all;
    parser.at++;
  }
}

function sequence(parser: { text: string; at: number }): string[] | undefined {
  let prefixes = [""];
  while (parser.at < parser.text.length) {
    const character = parser.text[parser.at] ?? "";
    if (character === "|" || character === ")") return prefixes;
    let parts: string[] | undefined;
    if (character === "(") {
      parser.at += parser.text.startsWith("(?:", parser.at) ? 3 : 1;
      if (parser.text[parser.at] === "?") return undefined;
      parts = alternation(parser);
      if (parser.text[parser.at] !== ")") return undefined;
      parser.at++;
    } else if (character === "\\") {
      const escaped = parser.text[parser.at + 1] ?? "";
      if (!/[^a-zA-Z0-9\u0080-\uffff]/.test(escaped)) return undefined;
      parts = [escaped];
      parser.at += 2;
    } else if (/[.*+?[\]{}^$]/.test(character)) {
      return undefined;
    } else {
      parts = [character];
      parser.at++;
    }
    if (parts === undefined || /[*+?{]/.test(parser.text[parser.at] ?? "")) return undefined;
    const tails = parts;
    prefixes = prefixes.flatMap((prefix) => tails.map((tail) => prefix + tail));
    if (prefixes.length > MAX_LITERALS) return undefined;
  }
  return prefixes;
}

const AFFIX = /^\^?(\.[*+])?((?:[^\\.*+?()[\]{}|^$]|\\[^a-zA-Z0-9\u0080-\uffff])*)(\.[*+])?\$?$/;

/** `.*`, `.+`, `abc.*`, `.*abc`, `.*abc.+`: string methods instead of a regex. */
function affixTest(pattern: string): ((text: string) => boolean) | undefined {
  const match = AFFIX.exec(pattern);
  if (match === null) return undefined;
  const literal = (match[2] ?? "").replace(/\\(.)/g, "$1");
  const before = match[1];
  const after = match[3];
  const minBefore = before === ".+" ? 1 : 0;
  const minAfter = after === ".+" ? 1 : 0;
  if (before !== undefined && after !== undefined) {
    return (text) => {
      const found = text.indexOf(literal, minBefore);
      return (
        found >= 0 && text.lastIndexOf(literal) >= minBefore && hasRoom(text, literal, minBefore, minAfter)
      );
    };
  }
  if (before !== undefined) {
    return (text) => text.length >= literal.length + minBefore && text.endsWith(literal);
  }
  return (text) => text.length >= literal.length + minAfter && text.startsWith(literal);
}

function hasRoom(text: string, literal: string, minBefore: number, minAfter: number): boolean {
  const first = text.indexOf(literal, minBefore);
  return first >= 0 && first + literal.length + minAfter <= text.length;
}
