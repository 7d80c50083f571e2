import { formatDuration, nearestName } from "@tocsin/model";
import type { Path, Problem, ProblemText } from "@tocsin/model/config";
import { type Expression, PromQLError, parse, type VectorSelector, walk } from "@tocsin/promql";
import { BUILT_IN_GROUPS } from "../signals/group-keys.js";
import { percentWords, windowName } from "./budget.js";
import { problemIn, type SloOrigins, type TextPart } from "./origin.js";
import { nominalMs } from "./period.js";
import type { Sli, SloSpec } from "./spec.js";
import { lowestFiringObjective } from "./window-pair.js";

/** Something about an SLO that its author should know, with where it stands in the short form. */
export interface SloFinding extends ProblemText {
  /** Index of the SLO. */
  readonly index: number;
  /** Within the SLO, such as `["sli", "total"]`. */
  readonly path: Path;
  /** Within the text at `path`, for faults of a query. */
  readonly range?: TextPart;
}

/** Upper bounds that OpenTelemetry advises for request durations; SDKs measure with them unless told otherwise. */
const ADVISED_BOUNDS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** What is known of the collector that the SLOs are for. */
export interface LintOptions {
  /** How long history is kept. */
  readonly retentionMs?: number;
  /** The attributes of `signals.group_by`. */
  readonly groupBy?: readonly string[];
}

/**
 * Looks for SLOs that are well formed and yet cannot do what they are for.
 *
 * - error `slo/unknown-part`: a composite names an SLO that does not exist
 * - error `slo/unknown-group`: `by` names an attribute that signals are not grouped by
 * - error `slo/promql`: a query that cannot be parsed
 * - warning `slo/part-over-total`: a query for good or bad events that selects more than the one for all of them
 * - warning `slo/pair-never-fires`: the objective is so low that even an outage stays under a pair's limit
 * - warning `slo/pair-always-on`: a limit so low that a service that keeps its promise alerts
 * - warning `slo/short-window`: a period of minutes where months may be meant
 * - warning `slo/long-window`: a period beyond the retention of what it could be computed from again
 * - warning `slo/threshold-between-bounds`: a latency threshold at which measured histograms have no bound
 *
 */
export function lintSlos(specs: readonly SloSpec[], options: LintOptions = {}): SloFinding[] {
  return specs.flatMap((spec, index) =>
    [
      ...unknownParts(spec, specs),
      ...unknownGroups(spec, options.groupBy),
      ...brokenQueries(spec),
      ...partFindings(spec),
      ...pairFindings(spec),
      ...periodFindings(spec, options.retentionMs),
      ...thresholdFindings(spec),
    ].map((finding) => ({ ...finding, index })),
  );
}

/** Findings as problems at the places where the SLOs were written; SLOs without an origin have no place to show. */
export function lintProblems(
  specs: readonly SloSpec[],
  origins: SloOrigins,
  options: LintOptions = {},
): Problem[] {
  return lintSlos(specs, options).flatMap(({ index, path, range, severity = "warning", ...text }) => {
    const spec = specs[index];
    const origin = spec && origins.get(spec);
    return origin ? [problemIn(origin, path, { ...text, severity }, range)] : [];
  });
}

type Finding = Omit<SloFinding, "index">;

function unknownGroups({ by }: SloSpec, groupBy: readonly string[] | undefined): Finding[] {
  if (!groupBy) return [];
  const known = [...BUILT_IN_GROUPS, ...groupBy];
  return by.flatMap((key, index): Finding[] => {
    if (known.includes(key)) return [];
    const nearest = nearestName(key, known);
    return [
      {
        path: ["by", index],
        severity: "error",
        code: "slo/unknown-group",
        message: nearest
          ? `Signals are not told apart by "${key}". Did you mean "${nearest}"?`
          : `Signals are not told apart by "${key}". Add it to signals.group_by.`,
      },
    ];
  });
}

function unknownParts({ sli }: SloSpec, specs: readonly SloSpec[]): Finding[] {
  if (sli.kind !== "composite") return [];
  const names = specs.filter((each) => each.sli.kind !== "composite").map(({ name }) => name);
  return sli.parts.flatMap(({ slo }, index): Finding[] => {
    if (names.includes(slo)) return [];
    const nearest = nearestName(slo, names);
    return [
      {
        path: ["sli", "parts", index, "slo"],
        severity: "error",
        code: "slo/unknown-part",
        message: `There is no SLO "${slo}" that this one could be made of.`,
        hint: nearest ? `Did you mean "${nearest}"?` : undefined,
      },
    ];
  });
}

function brokenQueries({ sli }: SloSpec): Finding[] {
  return queriesOf(sli).flatMap(([field, query]): Finding[] => {
    try {
      parse(parsable(query));
      return [];
    } catch (error) {
      if (!(error instanceof PromQLError)) throw error;
      const range = error.range;
      return [
        {
          path: ["sli", field],
          severity: "error",
          code: "slo/promql",
          message: error.message.replace(/^\d+:\d+: /, "").replaceAll(PLACEHOLDER, () => "$window"),
          ...(range ? { range: { offset: range.from, length: Math.max(1, range.to - range.from) } } : {}),
        },
      ];
    }
  });
}

