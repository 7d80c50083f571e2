import { evalError } from "../errors.js";
import { histogramToJson } from "../result-json.js";
import type { AggregateExpression } from "../syntax/ast.js";
import type { Context } from "./context.js";
import { FLOAT, Grid } from "./grid.js";
import { groupRows } from "./grouping.js";
import { fullKey } from "./labels.js";

/** `count_values`: how many series of a group have each value, the value as a label. */
export function countValues(
  input: Grid,
  grouping: AggregateExpression["grouping"],
  label: string,
  context: Context,
): Grid {
  if (label === "" || label.includes("\ufffd"))
    throw evalError(`invalid label name ${JSON.stringify(label)}`);
  const groups = groupRows(input, grouping);
  const output = new Grid(input.steps, groups.labels.length);
  const bases = new Map<string, number>();
  for (let row = 0; row < input.rows; row++) {
    const group = groups.groupOf[row] ?? 0;
    for (let step = 0; step < input.steps; step++) {
      const value = input.at(row * input.steps + step);
      if (value === undefined) continue;
      const text = typeof value === "number" ? plainNumber(value) : JSON.stringify(histogramToJson(value));
      const labels = { ...groups.labels[group], [label]: text };
      const key = fullKey(labels);
      let base = bases.get(key);
      if (base === undefined) {
        base = output.addRow(labels, label !== "__name__" && groups.dropsName[group]);
        bases.set(key, base);
        context.governor.hold(input.steps);
      }
      const cell = base + step;
      output.setFloat(cell, (output.kinds[cell] === FLOAT ? (output.values[cell] ?? 0) : 0) + 1);
    }
  }
  return output;
}

/** A number without exponent, as Go's `FormatFloat(x, 'f', -1, 64)`. */
function plainNumber(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
  const text = Object.is(value, -0) ? "-0" : String(value);
  const [digits = "", exponent] = text.split("e");
  if (exponent === undefined) return text;
  const sign = digits.startsWith("-") ? "-" : "";
  const [whole = "", fraction = ""] = digits.replace("-", "").split(".");
  const shift = Number(exponent);
  if (shift > 0) return sign + whole + fraction.padEnd(shift, "0");
  return `${sign}0.${"0".repeat(-shift - 1)}${whole}${fraction}`;
}
