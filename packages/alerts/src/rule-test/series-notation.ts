import type { Labels } from "@tocsin/model";
import { parse, STALE_MARKER } from "@tocsin/promql";

/** One value of a series in time; undefined where there is none. */
export type NotatedValue = number | typeof STALE_MARKER | undefined;

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

// No hexadecimal: `0x10` is eleven zeros.
const NUMBER = String.raw`[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|[Ii]nf|NaN|nan)`;
const REPEATED = new RegExp(`^(${NUMBER})(?:([+-])(${NUMBER}))?x(\\d+)$`);
const PLAIN = new RegExp(`^${NUMBER}$`);

/**
 * Values in the expanding notation of Prometheus's tests: `1+2x3` is 1 3 5 7, `5x2` is 5 5 5, `_` is none, `stale`
 * ends the series.
 *
 * @throws {Error} naming the part that is not understood
 */
export function parseValues(text: string): NotatedValue[] {
  const values: NotatedValue[] = [];
  for (const part of text
    .trim()
    .split(/\s+/)
    .filter((each) => each !== "")) {
    const gap = /^_(?:x(\d+))?$/.exec(part);
    const repeated = REPEATED.exec(part);
    if (gap) values.push(...Array.from({ length: Number(gap[1] ?? 1) }, () => undefined));
    else if (part === "stale") values.push(STALE_MARKER);
    else if (PLAIN.test(part)) values.push(numberOf(part));
    else if (repeated) {
      const [, start = "", sign = "+", step = "0", times = "0"] = repeated;
      const by = numberOf(step) * (sign === "-" ? -1 : 1);
      for (let index = 0; index <= Number(times); index++) values.push(numberOf(start) + by * index);
    } else if (part.startsWith("{{"))
      throw new Error("native histograms in input_series are not supported; use classic buckets");
    else throw new Error(`"${part}" is not a value. Write for instance 1 2 3, 0+10x5, _ or stale`);
  }
  return values;
}

function numberOf(text: string): number {
  const infinite = /^([+-]?)[Ii]nf$/.exec(text);
  if (infinite) return infinite[1] === "-" ? -Infinity : Infinity;
  return /^nan$/i.test(text) ? Number.NaN : Number(text);
}
