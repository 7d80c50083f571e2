import type { Labels } from "@tocsin/model";
import type { Histogram } from "../histogram/histogram.js";

/** No sample in a cell. */
export const EMPTY = 0;
/** A float in a cell. */
export const FLOAT = 1;
/** A native histogram in a cell. */
export const HISTOGRAM = 2;

/**
 * An instant vector at every step of a query: one row per series, one cell per step, all cells in two flat arrays, so that
 * an instant query over many series allocates as little as a range query over few. Cell of a row and step:
 * `row * steps + step`.
 */
export class Grid {
  readonly steps: number;
  readonly labels: Labels[] = [];
  /** Rows whose metric name is to go once nothing can refer to it any more. */
  readonly dropsName: boolean[] = [];
  values: Float64Array;
  /** `EMPTY`, `FLOAT` or `HISTOGRAM` per cell. */
  kinds: Uint8Array;
  /** By cell; undefined while there is none. */
  histograms: Map<number, Histogram> | undefined = undefined;

  constructor(steps: number, rows = 16) {
    this.steps = steps;
    this.values = new Float64Array(steps * rows);
    this.kinds = new Uint8Array(steps * rows);
  }

  get rows(): number {
    return this.labels.length;
  }

  /** Adds an empty row and returns its first cell. */
  addRow(labels: Labels, dropsName = false): number {
    const base = this.labels.length * this.steps;
    if (base + this.steps > this.values.length) this.#grow(base + this.steps);
    this.labels.push(labels);
    this.dropsName.push(dropsName);
    return base;
  }

  /** Takes the last row back; it must be empty. */
  dropLastRow(): void {
    this.labels.pop();
    this.dropsName.pop();
  }

  setFloat(cell: number, value: number): void {
    this.values[cell] = value;
    this.kinds[cell] = FLOAT;
  }

  setHistogram(cell: number, histogram: Histogram): void {
    this.kinds[cell] = HISTOGRAM;
    this.values[cell] = Number.NaN;
    this.histograms ??= new Map();
    this.histograms.set(cell, histogram);
  }

  /** Sets what a function returned: nothing, a float or a histogram. */
  set(cell: number, value: number | Histogram | undefined): void {
    if (typeof value === "number") this.setFloat(cell, value);
    else if (value !== undefined) this.setHistogram(cell, value);
  }

  /** The histogram of a cell of kind `HISTOGRAM`. */
  histogram(cell: number): Histogram | undefined {
    return this.histograms?.get(cell);
  }

  /** What is in a cell: nothing, a float or a histogram. */
  at(cell: number): number | Histogram | undefined {
    const kind = this.kinds[cell];
    if (kind === FLOAT) return this.values[cell];
    return kind === HISTOGRAM ? this.histogram(cell) : undefined;
  }

  isEmptyRow(row: number): boolean {
    const from = row * this.steps;
    for (let cell = from; cell < from + this.steps; cell++) if (this.kinds[cell] !== EMPTY) return false;
    return true;
  }

  /** Copies a whole row of another grid with as many steps. */
  copyRow(source: Grid, row: number, labels: Labels, dropsName: boolean): void {
    const base = this.addRow(labels, dropsName);
    const from = row * source.steps;
    this.values.set(source.values.subarray(from, from + this.steps), base);
    this.kinds.set(source.kinds.subarray(from, from + this.steps), base);
    if (source.histograms === undefined) return;
    for (let step = 0; step < this.steps; step++) {
      const histogram = source.kinds[from + step] === HISTOGRAM ? source.histogram(from + step) : undefined;
      if (histogram !== undefined) this.setHistogram(base + step, histogram);
    }
  }

  #grow(needed: number): void {
    const capacity = Math.max(needed, this.values.length * 2);
    const values = new Float64Array(capacity);
    values.set(this.values);
    this.values = values;
    const kinds = new Uint8Array(capacity);
    kinds.set(this.kinds);
    this.kinds = kinds;
  }
}

/** One step for all: the only step of `grid` repeated. */
export function repeated(grid: Grid, steps: number): Grid {
  if (steps === 1) return grid;
  const wide = new Grid(steps, grid.rows);
  for (let row = 0; row < grid.rows; row++) {
    const base = wide.addRow(grid.labels[row] ?? {}, grid.dropsName[row]);
    const value = grid.at(row);
    for (let step = 0; step < steps; step++) wide.set(base + step, value);
  }
  return wide;
}
