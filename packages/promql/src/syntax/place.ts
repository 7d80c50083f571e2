import { PromQLError, type TextRange } from "../errors.js";

/** `line:column`, both from 1, columns in UTF-16 units. */
export function placeOf(query: string, offset: number): string {
  const before = query.slice(0, offset);
  const line = before.split("\n").length;
  return `${line}:${offset - before.lastIndexOf("\n")}`;
}

/** A parse error at a place in the query, in Prometheus's form. */
export function parseError(query: string, range: TextRange, message: string): PromQLError {
  return new PromQLError("PROMQL_PARSE", `${placeOf(query, range.from)}: parse error: ${message}`, { range });
}
