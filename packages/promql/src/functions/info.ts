import type { Labels } from "@tocsin/model";
import type { Context } from "../engine/context.js";
import type { Frame } from "../engine/frame.js";
import { EMPTY, Grid } from "../engine/grid.js";
import { selectInstant } from "../engine/instant-selector.js";
import { fullKey } from "../engine/labels.js";
import { evalError } from "../errors.js";
import { createMatcher, type Matcher } from "../matcher.js";
import { type CallExpression, type LabelMatcher, type VectorSelector, withoutParens } from "../syntax/ast.js";

/** Labels by which an info series and the series that it describes know each other. */
const IDENTIFYING = ["instance", "job"] as const;

/**
 * `info(v, {…})`: adds the labels of info series (`target_info` unless `__name__` says otherwise) to the series with the
 * same `instance` and `job`. Conditions on other labels choose which labels are added; a series whose info has none of
 * them goes, unless every condition accepts the empty value.
 */
export async function callInfo(
  call: CallExpression,
  base: Grid,
  frame: Frame,
  context: Context,
): Promise<Grid> {
  const selector = call.args[1] === undefined ? undefined : withoutParens(call.args[1]);
  const conditions = selector?.kind === "vector-selector" ? selector.matchers : [];
  const nameConditions = conditions.filter(({ name }) => name === "__name__");
  const dataConditions = conditions.filter(({ name }) => name !== "__name__");
  const names = compile(nameConditions.length > 0 ? nameConditions : [targetInfo(call)]);
  // Info series are not enriched themselves. Which they are is only said by a name, or by giving no conditions at all.
  const saysWhich = nameConditions.length > 0 || selector === undefined;
  const isInfo = (labels: Labels) =>
    saysWhich && names.every((matcher) => matcher.matches(labels.__name__ ?? ""));
  const infos = await selectInfos(call, [...names, ...compile(dataConditions)], frame, context);
  const wanted = new Set(dataConditions.map(({ name }) => name));
  const acceptsNothing = compile(dataConditions).every((matcher) => matcher.matches(""));
  const output = new Grid(base.steps, base.rows);
  for (let row = 0; row < base.rows; row++) {
    const labels = base.labels[row] ?? {};
    const bases = new Map<string, number>();
    const candidates = isInfo(labels) ? undefined : infos.byIdentity.get(identityOf(labels));
    for (let step = 0; step < base.steps; step++) {
      const value = base.at(row * base.steps + step);
      if (value === undefined) continue;
      const added =
        candidates === undefined ? undefined : infoLabels(infos.grid, candidates, step, wanted, labels);
      if (added === undefined && !acceptsNothing && !isInfo(labels)) continue;
      const result = { ...added, ...labels };
      const key = fullKey(result);
      let at = bases.get(key);
      if (at === undefined) {
        at = output.addRow(result, base.dropsName[row]);
        bases.set(key, at);
      }
      output.set(at + step, value);
    }
  }
  return output;
}

function targetInfo(call: CallExpression): LabelMatcher {
  return { name: "__name__", operator: "=", value: "target_info", range: call.range };
}

function compile(conditions: readonly LabelMatcher[]): Matcher[] {
  return conditions.map(({ name, operator, value }) => createMatcher(name, operator, value));
}

function identityOf(labels: Labels): string {
  return IDENTIFYING.map((name) => labels[name] ?? "").join("\u0000");
}

interface Infos {
  /** Times of the info samples, in seconds: where two series describe the same target the newer one counts. */
  readonly grid: Grid;
  readonly byIdentity: ReadonlyMap<string, readonly number[]>;
}

async function selectInfos(
  call: CallExpression,
  matchers: readonly Matcher[],
  frame: Frame,
  context: Context,
): Promise<Infos> {
  const selector: VectorSelector = {
    kind: "vector-selector",
    name: undefined,
    matchers: matchers.map(({ name, operator, value }) => ({ name, operator, value, range: call.range })),
    offset: undefined,
    at: undefined,
    mode: undefined,
    range: call.range,
  };
  const grid = await selectInstant(selector, frame, context, "timestamp");
  const byIdentity = new Map<string, number[]>();
  for (let row = 0; row < grid.rows; row++) {
    const labels = grid.labels[row] ?? {};
    if (IDENTIFYING.every((name) => labels[name] === undefined)) continue;
    const key = identityOf(labels);
    const rows = byIdentity.get(key);
    if (rows === undefined) byIdentity.set(key, [row]);
    else rows.push(row);
  }
  return { grid, byIdentity };
}

/** Labels to add at one step; undefined when no info series is there. */
function infoLabels(
  infos: Grid,
  candidates: readonly number[],
  step: number,
  wanted: ReadonlySet<string>,
  own: Labels,
): Record<string, string> | undefined {
  const newestByName = new Map<string, { row: number; time: number }>();
  for (const row of candidates) {
    const cell = row * infos.steps + step;
    if (infos.kinds[cell] === EMPTY) continue;
    const name = infos.labels[row]?.__name__ ?? "";
    const time = infos.values[cell] ?? 0;
    const known = newestByName.get(name);
    if (known !== undefined && known.time === time) {
      throw evalError(
        `found duplicate series for info metric: existing ${name}, new ${name} at the same time`,
      );
    }
    if (known === undefined || known.time < time) newestByName.set(name, { row, time });
  }
  if (newestByName.size === 0) return undefined;
  const labels: Record<string, string> = {};
  for (const { row } of newestByName.values()) {
    for (const [name, value] of Object.entries(infos.labels[row] ?? {})) {
      if (name === "__name__" || IDENTIFYING.some((each) => each === name)) continue;
      if (wanted.size > 0 && !wanted.has(name)) continue;
      if (own[name] !== undefined) continue;
      if (labels[name] !== undefined && labels[name] !== value) throw evalError(`conflicting label: ${name}`);
      labels[name] = value;
    }
  }
  return labels;
}
