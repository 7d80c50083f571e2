import type { UnixMs } from "@tocsin/model";
import type { Histogram } from "../histogram/histogram.js";
import { compareLabels } from "../label-order.js";
import { MatrixResult, type MatrixSeries, VectorResult, type VectorSample } from "../result.js";
import type { MatrixSelector, SubqueryExpression } from "../syntax/ast.js";
import type { Context } from "./context.js";
import { type Frame, stepTime } from "./frame.js";
import { EMPTY, FLOAT, type Grid, HISTOGRAM } from "./grid.js";
import { settleNames } from "./labels.js";
import { rangeSource } from "./range-source.js";

/** The only step of a grid as the answer of an instant query. @throws {PromQLError} PROMQL_EVAL on equal label sets */
export function vectorOf(input: Grid, tMs: UnixMs, context: Context): VectorResult {
  const grid = settleNames(input);
  const samples: VectorSample[] = [];
  for (let row = 0; row < grid.rows; row++) {
    const kind = grid.kinds[row];
    if (kind === EMPTY) continue;
    const labels = grid.labels[row] ?? {};
    const histogram = kind === HISTOGRAM ? grid.histogram(row) : undefined;
    if (histogram === undefined) samples.push({ labels, tMs, value: grid.values[row] ?? Number.NaN });
    else samples.push({ labels, tMs, value: Number.NaN, histogram });
  }
  return new VectorResult(samples, context.notes.annotations);
}

/** All steps of a grid as the answer of a range query, sorted by labels. @throws {PromQLError} PROMQL_EVAL */
export function matrixOf(input: Grid, frame: Frame, context: Context): MatrixResult {
  const grid = settleNames(input);
  const series: MatrixSeries[] = [];
  for (let row = 0; row < grid.rows; row++) {
    const one = rowSeries(grid, row, frame);
    if (one !== undefined) series.push(one);
  }
  series.sort((a, b) => compareLabels(a.labels, b.labels));
  return new MatrixResult(series, context.notes.annotations);
}

function rowSeries(grid: Grid, row: number, frame: Frame): MatrixSeries | undefined {
  const base = row * grid.steps;
  let floats = 0;
  let filled = 0;
  for (let cell = base; cell < base + grid.steps; cell++) {
    const kind = grid.kinds[cell];
    if (kind === FLOAT) floats++;
    if (kind !== EMPTY) filled++;
  }
  if (filled === 0) return undefined;
  const timestamps = new Float64Array(floats);
  const values = new Float64Array(floats);
  const histograms: { tMs: UnixMs; histogram: Histogram }[] = [];
  let at = 0;
  for (let step = 0; step < grid.steps; step++) {
    const kind = grid.kinds[base + step];
    if (kind === EMPTY) continue;
    const tMs = stepTime(frame, step);
    const histogram = kind === HISTOGRAM ? grid.histogram(base + step) : undefined;
    if (histogram !== undefined) histograms.push({ tMs, histogram });
    else {
      timestamps[at] = tMs;
      values[at] = grid.values[base + step] ?? Number.NaN;
      at++;
    }
  }
  return { labels: grid.labels[row] ?? {}, timestamps, values, histograms };
}

/** A scalar at every step, as the one series without labels that range queries show it as. */
export function scalarMatrix(values: Float64Array, frame: Frame, context: Context): MatrixResult {
  const timestamps = Float64Array.from({ length: frame.count }, (_, step) => stepTime(frame, step));
  return new MatrixResult([{ labels: {}, timestamps, values, histograms: [] }], context.notes.annotations);
}

/** The samples themselves that a range selector covers, sorted by labels. */
export async function rawMatrix(
  expression: MatrixSelector | SubqueryExpression,
  frame: Frame,
  context: Context,
): Promise<MatrixSeries[]> {
  const source = await rangeSource(expression, frame, context, "");
  const endMs = source.times.lastMs;
  const startMs = endMs - source.windowMs;
  const list: MatrixSeries[] = [];
  await source.each((labels, dropsName, { t, v, floats, ht, h }) => {
    let from = 0;
    while (from < floats && (t[from] ?? 0) <= startMs) from++;
    let to = from;
    while (to < floats && (t[to] ?? 0) <= endMs) to++;
    const histograms = h
      .map((histogram, i) => ({ tMs: ht[i] ?? 0, histogram }))
      .filter(({ tMs }) => tMs > startMs && tMs <= endMs);
    if (to === from && histograms.length === 0) return 0;
    const kept = dropsName
      ? Object.fromEntries(Object.entries(labels).filter(([name]) => name !== "__name__"))
      : labels;
    context.governor.hold(to - from + histograms.length);
    list.push({ labels: kept, timestamps: t.slice(from, to), values: v.slice(from, to), histograms });
    return to - from;
  });
  return list.sort((a, b) => compareLabels(a.labels, b.labels));
}
