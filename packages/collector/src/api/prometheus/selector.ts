import { messageOf } from "@tocsin/model";
import { createMatcher, type Matcher, parse, type VectorSelector, walk } from "@tocsin/promql";
import { invalidParameter } from "./answer.js";
import type { Selectors } from "./catalogue.js";

/**
 * Reads the `match[]` parameters.
 *
 * @throws {ApiError} bad_data for what is no plain selector, or one that would match every series there is
 */
export function readSelectors(texts: readonly string[]): Selectors {
  return texts.map(readSelector);
}

/** How the parser ends its words about a selector that matches everything; the API has its own. */
const MATCHES_ALL = "must contain at least one non-empty matcher";

function readSelector(text: string): Matcher[] {
  try {
    const expression = parse(text);
    if (expression.kind === "vector-selector" && !expression.offset && !expression.at && !expression.mode) {
      return matchersOf(expression);
    }
  } catch (error) {
    const message = messageOf(error);
    throw invalidParameter("match[]", message.endsWith(MATCHES_ALL) ? `match[] ${MATCHES_ALL}` : message);
  }
  throw invalidParameter(
    "match[]",
    `${JSON.stringify(text)} is not a metric selector. Write name{label="value"}.`,
  );
}

/**
 * Every selector in a query, for looking up the exemplars behind it.
 *
 * @throws {PromQLError} PROMQL_PARSE
 */
export function selectorsIn(query: string): Selectors {
  const found: Matcher[][] = [];
  walk(parse(query), (node) => {
    if (node.kind === "vector-selector") found.push(matchersOf(node));
  });
  return found;
}

function matchersOf({ name, matchers }: VectorSelector): Matcher[] {
  const named = name === undefined ? [] : [createMatcher("__name__", "=", name)];
  return [...named, ...matchers.map((one) => createMatcher(one.name, one.operator, one.value))];
}
