import { formatLabels, type Labels } from "@tocsin/model";
import { evalError, type PromQLError } from "../errors.js";
import type { Histogram } from "../histogram/histogram.js";
import { type BinaryExpression, COMPARISONS, type VectorMatching } from "../syntax/ast.js";
import { DEFAULT_MATCHING } from "../syntax/lower.js";
import { floatOperation, histogramOperation, sampleType } from "./binary-cell.js";
import type { Context } from "./context.js";
import { EMPTY, Grid } from "./grid.js";
import { dropNames, fullKey, mergeSameLabels, withoutMetadata } from "./labels.js";
import { rowsByKey, type Signature, signatureOf } from "./signatures.js";

/** Arithmetic or comparison of two vectors: rows are matched once, then walked along the steps together. */
export async function matchVectors(
  expression: BinaryExpression,
  left: Grid,
  right: Grid,
  context: Context,
): Promise<Grid> {
  return new Matching(expression, left, right, context).run();
}

/** One piece, because the two sides, the output and the duplicate checks belong together at every step. */
class Matching {
  readonly #expression: BinaryExpression;
  readonly #matching: VectorMatching;
  readonly #context: Context;
  readonly #signature: Signature;
  /** The side of which many rows may match one row of the other. */
  readonly #many: Grid;
  readonly #one: Grid;
  readonly #isSwapped: boolean;
  readonly #fillMany: number | undefined;
  readonly #fillOne: number | undefined;
  readonly #output: Grid;
  readonly #compares: boolean;
  #mayCollide = false;

