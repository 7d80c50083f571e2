import type { Labels } from "@tocsin/model";
import type { Context, Value } from "../engine/context.js";
import type { Frame } from "../engine/frame.js";
import { EMPTY, FLOAT, Grid, HISTOGRAM } from "../engine/grid.js";
import { dropNames, fullKey, mergeSameLabels, namesSettled, withoutMetadata } from "../engine/labels.js";
import { evalError, type TextRange } from "../errors.js";
import { type ClassicBucket, classicFraction, classicQuantile } from "../histogram/classic.js";
import type { Histogram } from "../histogram/histogram.js";
import { histogramFraction, histogramQuantile, histogramVariance } from "../histogram/quantile.js";
import { formatFloat } from "../result-json.js";
import { type CallExpression, type Expression, withoutParens } from "../syntax/ast.js";

const SIMPLE: ReadonlyMap<string, (histogram: Histogram) => number> = new Map([
  ["histogram_avg", (histogram: Histogram) => histogram.sum / histogram.count],
  ["histogram_count", (histogram: Histogram) => histogram.count],
  ["histogram_stddev", (histogram: Histogram) => Math.sqrt(histogramVariance(histogram))],
  ["histogram_stdvar", histogramVariance],
  ["histogram_sum", (histogram: Histogram) => histogram.sum],
]);

/** Whether a function works on histograms. */
export function isHistogramFunction(name: string): boolean {
  return name.startsWith("histogram_");
}

/** `histogram_*()`: the simple ones look at native histograms alone, quantiles and fractions at classic ones too. */
export async function callHistogramFunction(
  call: CallExpression,
  frame: Frame,
  context: Context,
): Promise<Value> {
  const isMany = call.name === "histogram_quantiles";
  const vector = isMany ? call.args[0] : call.args.at(-1);
  if (vector === undefined) throw evalError(`${call.name}() needs an instant vector`);
  const value = await context.evaluate(vector, frame);
  if (value.type !== "vector") throw evalError(`expected an instant vector in call to ${call.name}()`);
  const simple = SIMPLE.get(call.name);
  if (simple !== undefined) return { type: "vector", grid: eachHistogram(value.grid, simple, context) };
  const scalars: Float64Array[] = [];
  for (const arg of isMany ? call.args.slice(2) : call.args.slice(0, -1)) {
    const scalar = await context.evaluate(arg, frame);
    if (scalar.type === "scalar") scalars.push(scalar.values);
  }
  const groups = new HistogramGroups(value.grid, context, withoutParens(vector).range);
  if (call.name === "histogram_fraction") {
    return { type: "vector", grid: fractions(groups, scalars, context) };
  }
  if (!isMany) return { type: "vector", grid: quantiles(groups, scalars, undefined, call, context) };
  const label = textOf(call.args[1]);
  return { type: "vector", grid: quantiles(groups, scalars, label, call, context) };
}

function textOf(argument: Expression | undefined): string {
  const inner = argument === undefined ? undefined : withoutParens(argument);
  if (inner?.kind !== "string") throw evalError("expected a label name in call to histogram_quantiles()");
  return inner.value;
}

function eachHistogram(grid: Grid, compute: (histogram: Histogram) => number, context: Context): Grid {
  for (let cell = 0; cell < grid.rows * grid.steps; cell++) {
    if (grid.kinds[cell] === EMPTY) continue;
    const histogram = grid.kinds[cell] === HISTOGRAM ? grid.histogram(cell) : undefined;
    if (histogram === undefined) grid.kinds[cell] = EMPTY;
    else grid.setFloat(cell, compute(histogram));
  }
  grid.histograms = undefined;
  return dropNames(grid, context.delaysNameRemoval);
}

interface Group {
  readonly labels: Labels;
  readonly name: string | undefined;
  /** Rows of classic buckets with their bounds, and the rows that may hold native histograms. */
  readonly classic: { readonly row: number; readonly bound: number }[];
  readonly rows: number[];
}

/** The series of an instant vector by histogram: classic buckets by their labels without `le`, native ones by all. */
class HistogramGroups {
  readonly grid: Grid;
  readonly at: TextRange;
  readonly #context: Context;
  readonly groups: readonly Group[];

  constructor(input: Grid, context: Context, at: TextRange) {
    this.grid = namesSettled(input, context.delaysNameRemoval);
    this.at = at;
    this.#context = context;
    this.groups = this.#group();
  }

