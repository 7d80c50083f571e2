import type { Labels } from "@tocsin/model";
import { PromQLError } from "./errors.js";
import { compileRegex } from "./regex.js";

/** How a label value is compared: equal, not equal, matching a whole-string RE2 regex, or not matching it. */
export type MatchOperator = "=" | "!=" | "=~" | "!~";

/** One condition of a selector, compiled. A missing label counts as the empty string. */
export interface Matcher {
  readonly name: string;
  readonly operator: MatchOperator;
  readonly value: string;
  /** Whether a label value fulfils the condition. Linear time in the value's length. */
  matches(labelValue: string): boolean;
  /**
   * For `=` and for regexes that are plain alternations (`a|b`, `a(b|c)`): the only values that match with `=`/`=~`
   * (or that fail with `!=`/`!~`). A label index can look these up instead of scanning. Absent when there is no such list.
   */
  readonly literals?: ReadonlySet<string>;
}

/**
 * Compiles a condition.
 *
 * @throws {PromQLError} PROMQL_PARSE when the regex is not valid RE2.
 */
export function createMatcher(name: string, operator: MatchOperator, value: string): Matcher {
  if (operator === "=" || operator === "!=") {
    const wanted = operator === "=";
    return {
      name,
      operator,
      value,
      matches: (labelValue) => (labelValue === value) === wanted,
      literals: new Set([value]),
    };
  }
  const regex = compileRegex(value);
  if (regex.kind === "invalid") {
    throw new PromQLError(
      "PROMQL_PARSE",
      `error parsing regexp: ${regex.reason}: \`${value}\` is not a valid RE2 regular expression`,
    );
  }
  const wanted = operator === "=~";
  const test = regex.test;
  const base = {
    name,
    operator,
    value,
    matches: wanted ? test : (labelValue: string) => !test(labelValue),
  };
  return regex.literals === undefined ? base : { ...base, literals: regex.literals };
}

/** Whether labels fulfil every condition. */
export function matchesAll(matchers: readonly Matcher[], labels: Labels): boolean {
  for (const matcher of matchers) if (!matcher.matches(labels[matcher.name] ?? "")) return false;
  return true;
}
