import type { Labels } from "@tocsin/model";
import { RE2JS } from "re2js";
import type { Context } from "../engine/context.js";
import type { Grid } from "../engine/grid.js";
import { mergeSameLabels, namesSettled } from "../engine/labels.js";
import { evalError } from "../errors.js";

/**
 * `label_replace`: where the whole value of the source label matches the regex, the destination label becomes the
 * replacement with its `$1` and `${name}` filled in.
 */
export function labelReplace(
  input: Grid,
  [destination, replacement, source, pattern]: readonly [string, string, string, string],
  context: Context,
): Grid {
  const regex = compiled(pattern);
  checkLabelName(destination, "label_replace");
  const grid = namesSettled(input, context.delaysNameRemoval);
  for (let row = 0; row < grid.rows; row++) {
    const labels = grid.labels[row] ?? {};
    const match = regex.matcher(labels[source] ?? "");
    if (!match.matches()) continue;
    const value = expanded(replacement, (name) => groupOf(match, name));
    grid.labels[row] = withLabel(labels, destination, value);
    if (destination === "__name__") grid.dropsName[row] = false;
  }
  return context.delaysNameRemoval ? collisionsChecked(grid) : mergeSameLabels(grid);
}

/** `label_join`: the destination label becomes the source labels' values with a separator between. */
export function labelJoin(
  input: Grid,
  destination: string,
  separator: string,
  sources: readonly string[],
  context: Context,
): Grid {
  checkLabelName(destination, "label_join");
  const grid = namesSettled(input, context.delaysNameRemoval);
  for (let row = 0; row < grid.rows; row++) {
    const labels = grid.labels[row] ?? {};
    grid.labels[row] = withLabel(
      labels,
      destination,
      sources.map((name) => labels[name] ?? "").join(separator),
    );
    if (destination === "__name__") grid.dropsName[row] = false;
  }
  return context.delaysNameRemoval ? collisionsChecked(grid) : mergeSameLabels(grid);
}

function collisionsChecked(grid: Grid): Grid {
  return mergeSameLabels(grid);
}

function compiled(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern, RE2JS.DOTALL);
  } catch (error) {
    throw evalError(
      `invalid regular expression in label_replace(): ${pattern} (${error instanceof Error ? error.message : error})`,
    );
  }
}

/** Any UTF-8 text is a label name; what does not decode as such is not. */
function checkLabelName(name: string, where: string): void {
  if (name === "" || name.includes("\ufffd"))
    throw evalError(`invalid destination label name in ${where}(): ${name}`);
}

function withLabel(labels: Labels, name: string, value: string): Labels {
  const { [name]: _old, ...rest } = labels;
  return value === "" ? rest : { ...rest, [name]: value };
}

const REFERENCE = /\$(?:\$|(\w+)|\{(\w+)\})/g;

/** Go's template for regex replacements: the longest name after `$` counts, an unknown one is empty, `$$` is a dollar. */
function expanded(template: string, group: (name: string) => string): string {
  return template.replace(REFERENCE, (found, bare: string | undefined, braced: string | undefined) =>
    found === "$$" ? "$" : group(bare ?? braced ?? ""),
  );
}

function groupOf(
  match: { group(which: number | string): string | null; groupCount(): number },
  name: string,
): string {
  if (/^\d+$/.test(name)) return Number(name) <= match.groupCount() ? (match.group(Number(name)) ?? "") : "";
  try {
    return match.group(name) ?? "";
  } catch {
    return "";
  }
}
