import type { EvidenceHistory } from "@tocsin/alerts";
import type { Labels, UnixMs } from "@tocsin/model";
import { type Expression, MatrixResult, parse, print, type Queryable, valueType } from "@tocsin/promql";

const POINTS = 30;
const LEAST_MS = 15 * 60_000;
const MOST_MS = 6 * 3_600_000;
/** This much of the time before the condition held is shown, so that one sees it change. */
const BEFORE_MS = 10 * 60_000;

/**
 * How the value of an alert's expression went until now. A filter by a number at its top is taken off, so that also the
 * values below it are seen, and given as the threshold.
 *
 * @returns undefined where the condition is no PromQL, or no series of it is the alert's
 */
export async function valueHistory(
  condition: string,
  labels: Labels,
  activeAtMs: UnixMs,
  nowMs: UnixMs,
  queryable: Pick<Queryable, "rangeQuery">,
  signal: AbortSignal,
): Promise<EvidenceHistory | undefined> {
  const watched = watchedValue(condition);
  if (!watched) return undefined;
  const wantedMs = Math.min(MOST_MS, Math.max(LEAST_MS, nowMs - activeAtMs + BEFORE_MS));
  const stepMs = Math.ceil(wantedMs / POINTS / 1_000) * 1_000;
  const startMs = nowMs - (POINTS - 1) * stepMs;
  const result = await queryable.rangeQuery(watched.expression, startMs, nowMs, stepMs, { signal });
  if (!(result instanceof MatrixResult)) return undefined;
  const series = result.series.find((each) =>
    Object.entries(each.labels).every(([name, value]) => name === "__name__" || labels[name] === value),
  );
  if (!series) return undefined;
  const values: (number | null)[] = Array.from({ length: POINTS }, () => null);
  for (const [index, atMs] of series.timestamps.entries()) {
    const value = series.values[index] ?? Number.NaN;
    values[Math.round((atMs - startMs) / stepMs)] = Number.isFinite(value) ? value : null;
  }
  return { startMs, stepMs, values, ...watched };
}

function watchedValue(
  condition: string,
):
  | (Required<Pick<EvidenceHistory, "expression">> & Pick<EvidenceHistory, "operator" | "threshold">)
  | undefined {
  let expression: Expression;
  try {
    expression = parse(condition);
  } catch {
    return undefined;
  }
  while (expression.kind === "paren") expression = expression.expression;
  if (expression.kind === "binary" && COMPARISONS.has(expression.operator) && !expression.returnsBool) {
    const threshold = numberIn(expression.right);
    if (threshold !== undefined && valueType(expression.left) === "vector")
      return { expression: print(expression.left), operator: expression.operator, threshold };
  }
  return { expression: print(expression) };
}

const COMPARISONS: ReadonlySet<string> = new Set([">", "<", ">=", "<=", "==", "!="]);

function numberIn(expression: Expression): number | undefined {
  if (expression.kind === "number") return expression.value;
  if (expression.kind === "paren") return numberIn(expression.expression);
  if (expression.kind !== "unary") return undefined;
  const inner = numberIn(expression.expression);
  return inner === undefined ? undefined : expression.operator === "-" ? -inner : inner;
}
