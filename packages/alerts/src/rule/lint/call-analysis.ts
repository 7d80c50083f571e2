import { type Expression, functionSignature } from "@tocsin/promql";
import type { Analysis } from "./certain.js";
import { ANYTHING, atLeast, between, type Interval, isPoint, passing, point, sumOf } from "./interval.js";
import { ANY_LABELS, drop, type LabelFacts, NO_LABELS, withUnknown } from "./label-facts.js";

type Call = Extract<Expression, { kind: "call" }>;
type Analyse = (expression: Expression) => Analysis;

/** Values that a function gives whatever it is given. */
const RANGES: Readonly<Record<string, Interval>> = {
  absent: point(1),
  absent_over_time: point(1),
  present_over_time: point(1),
  count_over_time: atLeast(1),
  changes: atLeast(0),
  resets: atLeast(0),
  abs: atLeast(0),
  sqrt: atLeast(0),
  exp: atLeast(0),
  sgn: between(-1, 1, true),
  stddev_over_time: atLeast(0),
  stdvar_over_time: atLeast(0),
  time: ANYTHING,
  pi: point(Math.PI),
  minute: between(0, 59, true),
  hour: between(0, 23, true),
  day_of_week: between(0, 6, true),
  day_of_month: between(1, 31, true),
  day_of_year: between(1, 366, true),
  days_in_month: between(28, 31, true),
  month: between(1, 12, true),
};

/** Functions that give values that they were given. */
const SAME_VALUES: ReadonlySet<string> = new Set([
  "sort",
  "sort_desc",
  "sort_by_label",
  "sort_by_label_desc",
  "label_replace",
  "label_join",
  "min_over_time",
  "max_over_time",
  "last_over_time",
  "first_over_time",
  "vector",
]);

/** Functions that give something where there is nothing. */
const FROM_NOTHING: ReadonlySet<string> = new Set(["absent", "absent_over_time", "scalar", "vector"]);

export function callAnalysis(call: Call, analyse: Analyse): Analysis {
  const { name, args } = call;
  const types = functionSignature(name)?.args ?? [];
  const subject = args.find((_, index) => types[index] === "vector" || types[index] === "matrix");
  const inner = subject && analyse(subject);
  const never = FROM_NOTHING.has(name) ? undefined : inner?.never;
  return { labels: labelsOf(call, subject, inner), values: valuesOf(call, inner, analyse), never };
}

function labelsOf(
  { name, args }: Call,
  subject: Expression | undefined,
  inner: Analysis | undefined,
): LabelFacts {
  if (name === "absent" || name === "absent_over_time") return absentLabels(subject);
  if (name === "scalar" || !subject || !inner) return NO_LABELS;
  // These put labels on; which ones is not always written.
  if (name === "info" || name === "histogram_quantiles") return ANY_LABELS;
  if (name === "histogram_quantile") return drop(inner.labels, ["le"]);
  if (name !== "label_replace" && name !== "label_join") return inner.labels;
  const [, target] = args;
  return target?.kind === "string" ? withUnknown(inner.labels, target.value) : ANY_LABELS;
}

/** What is absent has the labels that were asked for by one value, where no later condition on them follows. */
function absentLabels(subject: Expression | undefined): LabelFacts {
  let selector = subject;
  while (selector?.kind === "paren") selector = selector.expression;
  if (selector?.kind === "matrix-selector") selector = selector.selector;
  if (selector?.kind !== "vector-selector") return NO_LABELS;
  const known = new Map<string, string>();
  const wasSet = new Set<string>();
  for (const { name, operator, value } of selector.matchers) {
    if (name === "__name__") continue;
    if (operator === "=" && !wasSet.has(name)) {
      wasSet.add(name);
      if (value !== "") known.set(name, value);
    } else known.delete(name);
  }
  return { isOpen: false, names: new Set(known.keys()), known, present: new Set(known.keys()) };
}

function valuesOf({ name, args }: Call, inner: Analysis | undefined, analyse: Analyse): Interval {
  const argument = (index: number): Interval => (args[index] ? analyse(args[index]).values : ANYTHING);
  const range = RANGES[name];
  if (range) return range;
  if (name === "vector") return argument(0);
  if (SAME_VALUES.has(name) && inner) return inner.values;
  switch (name) {
    case "scalar":
      return inner ? { ...inner.values, mayBeNaN: true } : ANYTHING;
    case "sum_over_time":
      return inner ? sumOf(inner.values) : ANYTHING;
    case "clamp_min":
      return isPoint(argument(1)) ? atLeast(argument(1).low) : ANYTHING;
    case "clamp_max":
      return isPoint(argument(1)) ? between(Number.NEGATIVE_INFINITY, argument(1).low, true) : ANYTHING;
    case "clamp": {
      const [low, high] = [argument(1), argument(2)];
      const isRange = isPoint(low) && isPoint(high) && passing(low, "<=", high) !== undefined;
      return isRange ? between(low.low, high.low, true) : ANYTHING;
    }
    default:
      return ANYTHING;
  }
}