/** The queries of an indicator, each with its key in the short form. */
export function queriesOf(sli: Sli): [field: string, query: string][] {
  const all =
    sli.kind === "ratio"
      ? { good: sli.good, bad: sli.bad, total: sli.total }
      : "query" in sli
        ? { query: sli.query }
        : {};
  return Object.entries(all).filter((each): each is [string, string] => each[1] !== undefined);
}

/** A duration as long as `$window`, so that places in the text stay what they are. */
const PLACEHOLDER = "000060s";

/** A query of an SLO as PromQL without placeholders, of the same length. */
export function parsable(query: string): string {
  return query.replaceAll("$window", PLACEHOLDER);
}

/** Finds good or bad events that are, by their selectors, more than the total, or the very same. */
function partFindings({ sli }: SloSpec): Finding[] {
  if (sli.kind !== "ratio") return [];
  const total = onlySelector(sli.total);
  return (["good", "bad"] as const).flatMap((field): Finding[] => {
    const part = sli[field] === undefined ? undefined : onlySelector(sli[field]);
    if (!part || !total || part.name !== total.name) return [];
    const isWider = part.matchers.every((matcher) => total.matchers.includes(matcher));
    if (!isWider) return [];
    const isSame = part.matchers.length === total.matchers.length;
    return [
      {
        path: ["sli", field],
        code: "slo/part-over-total",
        message: isSame
          ? `The ${field} events are selected just as all events are, so every event is ${field}.`
          : `The ${field} events are selected without conditions that all events have, so there are more of them than in all.`,
        hint: "Give it every condition of total, and one more.",
      },
    ];
  });
}

/** What a query selects, where that is one selector; undefined for others and for what cannot be parsed. */
function onlySelector(query: string): { name: string; matchers: readonly string[] } | undefined {
  let expression: Expression;
  try {
    expression = parse(parsable(query));
  } catch {
    return undefined;
  }
  const found: VectorSelector[] = [];
  walk(expression, (node) => {
    if (node.kind === "vector-selector") found.push(node);
  });
  const [selector] = found;
  if (!selector || found.length > 1) return undefined;
  const matchers = selector.matchers.map(({ name, operator, value }) => `${name}${operator}${value}`);
  return { name: selector.name ?? "", matchers };
}

function pairFindings({ objective, pairs, sli }: SloSpec): Finding[] {
  if (sli.kind === "composite") return [];
  return pairs.flatMap((pair): Finding[] => {
    const name = `${windowName(pair.longMs)}/${windowName(pair.shortMs)}`;
    const limit = Number(pair.burnRate.toPrecision(3));
    if (objective <= lowestFiringObjective(pair)) {
      return [
        {
          path: ["objective"],
          code: "slo/pair-never-fires",
          message: `At an objective of ${percentWords(objective, 6)} the ${pair.severity} pair ${name} can never fire: even with every event bad the burn rate is ${Number((1 / (1 - objective)).toPrecision(3))}, and its limit is ${limit}.`,
          hint: `Choose an objective over ${percentWords(lowestFiringObjective(pair), 4)}, or pairs with lower limits.`,
        },
      ];
    }
    // The slowest default pair of a period of 28 days stands at 0.93, by custom.
    if (pair.burnRate >= 0.9) return [];
    return [
      {
        path: ["alerting", "pairs"],
        code: "slo/pair-always-on",
        message: `The limit of the ${pair.severity} pair ${name} is ${limit}: it alerts on a service that keeps its promise.`,
        hint: "Choose a limit of 1 or more: a larger share of the budget, or a shorter long window.",
      },
    ];
  });
}

function periodFindings({ period }: SloSpec, retentionMs: number | undefined): Finding[] {
  const lengthMs = nominalMs(period);
  const name = formatDuration(lengthMs);
  if (period.kind === "rolling" && lengthMs < 3_600_000) {
    return [
      {
        path: ["window"],
        code: "slo/short-window",
        message: `A window of ${name} holds minutes, in which an error budget means little.`,
        hint: "Write 30d for a month; m stands for minutes.",
      },
    ];
  }
  if (retentionMs === undefined || lengthMs <= retentionMs) return [];
  return [
    {
      path: ["window"],
      code: "slo/long-window",
      message: `The window of ${name} is longer than history is kept (${formatDuration(retentionMs)}): its counts are kept, but what they came from is gone before it ends.`,
      hint: "Keep history for longer under retention, or choose a shorter window.",
    },
  ];
}

function thresholdFindings({ sli }: SloSpec): Finding[] {
  if (sli.kind !== "latency" || ADVISED_BOUNDS_SECONDS.includes(sli.thresholdSeconds)) return [];
  const near = ADVISED_BOUNDS_SECONDS.toSorted(
    (a, b) => Math.abs(a - sli.thresholdSeconds) - Math.abs(b - sli.thresholdSeconds),
  )[0];
  return [
    {
      path: ["sli", "threshold"],
      code: "slo/threshold-between-bounds",
      message: `Histograms that are measured with the usual bounds have none at ${formatDuration(Math.round(sli.thresholdSeconds * 1_000))}, so slow requests are estimated between two bounds.`,
      hint: `Choose ${formatDuration(Math.round((near ?? 0.25) * 1_000))} for exact counts, or give the histogram this bound. Services that are counted by spans are exact at any threshold.`,
    },
  ];
}