  constructor(expression: BinaryExpression, left: Grid, right: Grid, context: Context) {
    this.#expression = expression;
    this.#matching = expression.matching ?? DEFAULT_MATCHING;
    this.#context = context;
    this.#signature = signatureOf(this.#matching);
    this.#isSwapped = this.#matching.cardinality === "one-to-many";
    [this.#many, this.#one] = this.#isSwapped ? [right, left] : [left, right];
    // As in Prometheus, with group_right the many side is filled by fill_left all the same.
    this.#fillMany = this.#matching.fillLeft;
    this.#fillOne = this.#matching.fillRight;
    this.#output = new Grid(left.steps, Math.max(1, this.#many.rows));
    this.#compares = COMPARISONS.has(expression.operator);
  }

  async run(): Promise<Grid> {
    const { governor } = this.#context;
    const manyRows = rowsByKey(this.#many.labels, this.#signature);
    const oneRows = rowsByKey(this.#one.labels, this.#signature);
    for (const [key, rows] of oneRows) if (rows.length > 1) this.#checkOneSide(rows, manyRows.get(key));
    for (const [key, rows] of manyRows) {
      const partners = oneRows.get(key);
      if (partners === undefined && this.#fillOne === undefined) continue;
      this.#matchGroup(rows, partners ?? []);
      if (governor.spend(this.#many.steps * rows.length)) await governor.nextTurn();
    }
    if (this.#fillMany !== undefined) {
      for (const [key, rows] of oneRows) this.#fillMissingMany(rows, manyRows.get(key) ?? []);
    }
    return this.#finished();
  }

  #finished(): Grid {
    let output = this.#output;
    if (this.#mayCollide || this.#matching.include.length > 0) output = mergeSameLabels(output);
    if (!this.#expression.returnsBool) return output;
    return dropNames(output, this.#context.delaysNameRemoval);
  }

  #matchGroup(rows: readonly number[], partners: readonly number[]): void {
    const steps = this.#many.steps;
    const isOneToOne = this.#matching.cardinality === "one-to-one";
    // Who was matched at each step; needed only where two rows could be.
    const taken = rows.length > 1 ? new Map<number, Set<string>>() : undefined;
    if (rows.length > 1) this.#mayCollide = true;
    for (const row of rows) {
      const bases = new Map<number, number>();
      for (let step = 0; step < steps; step++) {
        const cell = row * steps + step;
        if (this.#many.kinds[cell] === EMPTY) continue;
        const partner = partners.find((each) => this.#one.kinds[each * steps + step] !== EMPTY);
        if (partner === undefined && this.#fillOne === undefined) continue;
        const many = this.#many.at(cell) ?? Number.NaN;
        const one = partner === undefined ? this.#fillOne : this.#one.at(partner * steps + step);
        const result = this.#combine(many, one ?? Number.NaN);
        if (result === undefined) continue;
        const base = this.#baseOf(row, partner, bases);
        if (taken !== undefined) this.#claim(taken, step, isOneToOne ? "" : fullKey(this.#labelsAt(base)));
        this.#output.set(base + step, result);
      }
    }
  }

  #labelsAt(base: number): Labels {
    return this.#output.labels[base / this.#output.steps] ?? {};
  }

  #claim(taken: Map<number, Set<string>>, step: number, key: string): void {
    const keys = taken.get(step) ?? new Set<string>();
    if (keys.has(key)) {
      throw evalError(
        this.#matching.cardinality === "one-to-one"
          ? "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
          : "multiple matches for labels: grouping labels must ensure unique matches",
      );
    }
    keys.add(key);
    taken.set(step, keys);
  }

  /** First output cell for a row of the many side; which partner it met matters only when labels are copied from it. */
  #baseOf(row: number, partner: number | undefined, bases: Map<number, number>): number {
    const which = this.#matching.include.length > 0 ? (partner ?? -1) : -2;
    let base = bases.get(which);
    if (base === undefined) {
      const many = this.#many.labels[row] ?? {};
      const one = partner === undefined ? this.#signature.pick(many) : (this.#one.labels[partner] ?? {});
      base = this.#addRow(many, one, this.#many.dropsName[row] ?? false);
      bases.set(which, base);
    }
    return base;
  }

  /** Rows of the one side without a partner stand in for one row of the many side, with the labels they match on. */
  #fillMissingMany(rows: readonly number[], manyRows: readonly number[]): void {
    const steps = this.#one.steps;
    let base: number | undefined;
    for (let step = 0; step < steps; step++) {
      const row = rows.find((each) => this.#one.kinds[each * steps + step] !== EMPTY);
      if (row === undefined || manyRows.some((each) => this.#many.kinds[each * steps + step] !== EMPTY))
        continue;
      const one = this.#one.at(row * steps + step) ?? Number.NaN;
      const result = this.#combine(this.#fillMany ?? Number.NaN, one);
      if (result === undefined) continue;
      const labels = this.#one.labels[row] ?? {};
      base ??= this.#addRow(this.#signature.pick(labels), labels, false);
      this.#mayCollide = true;
      this.#output.set(base + step, result);
    }
  }

  #addRow(many: Labels, one: Labels, dropsName: boolean): number {
    this.#context.governor.hold(this.#output.steps);
    const isFilter =
      this.#compares || this.#expression.operator === "</" || this.#expression.operator === ">/";
    return this.#output.addRow(this.#resultLabels(many, one, isFilter), isFilter && dropsName);
  }

  #resultLabels(many: Labels, one: Labels, keepsName: boolean): Labels {
    let labels = keepsName ? many : withoutMetadata(many);
    const { cardinality, isOn, labels: matched, include } = this.#matching;
    if (cardinality === "one-to-one") {
      if (isOn) labels = pickNamed(labels, (name) => matched.includes(name));
      else if (matched.length > 0) labels = pickNamed(labels, (name) => !matched.includes(name));
    }
    if (include.length === 0) return labels;
    const copied: Record<string, string> = { ...labels };
    for (const name of include) {
      const value = one[name];
      if (value === undefined || value === "") delete copied[name];
      else copied[name] = value;
    }
    return copied;
  }

  #combine(many: number | Histogram, one: number | Histogram): number | Histogram | undefined {
    const { operator, returnsBool, range } = this.#expression;
    const { notes } = this.#context;
    const [left, right] = this.#isSwapped ? [one, many] : [many, one];
    if (typeof left === "number" && typeof right === "number" && operator !== "</" && operator !== ">/") {
      const result = floatOperation(operator, left, right);
      if (!this.#compares || returnsBool) return result;
      return result === 1 ? left : undefined;
    }
    const result = histogramOperation(operator, left, right);
    switch (result.kind) {
      case "value":
        if (result.note === "collision")
          notes.resetCollision(operator === "+" ? "addition" : "subtraction", range);
        if (result.note === "reconciled")
          notes.boundsReconciled(operator === "+" ? "addition" : "subtraction", range);
        return result.value;
      case "comparison":
        if (returnsBool) return result.holds ? 1 : 0;
        return result.holds ? left : undefined;
      case "incompatible-types":
        notes.incompatibleTypes(sampleType(left), operator, sampleType(right), range);
        return undefined;
      case "incompatible-buckets":
        notes.warn(`incompatible bucket layout encountered for binary operator ${operator}`, range);
        return undefined;
    }
  }

  /** Two rows of the one side must not both have a sample where the many side could match them. */
  #checkOneSide(rows: readonly number[], manyRows: readonly number[] | undefined): void {
    if (manyRows === undefined && this.#fillMany === undefined && this.#many.rows === 0) return;
    const { steps } = this.#one;
    for (let step = 0; step < steps; step++) {
      const present = rows.filter((row) => this.#one.kinds[row * steps + step] !== EMPTY);
      if (present.length > 1 && this.#hasAnyMany(step)) throw this.#duplicates(present);
    }
  }

  #hasAnyMany(step: number): boolean {
    const { rows, steps, kinds } = this.#many;
    for (let row = 0; row < rows; row++) if (kinds[row * steps + step] !== EMPTY) return true;
    return this.#fillMany !== undefined;
  }

  #duplicates([first, second]: readonly number[]): PromQLError {
    const labelsOf = (row: number | undefined) => this.#one.labels[row ?? -1] ?? {};
    const group = formatLabels(this.#signature.pick(labelsOf(first)));
    const side = this.#isSwapped ? "left" : "right";
    return evalError(
      `found duplicate series for the match group ${group} on the ${side} hand-side of the operation: [${formatLabels(labelsOf(second))}, ${formatLabels(labelsOf(first))}];many-to-many matching not allowed: matching labels must be unique on one side`,
    );
  }
}

function pickNamed(labels: Labels, passes: (name: string) => boolean): Labels {
  const picked: Record<string, string> = {};
  for (const name in labels) if (passes(name)) picked[name] = labels[name] ?? "";
  return picked;
}
