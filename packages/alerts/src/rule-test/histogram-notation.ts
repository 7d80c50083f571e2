import {
  type BucketRun,
  type CounterResetHint,
  CUSTOM_BUCKETS_SCHEMA,
  formatFloat,
  type Histogram,
} from "@tocsin/promql";
import { readNumber } from "./number.js";

const HINTS: readonly CounterResetHint[] = ["unknown", "reset", "not_reset", "gauge"];
const PROPERTY = /^([a-z_]+):(\[[^\]]*\]|[^\s[\]]+)\s*/;

/**
 * A native histogram as Prometheus's tests write it: `{{schema:1 sum:3 count:4 buckets:[1 2 1] offset:-1}}`. What is
 * left out is 0.
 *
 * @throws {Error} naming the part that is not understood
 */
export function parseHistogram(text: string): Histogram {
  const inside = /^\{\{(.*)\}\}$/s.exec(text.trim())?.[1];
  if (inside === undefined)
    throw new Error(`"${text}" is not a histogram. Write {{schema:0 sum:3 count:2 buckets:[1 1]}}`);
  const parts = new Map<string, string>();
  for (let rest = inside.trim(); rest !== ""; ) {
    const [whole, name = "", value = ""] = PROPERTY.exec(rest) ?? [];
    if (whole === undefined) throw new Error(`"${rest}" is not understood in the histogram ${text}`);
    if (!KNOWN.has(name)) throw new Error(`a histogram has no "${name}"; it has ${[...KNOWN].join(", ")}`);
    if (parts.has(name)) throw new Error(`"${name}" is written twice in the histogram ${text}`);
    parts.set(name, value);
    rest = rest.slice(whole.length);
  }
  const number = (name: string): number => readNumber(parts.get(name) ?? "0", `${name} of a histogram`);
  const list = (name: string): number[] =>
    (/^\[(.*)\]$/s.exec(parts.get(name) ?? "[]")?.[1] ?? parts.get(name) ?? "")
      .split(/\s+/)
      .filter((each) => each !== "")
      .map((each) => readNumber(each, `${name} of a histogram`));
  const run = (counts: string, offset: string): BucketRun => ({
    offset: number(offset),
    buckets: list(counts),
  });
  const hint = HINTS.find((each) => each === (parts.get("counter_reset_hint") ?? "unknown"));
  if (!hint) throw new Error(`counter_reset_hint is one of ${HINTS.join(", ")}`);
  return {
    schema: number("schema"),
    sum: number("sum"),
    count: number("count"),
    zeroCount: number("z_bucket"),
    zeroThreshold: number("z_bucket_w"),
    positive: run("buckets", "offset"),
    negative: run("n_buckets", "n_offset"),
    ...(parts.has("custom_values") ? { customValues: list("custom_values") } : {}),
    counterResetHint: hint,
  };
}

const KNOWN: ReadonlySet<string> = new Set([
  "schema",
  "sum",
  "count",
  "z_bucket",
  "z_bucket_w",
  "buckets",
  "offset",
  "n_buckets",
  "n_offset",
  "custom_values",
  "counter_reset_hint",
]);

/** The same notation, one way for equal histograms: what is 0 is left out, empty buckets at the ends too. */
export function formatHistogram(histogram: Histogram): string {
  const positive = trimmed(histogram.positive);
  const negative = trimmed(histogram.negative);
  const isCustom = histogram.schema === CUSTOM_BUCKETS_SCHEMA;
  const parts: readonly (readonly [string, number | readonly number[] | string])[] = [
    ["schema", histogram.schema],
    ["count", histogram.count],
    ["sum", histogram.sum],
    ["z_bucket", histogram.zeroCount],
    ["z_bucket_w", histogram.zeroThreshold],
    ["offset", positive.offset],
    ["buckets", positive.buckets],
    ["n_offset", negative.offset],
    ["n_buckets", negative.buckets],
    ["custom_values", isCustom ? (histogram.customValues ?? []) : []],
    ["counter_reset_hint", histogram.counterResetHint === "unknown" ? 0 : histogram.counterResetHint],
  ];
  const written = parts
    .filter(([, value]) => value !== 0 && !(Array.isArray(value) && value.length === 0))
    .map(([name, value]) => `${name}:${textOf(value)}`);
  return `{{${written.join(" ")}}}`;
}

function textOf(value: number | readonly number[] | string): string {
  if (typeof value === "string") return value;
  return typeof value === "number" ? formatFloat(value) : `[${value.map(formatFloat).join(" ")}]`;
}

function trimmed({ offset, buckets }: BucketRun): BucketRun {
  const first = buckets.findIndex((count) => count !== 0);
  if (first === -1) return { offset: 0, buckets: [] };
  const last = buckets.findLastIndex((count) => count !== 0);
  return { offset: offset + first, buckets: buckets.slice(first, last + 1) };
}

/**
 * `base + times × step`, bucket by bucket; for `a+bxn`.
 *
 * @throws {Error} when the two have other schemas or bounds
 */
export function steppedHistogram(base: Histogram, step: Histogram, times: number): Histogram {
  const isSameLayout =
    base.schema === step.schema &&
    base.zeroThreshold === step.zeroThreshold &&
    (base.customValues ?? []).join() === (step.customValues ?? []).join();
  if (!isSameLayout)
    throw new Error("the histograms on both sides of + and - need the same schema, bounds and zero bucket");
  return {
    ...base,
    count: base.count + times * step.count,
    sum: base.sum + times * step.sum,
    zeroCount: base.zeroCount + times * step.zeroCount,
    positive: steppedRun(base.positive, step.positive, times),
    negative: steppedRun(base.negative, step.negative, times),
  };
}

function steppedRun(base: BucketRun, step: BucketRun, times: number): BucketRun {
  if (step.buckets.length === 0) return base;
  if (base.buckets.length === 0)
    return { offset: step.offset, buckets: step.buckets.map((count) => count * times) };
  const offset = Math.min(base.offset, step.offset);
  const end = Math.max(base.offset + base.buckets.length, step.offset + step.buckets.length);
  const at = (run: BucketRun, index: number): number => run.buckets[index - run.offset] ?? 0;
  return {
    offset,
    buckets: Array.from(
      { length: end - offset },
      (_, index) => at(base, offset + index) + times * at(step, offset + index),
    ),
  };
}
