import { END_MS, START_MS } from "./data.mjs";

const METRICS = [
  [
    "requests_total",
    ["job", "instance", "code"],
    { job: ["api", "web"], instance: ["a", "b", "c"], code: ["200", "500"] },
  ],
  ["memory_bytes", ["job", "instance"], { job: ["api", "web"], instance: ["a", "b", "c"] }],
  [
    "temperature",
    ["job", "instance", "zone"],
    { job: ["api", "web"], instance: ["a", "b", "c"], zone: ["x", "y"] },
  ],
  [
    "build",
    ["job", "instance", "version"],
    { job: ["api", "web"], instance: ["a", "b", "c"], version: ["v1", "v2", "v3"] },
  ],
  ["latency_seconds_bucket", ["job", "le"], { job: ["api", "web"], le: ["0.1", "1", "+Inf"] }],
  ["flapping", ["job"], { job: ["api", "web"] }],
  ["ended", ["job"], { job: ["api", "web"] }],
  ["odd", ["kind"], { kind: ["nan", "inf", "zero"] }],
  ["sparse", ["job"], { job: ["api"] }],
];
const COUNTERS = [
  "requests_total",
  'requests_total{job="api"}',
  'requests_total{code=~"5.."}',
  "latency_seconds_bucket",
];
const LABELS = ["job", "instance", "code", "zone", "version", "le", "kind", "missing"];
const ELEMENTWISE = [
  "abs",
  "ceil",
  "floor",
  "exp",
  "ln",
  "log2",
  "log10",
  "sqrt",
  "sgn",
  "sin",
  "cos",
  "tan",
  "asin",
  "acos",
  "atan",
  "sinh",
  "cosh",
  "tanh",
  "asinh",
  "acosh",
  "atanh",
  "deg",
  "rad",
];
const CALENDAR = [
  "hour",
  "minute",
  "month",
  "year",
  "day_of_month",
  "day_of_week",
  "day_of_year",
  "days_in_month",
];
const RANGE = [
  "rate",
  "increase",
  "irate",
  "delta",
  "idelta",
  "deriv",
  "changes",
  "resets",
  "sum_over_time",
  "avg_over_time",
  "min_over_time",
  "max_over_time",
  "count_over_time",
  "last_over_time",
  "present_over_time",
  "stddev_over_time",
  "stdvar_over_time",
  "absent_over_time",
];
const AGGREGATIONS = ["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"];
const ARITHMETIC = ["+", "-", "*", "/", "%", "^", "atan2"];
const COMPARISONS = ["==", "!=", ">", "<", ">=", "<="];
const SETS = ["and", "or", "unless"];

