import type { Labels } from "@tocsin/model";
import { evalError } from "../errors.js";
import { EMPTY, Grid, HISTOGRAM } from "./grid.js";

/** Labels that describe the metric rather than the series: they go wherever the name goes. */
const METADATA_LABELS: ReadonlySet<string> = new Set(["__name__", "__type__", "__unit__"]);

/** Whether a label goes wherever the metric name goes. */
export function isMetadataLabel(name: string): boolean {
  return METADATA_LABELS.has(name);
}

/** Labels without the name, type and unit; the same object when there is none of them. */
export function withoutMetadata(labels: Labels): Labels {
  if (labels.__name__ === undefined && labels.__type__ === undefined && labels.__unit__ === undefined)
    return labels;
  const rest: Record<string, string> = {};
  for (const name in labels) if (!METADATA_LABELS.has(name)) rest[name] = labels[name] ?? "";
  return rest;
}

/** Sorted-names key of the labels that pass; equal exactly for equal label sets. */
export function keyOf(labels: Labels, passes: (name: string) => boolean): string {
  const names: string[] = [];
  for (const name in labels) if (passes(name)) names.push(name);
  if (names.length > 1) names.sort();
  let key = "";
  for (const name of names) key += `${name}\u0000${labels[name]}\u0001`;
  return key;
}

/** Key of a whole label set. */
export function fullKey(labels: Labels): string {
  return keyOf(labels, everyName);
}

function everyName(): boolean {
  return true;
}

/** The labels that pass, as a new object. */
export function pick(labels: Labels, passes: (name: string) => boolean): Labels {
  const picked: Record<string, string> = {};
  for (const name in labels) if (passes(name)) picked[name] = labels[name] ?? "";
  return picked;
}

/** Message for two series that would carry the same labels at the same time. */
export const SAME_LABELSET = "vector cannot contain metrics with the same labelset";

/**
 * Joins rows that carry the same labels but never a sample at the same step.
 *
 * @throws {PromQLError} PROMQL_EVAL when two of them do.
 */
export function mergeSameLabels(grid: Grid): Grid {
  const firstByKey = new Map<string, number>();
  const duplicates: [row: number, first: number][] = [];
  for (let row = 0; row < grid.rows; row++) {
    const key = fullKey(grid.labels[row] ?? {});
    const first = firstByKey.get(key);
    if (first === undefined) firstByKey.set(key, row);
    else duplicates.push([row, first]);
  }
  if (duplicates.length === 0) return grid;
  for (const [row, first] of duplicates) mergeRow(grid, row, first);
  const gone = new Set(duplicates.map(([row]) => row));
  const merged = new Grid(grid.steps, grid.rows - gone.size);
  for (let row = 0; row < grid.rows; row++) {
    if (!gone.has(row)) merged.copyRow(grid, row, grid.labels[row] ?? {}, grid.dropsName[row] ?? false);
  }
  return merged;
}

function mergeRow(grid: Grid, row: number, into: number): void {
  for (let step = 0; step < grid.steps; step++) {
    const source = row * grid.steps + step;
    const target = into * grid.steps + step;
    const kind = grid.kinds[source];
    if (kind === EMPTY) continue;
    if (grid.kinds[target] !== EMPTY) throw evalError(SAME_LABELSET);
    const histogram = kind === HISTOGRAM ? grid.histogram(source) : undefined;
    if (histogram === undefined) grid.setFloat(target, grid.values[source] ?? Number.NaN);
    else grid.setHistogram(target, histogram);
  }
}

/** Takes the names out of the rows marked for it, and joins what becomes equal. @throws {PromQLError} PROMQL_EVAL */
export function settleNames(grid: Grid): Grid {
  if (!grid.dropsName.includes(true)) return grid;
  for (let row = 0; row < grid.rows; row++) {
    if (!grid.dropsName[row]) continue;
    grid.labels[row] = withoutMetadata(grid.labels[row] ?? {});
    grid.dropsName[row] = false;
  }
  return mergeSameLabels(grid);
}

/**
 * Marks every row as to lose its name. Without delayed removal the names go at once, unless all rows share one name:
 * then nothing can become equal, and taking the name out can wait until somebody looks (see `namesSettled`).
 */
export function dropNames(grid: Grid, isDelayed: boolean): Grid {
  let isUniform = true;
  const first = grid.labels[0];
  for (let row = 0; row < grid.rows; row++) {
    grid.dropsName[row] = true;
    const labels = grid.labels[row];
    if (
      labels?.__name__ !== first?.__name__ ||
      labels?.__type__ !== first?.__type__ ||
      labels?.__unit__ !== first?.__unit__
    ) {
      isUniform = false;
    }
  }
  return isDelayed || isUniform ? grid : settleNames(grid);
}

/** The grid as those must see it that look at metric names: without delayed removal, marked names are gone. */
export function namesSettled(grid: Grid, isDelayed: boolean): Grid {
  return isDelayed ? grid : settleNames(grid);
}
