import type { Labels } from "@tocsin/model";
import type { AggregateExpression } from "../syntax/ast.js";
import type { Grid } from "./grid.js";
import { isMetadataLabel, keyOf, pick } from "./labels.js";

/** Rows of an input by group; groups in order of their first row. */
export interface Grouping {
  /** Group of each row. */
  readonly groupOf: Int32Array;
  readonly labels: readonly Labels[];
  readonly dropsName: readonly boolean[];
}

/** Finds the group of every row. */
export function groupRows(input: Grid, { kind, labels: names }: AggregateExpression["grouping"]): Grouping {
  const groupOf = new Int32Array(input.rows);
  const labels: Labels[] = [];
  const dropsName: boolean[] = [];
  const byKey = new Map<string, number>();
  const listed = new Set(names);
  const passes =
    kind === "by"
      ? (name: string) => listed.has(name)
      : (name: string) => name !== "__name__" && !listed.has(name);
  const keepsName = kind === "by" && names.some(isMetadataLabel);
  const sortedNames = [...listed].sort();
  for (let row = 0; row < input.rows; row++) {
    const all = input.labels[row] ?? {};
    const key = kind === "by" ? keyOfNamed(all, sortedNames) : keyOf(all, passes);
    let group = byKey.get(key);
    if (group === undefined) {
      group = labels.length;
      byKey.set(key, group);
      labels.push(pick(all, passes));
      dropsName.push(false);
    }
    groupOf[row] = group;
    if ((keepsName || kind === "without") && input.dropsName[row]) dropsName[group] = true;
  }
  return { groupOf, labels, dropsName };
}

function keyOfNamed(labels: Labels, names: readonly string[]): string {
  if (names.length === 0) return "";
  let key = "";
  for (const name of names) key += `${labels[name] ?? ""}\u0000`;
  return key;
}
