import type { Labels } from "@tocsin/model";
import { type Histogram, parse, STALE_MARKER } from "@tocsin/promql";
import { parseHistogram, steppedHistogram } from "./histogram-notation.js";
import { isNumber, readNumber } from "./number.js";

/** One value of a series in time; undefined where there is none. */
export type NotatedValue = number | Histogram | typeof STALE_MARKER | undefined;

/**
 * Labels of a series as they are written: `up{job="api"}`, `{a="b"}` or `up`.
 *
 * @throws {Error} when it is something else
 */
export function parseSeries(text: string): Labels {
  if (/^\s*\{\s*\}\s*$/.test(text)) return {};
  const expression = parse(text);
  if (expression.kind !== "vector-selector" || expression.offset || expression.at)
    throw new Error(`"${text}" is not a series`);
  const labels: Record<string, string> = expression.name === undefined ? {} : { __name__: expression.name };
  for (const { name, operator, value } of expression.matchers) {
    if (operator !== "=")
      throw new Error(`"${text}" is not a series: only = can stand between a label and its value`);
    labels[name] = value;
  }
  return labels;
}

/** A value, or `a+bxn`: with its start, sign, step and number of repeats. */
const REPEATED = /^(?<start>\{\{.*?\}\}|.+?)(?:(?<sign>[+-])(?<step>\{\{.*?\}\}|[^+-].*?))?x(?<times>\d+)$/s;

/**
 * Values in the expanding notation of Prometheus's tests: `1+2x3` is 1 3 5 7, `5x2` is 5 5 5, `_` is none, `stale`
 * ends the series. A native histogram may stand for each number: `{{schema:0 count:1 buckets:[1]}}x3`.
 *
 * @throws {Error} naming the part that is not understood
 */
export function parseValues(text: string): NotatedValue[] {
  return partsOf(text).flatMap(valuesOf);
}

/** Divided by spaces, but not by those inside of a histogram. */
function partsOf(text: string): string[] {
  const parts = text.match(/(?:\{\{.*?\}\}|[^\s{]|\{(?!\{))+/gs) ?? [];
  // A brace that is opened and never closed fits nothing and would be passed over.
  if (parts.join("").replaceAll(/\s/g, "") !== text.replaceAll(/\s/g, ""))
    throw new Error(`a histogram that begins with {{ has no }} in "${text}"`);
  return parts;
}

function valuesOf(part: string): NotatedValue[] {
  const gap = /^_(?:x(\d+))?$/.exec(part);
  if (gap) return Array.from({ length: Number(gap[1] ?? 1) }, () => undefined);
  if (part === "stale") return [STALE_MARKER];
  if (isNumber(part)) return [readNumber(part, "a sample")];
  if (part.startsWith("{{") && part.indexOf("}}") === part.length - 2) return [parseHistogram(part)];
  const { start, sign, step, times } = REPEATED.exec(part)?.groups ?? {};
  if (start === undefined || !isValue(start) || (step !== undefined && !isValue(step)))
    throw new Error(`"${part}" is not a value. Write for instance 1 2 3, 0+10x5, _ or stale`);
  const turns = Array.from({ length: Number(times) + 1 }, (_, index) => (sign === "-" ? -index : index));
  if (!start.startsWith("{{")) {
    if (step?.startsWith("{{")) throw new Error(`"${part}" adds a histogram to a number`);
    const [from, by] = [readNumber(start, "a sample"), readNumber(step ?? "0", "a step")];
    return turns.map((turn) => from + by * turn);
  }
  const base = parseHistogram(start);
  if (step === undefined) return turns.map(() => base);
  if (!step.startsWith("{{")) throw new Error(`"${part}" adds a number to a histogram`);
  const by = parseHistogram(step);
  return turns.map((turn) => steppedHistogram(base, by, turn));
}

function isValue(text: string): boolean {
  return isNumber(text) || text.startsWith("{{");
}