  #group(): Group[] {
    const { grid } = this;
    const byKey = new Map<string, Group>();
    for (let row = 0; row < grid.rows; row++) {
      const all = grid.labels[row] ?? {};
      const hasFloats = this.#hasKind(row, FLOAT);
      const hasHistograms = this.#hasKind(row, HISTOGRAM);
      if (hasFloats) {
        const { le = "", ...rest } = all;
        const bound = readBound(le);
        if (bound === undefined) {
          this.#context.notes.badBucketLabel("le", le, all.__name__, this.at);
        } else this.#groupOf(byKey, rest).classic.push({ row, bound });
      }
      if (hasHistograms) this.#groupOf(byKey, all).rows.push(row);
    }
    return [...byKey.values()];
  }

  #groupOf(byKey: Map<string, Group>, labels: Labels): Group {
    const key = fullKey(labels);
    let group = byKey.get(key);
    if (group === undefined) {
      group = { labels, name: labels.__name__, classic: [], rows: [] };
      byKey.set(key, group);
    }
    return group;
  }

  #hasKind(row: number, kind: number): boolean {
    const from = row * this.grid.steps;
    for (let cell = from; cell < from + this.grid.steps; cell++)
      if (this.grid.kinds[cell] === kind) return true;
    return false;
  }

  /** What a group holds at a step; a mix of classic and native is noted and is nothing. */
  sampleAt(group: Group, step: number): ClassicBucket[] | Histogram | undefined {
    const { grid } = this;
    const buckets: ClassicBucket[] = [];
    for (const { row, bound } of group.classic) {
      const cell = row * grid.steps + step;
      if (grid.kinds[cell] === FLOAT) buckets.push({ bound, count: grid.values[cell] ?? Number.NaN });
    }
    for (const row of group.rows) {
      const cell = row * grid.steps + step;
      if (grid.kinds[cell] !== HISTOGRAM) continue;
      if (buckets.length > 0) {
        this.#context.notes.mixedClassicNative(group.name, this.at);
        return undefined;
      }
      return grid.histogram(cell);
    }
    return buckets.length === 0 ? undefined : buckets;
  }
}

/** A bucket's bound as Go would read it; undefined when it is none. */
function readBound(text: string): number | undefined {
  if (/^[+-]?inf(?:inity)?$/i.test(text)) {
    return text.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined;
}

function quantiles(
  groups: HistogramGroups,
  ranks: readonly Float64Array[],
  label: string | undefined,
  call: CallExpression,
  context: Context,
): Grid {
  const { grid: input, at } = groups;
  const { notes } = context;
  const output = new Grid(input.steps, groups.groups.length);
  if (label === "") throw evalError(`invalid label name in call to ${call.name}(): ""`);
  for (const values of ranks) {
    const bad = values.find((q) => !(q >= 0 && q <= 1));
    const arg = call.args[label === undefined ? 0 : 2 + ranks.indexOf(values)];
    if (bad !== undefined) notes.invalidQuantile(bad, arg?.range ?? call.range);
  }
  for (const group of groups.groups) {
    for (const values of ranks) {
      // Without a changing label all steps go to one row; with one, each rank has its own.
      const rows = new Map<string, number>();
      for (let step = 0; step < input.steps; step++) {
        const found = groups.sampleAt(group, step);
        const q = values[step] ?? Number.NaN;
        if (found === undefined) continue;
        let value: number;
        if (Array.isArray(found)) {
          const answer = classicQuantile(q, found);
          if (answer.wasForced) notes.forcedMonotonicity(group.name, at);
          value = answer.value;
        } else {
          const answer = histogramQuantile(q, found as Histogram);
          if (answer.hasNaN) notes.nanObservations(group.name, call.name, at);
          value = answer.value;
        }
        const rank = label === undefined ? "" : openMetricsFloat(q);
        let base = rows.get(rank);
        if (base === undefined) {
          base = output.addRow(label === undefined ? group.labels : { ...group.labels, [label]: rank });
          rows.set(rank, base);
        }
        output.setFloat(base + step, value);
      }
    }
  }
  return finished(output, context);
}

/** A number as a label value in OpenMetrics' canonical form: `0.5`, `1.0`. */
function openMetricsFloat(value: number): string {
  const text = formatFloat(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

function fractions(
  groups: HistogramGroups,
  [lowers, uppers]: readonly Float64Array[],
  context: Context,
): Grid {
  const { grid: input, at } = groups;
  const output = new Grid(input.steps, groups.groups.length);
  for (const group of groups.groups) {
    let base: number | undefined;
    for (let step = 0; step < input.steps; step++) {
      const found = groups.sampleAt(group, step);
      if (found === undefined) continue;
      const lower = lowers?.[step] ?? Number.NaN;
      const upper = uppers?.[step] ?? Number.NaN;
      let value: number;
      if (Array.isArray(found)) {
        const answer = classicFraction(lower, upper, found);
        if (answer.wasForced) context.notes.forcedMonotonicity(group.name, at);
        value = answer.value;
      } else {
        const histogram = found as Histogram;
        if (Number.isNaN(histogram.sum)) context.notes.nanObservations(group.name, "histogram_fraction", at);
        value = histogramFraction(lower, upper, histogram);
      }
      base ??= output.addRow(group.labels);
      output.setFloat(base + step, value);
    }
  }
  return finished(output, context);
}

function finished(grid: Grid, context: Context): Grid {
  if (context.delaysNameRemoval) return dropNames(grid, true);
  grid.labels.forEach((labels, row) => {
    grid.labels[row] = withoutMetadata(labels);
  });
  return mergeSameLabels(grid);
}
