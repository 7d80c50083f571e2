import { messageOf } from "@tocsin/model";
import { RE2JS } from "re2js";
import { AlertsError } from "../errors.js";

/**
 * A test whether a text matches as a whole. RE2's syntax and its linear time: a pattern from a config or a
 * silence cannot hang the process.
 *
 * @throws {AlertsError} ALERTS_MATCHER_INVALID
 */
export function anchoredRegExp(pattern: string, label: string): (text: string) => boolean {
  const alternatives = literalAlternatives(pattern);
  if (alternatives) return (text) => alternatives.has(text);
  try {
    const compiled = RE2JS.compile(`^(?:${pattern})$`, RE2JS.DOTALL);
    return (text) => compiled.matches(text);
  } catch (error) {
    throw new AlertsError(
      "ALERTS_MATCHER_INVALID",
      `${JSON.stringify(pattern)} for the label "${label}" is not a regular expression: ${messageOf(error)}. ` +
        "RE2 syntax is understood, which has no look-around and no back references.",
      { cause: error },
    );
  }
}

/** `page|ticket` is by far the commonest pattern, and needs no expression at all. */
function literalAlternatives(pattern: string): Set<string> | undefined {
  return /^[\w\- /:@%]+(?:\|[\w\- /:@%]+)*$/.test(pattern) ? new Set(pattern.split("|")) : undefined;
}
