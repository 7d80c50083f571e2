import { nearestName } from "@tocsin/model";
import type { Problem } from "@tocsin/model/config";
import { type Expression, parse, type VectorSelector, walk } from "@tocsin/promql";
import { problemIn, type SloOrigins } from "../slo/origin.js";
import type { WrittenQuery } from "./check-queries.js";

/** What a running collector, or any server with Prometheus's API, says of the series that it has ever kept. */
export interface KnownSeries {
  metrics(): Promise<readonly string[]>;
  labels(metric: string): Promise<readonly string[]>;
  values(metric: string, label: string): Promise<readonly string[]>;
}

/** What every service that a collector has seen has. */
const SERVICE_METRIC = "tocsin_service_requests_total";
/** Indicators that are measured from the service's own requests. */
const BY_SERVICE: ReadonlySet<string> = new Set(["availability", "latency"]);

/** Series that come and go with alerts; having none is good news. */
const OF_ALERTS: ReadonlySet<string> = new Set(["ALERTS", "ALERTS_FOR_STATE"]);

/**
 * Warns of queries that ask for what never was: a metric that was never seen, a label that the metric has not, a value
 * that the label never had. Each with its place and the nearest name; a query that cannot be parsed is passed over,
 * since another check says so.
 *
 * @param recorded series that recording rules beside the queries will make
 */
export async function neverSeen(
  queries: readonly WrittenQuery[],
  recorded: readonly string[],
  known: KnownSeries,
): Promise<Problem[]> {
  if (queries.length === 0) return [];
  const metrics = new Set(await known.metrics());
  const recordable = new Set([...recorded, ...OF_ALERTS]);
  const problems: Problem[] = [];
  for (const query of queries) {
    for (const selector of selectorsOf(query.text)) {
      const { name } = selector;
      if (name === undefined || (recordable.has(name) && !metrics.has(name))) continue;
      if (metrics.has(name)) problems.push(...(await unseenMatchers(query, selector, name, known)));
      else {
        const nearest = nearestName(name, [...metrics, ...recorded]);
        problems.push(
          query.problem(selector.range.from, name.length, {
            severity: "warning",
            code: "promql/never-seen",
            message: `${name} was never seen here, so this selects nothing.`,
            hint: nearest ? `Did you mean ${nearest}?` : undefined,
          }),
        );
      }
    }
  }
  return problems;
}

/**
 * Warns of SLOs whose service was never seen, where the server knows services. A service that was just written and has
 * not started yet is warned of too; that is what the warning says.
 */
export async function unknownServices(origins: SloOrigins, known: KnownSeries): Promise<Problem[]> {
  if (!(await known.metrics()).includes(SERVICE_METRIC)) return [];
  const services = await known.values(SERVICE_METRIC, "service");
  return [...origins].flatMap(([{ service, sli }, origin]) => {
    if (!BY_SERVICE.has(sli.kind) || services.includes(service)) return [];
    const nearest = nearestName(service, services);
    return [
      problemIn(origin, ["service"], {
        severity: "warning",
        code: "slo/service-never-seen",
        message: `The service "${service}" was never seen here, so the SLO has no data yet.`,
        hint: nearest ? `Did you mean "${nearest}"?` : undefined,
      }),
    ];
  });
}

async function unseenMatchers(
  query: WrittenQuery,
  selector: VectorSelector,
  metric: string,
  known: KnownSeries,
): Promise<Problem[]> {
  const asked = selector.matchers.filter(
    ({ name, operator, value }) => name !== "__name__" && operator === "=" && value !== "",
  );
  if (asked.length === 0) return [];
  const labels = await known.labels(metric);
  const problems: Problem[] = [];
  for (const { name, value, range } of asked) {
    if (!labels.includes(name)) {
      const nearest = nearestName(name, labels);
      problems.push(
        query.problem(range.from, name.length, {
          severity: "warning",
          code: "promql/never-seen",
          message: `${metric} never had a label "${name}", so this selects nothing.`,
          hint: nearest
            ? `Did you mean "${nearest}"?`
            : `It has ${labels.filter((label) => label !== "__name__").join(", ") || "none"}.`,
        }),
      );
      continue;
    }
    if (query.mayBeEmpty) continue;
    const values = await known.values(metric, name);
    if (values.includes(value)) continue;
    const nearest = nearestName(value, values);
    problems.push(
      query.problem(range.from, range.to - range.from, {
        severity: "warning",
        code: "promql/never-seen",
        message: `${metric} was never seen with ${name}="${value}", so this selects nothing.`,
        hint: nearest ? `Did you mean "${nearest}"?` : `Seen: ${shortList(values)}.`,
      }),
    );
  }
  return problems;
}

/** Selectors of a query, but for those within `absent`, whose purpose is to find nothing. */
function selectorsOf(text: string): VectorSelector[] {
  let expression: Expression;
  try {
    expression = parse(text);
  } catch {
    return [];
  }
  const found = new Set<VectorSelector>();
  const expected = new Set<VectorSelector>();
  walk(expression, (node) => {
    if (node.kind === "vector-selector") found.add(node);
    if (node.kind === "call" && node.name.startsWith("absent")) {
      for (const argument of node.args)
        walk(argument, (inner) => inner.kind === "vector-selector" && expected.add(inner));
    }
  });
  return [...found].filter((selector) => !expected.has(selector));
}

function shortList(values: readonly string[]): string {
  const shown = values.slice(0, 5).map((value) => `"${value}"`);
  return values.length > shown.length ? `${shown.join(", ")}, …` : shown.join(", ");
}
