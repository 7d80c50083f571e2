import type { ValueType } from "./ast.js";

/** What a function takes and gives. */
export interface FunctionSignature {
  readonly args: readonly ValueType[];
  /** How many of the last arguments may be left out; the last one may be repeated without end with -1. */
  readonly optional: number;
  readonly returns: ValueType;
  /** Needs the feature `promql-experimental-functions`. */
  readonly experimental: boolean;
}

/**
 * Every function of Prometheus 3.x by name. One table, because a signature is a line and the list is the language.
 * `v` instant vector, `m` range vector, `s` scalar, `t` string; `?` optional, `*` repeated; after `>` the result.
 */
const SIGNATURES: Readonly<Record<string, string>> = {
  abs: "v>v",
  absent: "v>v",
  absent_over_time: "m>v",
  acos: "v>v",
  acosh: "v>v",
  asin: "v>v",
  asinh: "v>v",
  atan: "v>v",
  atanh: "v>v",
  avg_over_time: "m>v",
  ceil: "v>v",
  changes: "m>v",
  clamp: "vss>v",
  clamp_max: "vs>v",
  clamp_min: "vs>v",
  cos: "v>v",
  cosh: "v>v",
  count_over_time: "m>v",
  day_of_month: "v?>v",
  day_of_week: "v?>v",
  day_of_year: "v?>v",
  days_in_month: "v?>v",
  deg: "v>v",
  delta: "m>v",
  deriv: "m>v",
  double_exponential_smoothing: "mss>v!",
  end: ">s!",
  exp: "v>v",
  first_over_time: "m>v",
  floor: "v>v",
  histogram_avg: "v>v",
  histogram_count: "v>v",
  histogram_fraction: "ssv>v",
  histogram_quantile: "sv>v",
  histogram_quantiles: "vtss*>v!",
  histogram_stddev: "v>v",
  histogram_stdvar: "v>v",
  histogram_sum: "v>v",
  hour: "v?>v",
  idelta: "m>v",
  increase: "m>v",
  info: "vv?>v!",
  irate: "m>v",
  label_join: "vttt*>v",
  label_replace: "vtttt>v",
  last_over_time: "m>v",
  ln: "v>v",
  log10: "v>v",
  log2: "v>v",
  mad_over_time: "m>v!",
  max_of: "ss>s!",
  max_over_time: "m>v",
  min_of: "ss>s!",
  min_over_time: "m>v",
  minute: "v?>v",
  month: "v?>v",
  pi: ">s",
  predict_linear: "ms>v",
  present_over_time: "m>v",
  quantile_over_time: "sm>v",
  rad: "v>v",
  range: ">s!",
  rate: "m>v",
  resets: "m>v",
  round: "vs?>v",
  scalar: "v>s",
  sgn: "v>v",
  sin: "v>v",
  sinh: "v>v",
  sort: "v>v",
  sort_by_label: "vt*>v!",
  sort_by_label_desc: "vt*>v!",
  sort_desc: "v>v",
  sqrt: "v>v",
  start: ">s!",
  start_timestamp: "v>v!",
  stddev_over_time: "m>v",
  stdvar_over_time: "m>v",
  step: ">s!",
  sum_over_time: "m>v",
  tan: "v>v",
  tanh: "v>v",
  time: ">s",
  timestamp: "v>v",
  ts_of_first_over_time: "m>v",
  ts_of_last_over_time: "m>v!",
  ts_of_max_over_time: "m>v!",
  ts_of_min_over_time: "m>v!",
  vector: "s>v",
  year: "v?>v",
};

const TYPES: Readonly<Record<string, ValueType>> = { v: "vector", m: "matrix", s: "scalar", t: "string" };

const TABLE: ReadonlyMap<string, FunctionSignature> = new Map(
  Object.entries(SIGNATURES).map(([name, text]) => {
    const [parameters = "", result = "v"] = text.split(">");
    const args = [...parameters.replace(/[?*]/g, "")].map((letter) => TYPES[letter] ?? "vector");
    const optional = parameters.endsWith("*") ? -1 : parameters.endsWith("?") ? 1 : 0;
    const returns = TYPES[result[0] ?? "v"] ?? "vector";
    return [name, { args, optional, returns, experimental: result.endsWith("!") }];
  }),
);

/** Signature of a function, undefined when there is none of that name. Names are case-sensitive. */
export function functionSignature(name: string): FunctionSignature | undefined {
  return TABLE.get(name);
}

/** Names of all functions, sorted. */
export const FUNCTION_NAMES: readonly string[] = [...TABLE.keys()];