/** Random typed PromQL over everything that Prometheus 2.42 and 3 share. */
export function generator(random) {
  const { pick, chance, below } = random;
  let nesting = 0;
  const seconds = () => pick([20, 31, 60, 90, 150, 300, 450, 600, 1200, 1800]);
  const labels = (count) => [...new Set(Array.from({ length: count }, () => pick(LABELS)))].join(", ");

  function modifiers() {
    let text = "";
    if (chance(0.06)) {
      const at = (START_MS + below((END_MS - START_MS) / 1000) * 1000 + 500) / 1000;
      text += pick([` @ ${at.toFixed(3)}`, " @ start()", " @ end()"]);
    }
    if (chance(0.12)) text += ` offset ${chance(0.3) ? "-" : ""}${seconds()}s`;
    return text;
  }

  function matcher(names, values) {
    const name = pick(names);
    const [first, second] = [pick(values[name]), pick(values[name])];
    return pick([
      `${name}="${first}"`,
      `${name}!="${first}"`,
      `${name}=~"${first.replace("+", "\\\\+")}|${second.replace("+", "\\\\+")}"`,
      `${name}!~"${first.replace("+", "\\\\+")}"`,
      `${name}=~".+"`,
      `${name}=~"${first[0] === "+" ? "[+]" : first[0]}.*"`,
      'missing=""',
    ]);
  }

  function bareSelector() {
    const [name, names, values] = pick(METRICS);
    if (chance(0.03)) return `{__name__=~"${name}|${pick(METRICS)[0]}"}`;
    const conditions = Array.from({ length: pick([0, 0, 1, 1, 2]) }, () => matcher(names, values));
    return conditions.length === 0 ? name : `${name}{${conditions.join(", ")}}`;
  }

  /**
   * A range vector. Inside a subquery all times are whole seconds, at the top they are half seconds; subquery windows are
   * chosen so that their start never is a time at which their own inside is evaluated. What `rate` sees is large, because
   * 2.42 extrapolated counters near zero in another way.
   */
  function range(depth, isCounter = false) {
    if (depth > 0 && !isCounter && chance(0.2)) {
      const step = chance(0.7) ? `${pick([15, 20, 60, 70, 120])}s` : "";
      nesting++;
      const inner = vector(depth - 1);
      nesting--;
      const suffix = modifiers();
      const isWhole = nesting > 0 && !suffix.includes("@");
      return `(${inner})[${pick([300, 600, 900])}s${isWhole ? "500ms" : ""}:${step}]${suffix}`;
    }
    const selector = isCounter ? pick(COUNTERS) : bareSelector();
    return `${selector}[${seconds()}s]${modifiers()}`;
  }

  function scalar(depth) {
    const choice = below(depth > 0 ? 10 : 6);
    if (choice < 5) return String(pick([0, 1, 2, 3, 0.5, 10, 100, -1, 7, 1024, "Inf", "NaN"]));
    if (choice === 5) return pick(["time()", "pi()"]);
    if (choice < 8) return `scalar(${vector(depth - 1)})`;
    return `(${scalar(depth - 1)} ${pick(["+", "-", "*", "/"])} ${scalar(depth - 1)})`;
  }

  function finite(inner) {
    return `((${inner}) > -4294967296) < 4294967296`;
  }

  function matching(operator) {
    if (chance(0.45)) return "";
    const clause = `${pick(["on", "ignoring"])} (${labels(pick([1, 2, 3]))})`;
    if (SETS.includes(operator) || chance(0.5)) return ` ${clause}`;
    return ` ${clause} ${pick(["group_left", "group_right"])} (${chance(0.3) ? "version" : ""})`;
  }

  function binary(depth) {
    const operator = pick([...ARITHMETIC, ...ARITHMETIC, ...COMPARISONS, ...SETS]);
    const bool = COMPARISONS.includes(operator) && chance(0.3) ? " bool" : "";
    if (!SETS.includes(operator) && chance(0.4)) {
      const sides = [vector(depth - 1), scalar(depth - 1)];
      if (chance(0.4)) sides.reverse();
      return `(${sides[0]}) ${operator}${bool} (${sides[1]})`;
    }
    return `(${vector(depth - 1)}) ${operator}${bool}${matching(operator)} (${vector(depth - 1)})`;
  }

  function aggregate(depth) {
    const clause = chance(0.6) ? ` ${pick(["by", "by", "without"])} (${labels(pick([0, 1, 2, 3]))}) ` : "";
    const inner = vector(depth - 1);
    const choice = below(10);
    if (choice < 7) {
      const name = pick(AGGREGATIONS);
      // The deviation of one infinite value became NaN with 3.0.
      return `${name}${clause}(${name.startsWith("std") ? finite(inner) : inner})`;
    }
    if (choice === 7) return `quantile${clause}(${pick([0, 0.1, 0.5, 0.9, 1, -1, 2])}, ${inner})`;
    // Ties may go either way, so the ranked ones are reduced to what does not depend on it.
    if (choice === 8) return `sum(${pick(["topk", "bottomk"])}${clause}(${pick([0, 1, 2, 5])}, ${inner}))`;
    return `count_values${clause}("value", ${pick([`floor(${inner})`, bareSelector()])})`;
  }

  function call(depth) {
    const choice = below(20);
    if (choice < 9) {
      const name = pick(RANGE);
      return `${name}(${range(depth, name === "rate" || name === "increase")})`;
    }
    if (choice === 9) return `quantile_over_time(${pick([0, 0.25, 0.5, 0.9, 1, 1.5])}, ${range(depth)})`;
    if (choice === 10) return `predict_linear(${range(depth)}, ${pick([60, 600, -300])})`;
    if (choice < 13) {
      const name = pick(ELEMENTWISE);
      // Of large angles a sine keeps no digit.
      return /^(?:sin|cos|tan)$/.test(name)
        ? `${name}((${vector(depth - 1)}) / 1048576)`
        : `${name}(${vector(depth - 1)})`;
    }
    if (choice === 13)
      return pick([
        `clamp(${vector(depth - 1)}, ${scalar(0)}, ${scalar(0)})`,
        `clamp_min(${vector(depth - 1)}, ${scalar(0)})`,
        `clamp_max(${vector(depth - 1)}, ${scalar(0)})`,
        `round(${vector(depth - 1)}${pick(["", ", 5", ", 0.25"])})`,
      ]);
    if (choice === 14)
      return pick([
        `absent(${vector(depth - 1)})`,
        `timestamp(${chance(0.5) ? bareSelector() : vector(depth - 1)})`,
        `sort(${vector(depth - 1)})`,
      ]);
    // The calendar of what is no finite number is an accident of integer arithmetic there.
    if (choice === 15) return `${pick(CALENDAR)}(${chance(0.2) ? "" : finite(vector(depth - 1))})`;
    if (choice === 16) return `vector(${scalar(depth - 1)})`;
    if (choice === 17)
      return `histogram_quantile(${pick([0, 0.1, 0.5, 0.9, 0.99, 1, 1.2])}, ${pick([`rate(latency_seconds_bucket[${seconds()}s])`, "latency_seconds_bucket", `sum by (le) (rate(latency_seconds_bucket[${seconds()}s]))`])})`;
    if (choice === 18)
      return `label_replace(${vector(depth - 1)}, "${pick(["fresh", "job", "zone"])}", "${pick(["$1", "x-$1", "", "${1}$1"])}", "${pick(["job", "instance", "missing"])}", "${pick(["(.*)", "(a).*", "(.).+", "nothing"])}")`;
    return `label_join(${vector(depth - 1)}, "${pick(["fresh", "job"])}", "-", "job", "${pick(["instance", "missing"])}")`;
  }

  function vector(depth) {
    if (depth <= 0 || chance(0.15)) return bareSelector() + modifiers();
    const choice = below(12);
    if (choice < 5) return call(depth);
    if (choice < 8) return aggregate(depth);
    if (choice < 11) return binary(depth);
    return `-(${vector(depth - 1)})`;
  }

  return () => (chance(0.04) ? scalar(2) : vector(1 + below(4)));
}
