import type { Labels } from "@tocsin/model";
import {
  Engine,
  type EngineOptions,
  type Histogram,
  type InstantResult,
  type MatrixResult,
  MemoryStorage,
  parse,
  type SampleValue,
} from "../src/index.js";

/** One minute between samples, as the tables below are written. */
export const MINUTE = 60_000;

/** Labels of a selector written as text. */
export function labelsOf(text: string): Labels {
  const expression = parse(text);
  if (expression.kind !== "vector-selector") throw new Error(`${text} is no selector`);
  const labels: Record<string, string> = {};
  if (expression.name !== undefined) labels.__name__ = expression.name;
  for (const { name, value } of expression.matchers) labels[name] = value;
  return labels;
}

/** A storage with the given series, one sample a minute from time 0; undefined leaves a gap. */
export function loaded(series: Record<string, readonly (SampleValue | undefined)[]>): MemoryStorage {
  const storage = new MemoryStorage();
  for (const [selector, values] of Object.entries(series)) {
    values.forEach((value, i) => {
      if (value !== undefined) storage.append(labelsOf(selector), i * MINUTE, value);
    });
  }
  return storage;
}

/** `count` values that start at `from` and rise by `by`. */
export function rising(from: number, by: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => from + i * by);
}

/** A native histogram with only what matters written. */
export function histogram(parts: Partial<Histogram>): Histogram {
  return {
    schema: 0,
    count: 0,
    sum: 0,
    zeroThreshold: 0,
    zeroCount: 0,
    positive: { offset: 0, buckets: [] },
    negative: { offset: 0, buckets: [] },
    counterResetHint: "unknown",
    ...parts,
  };
}

/** Answer of an instant query as `{labels: value}`, for tables. */
export async function ask(
  storage: MemoryStorage,
  query: string,
  atMs: number,
  options: EngineOptions = { features: ["all"] },
): Promise<Record<string, number | string>> {
  return shown(await new Engine(options).instantQuery(storage, query, atMs));
}

/** Answer of a range query as `{labels: values}`, `_` where there is none. */
export async function askRange(
  storage: MemoryStorage,
  query: string,
  startMs: number,
  endMs: number,
  stepMs: number,
  options: EngineOptions = { features: ["all"] },
): Promise<Record<string, (number | "_")[]>> {
  const result = await new Engine(options).rangeQuery(storage, query, startMs, endMs, stepMs);
  const times = Array.from(
    { length: Math.floor((endMs - startMs) / stepMs) + 1 },
    (_, i) => startMs + i * stepMs,
  );
  return Object.fromEntries(
    result.series.map(({ labels, timestamps, values }) => [
      name(labels),
      times.map((tMs) => {
        const at = timestamps.indexOf(tMs);
        return at < 0 ? "_" : round(values[at] ?? Number.NaN);
      }),
    ]),
  );
}

function shown(result: InstantResult | MatrixResult): Record<string, number | string> {
  switch (result.resultType) {
    case "scalar":
      return { scalar: round(result.value) };
    case "string":
      return { string: result.value };
    case "matrix":
      return Object.fromEntries(result.series.map(({ labels, values }) => [name(labels), values.join(" ")]));
    case "vector":
      return Object.fromEntries(
        result.samples.map(({ labels, value, histogram: found }) => [
          name(labels),
          found === undefined ? round(value) : `count ${found.count} sum ${found.sum}`,
        ]),
      );
  }
}

function name({ __name__: metric = "", ...rest }: Labels): string {
  const pairs = Object.keys(rest)
    .sort()
    .map((label) => `${label}=${rest[label]}`);
  return `${metric}{${pairs.join(",")}}`;
}

function round(value: number): number {
  return Number(value.toPrecision(9));
}
