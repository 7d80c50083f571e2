import { naturalAnchor, readWallTime } from "./calendar.js";
import type { SliConfig, SloConfig } from "./config.js";
import type { Correction } from "./correction.js";
import { nominalMs } from "./period.js";
import type { Budgeting, Period, QuerySli, Sli, SloSpec } from "./spec.js";
import { burnRateLimit, defaultPairs, SEVERITIES, type WindowPair } from "./window-pair.js";

/** The short form of `tocsin.yaml` as the collector works with it. */
export function compileSlo(config: SloConfig, place?: string): SloSpec {
  const period = compilePeriod(config.window);
  const { alerting } = config;
  return {
    name: config.name,
    description: config.description,
    service: config.service,
    environment: config.environment,
    objective: config.objective,
    period,
    sli: compileSli(config.sli),
    budgeting: compileBudgeting(config.budgeting),
    by: config.by,
    pairs: compilePairs(alerting.pairs, period),
    evidenceGate: alerting.evidence_gate,
    onNoData: alerting.no_data,
    forMs: alerting.for,
    alertName: alerting.name,
    labels: config.labels,
    annotations: config.annotations,
    severityLabels: { page: alerting.page.labels, ticket: alerting.ticket.labels },
    severityAnnotations: { page: alerting.page.annotations, ticket: alerting.ticket.annotations },
    disabled: SEVERITIES.filter((severity) => !alerting[severity].enabled),
    actions: config.actions,
    corrections: config.corrections.map(compileCorrection),
    place,
  };
}

function compilePeriod(window: SloConfig["window"]): Period {
  if (typeof window === "number") return { kind: "rolling", lengthMs: window };
  const anchor = (window.start === undefined ? undefined : readWallTime(window.start)) ?? naturalAnchor();
  return { kind: "calendar", unit: window.calendar, count: window.count, timeZone: window.time_zone, anchor };
}

function compilePairs(pairs: SloConfig["alerting"]["pairs"], period: Period): readonly WindowPair[] {
  const periodMs = nominalMs(period);
  if (!pairs) return defaultPairs(periodMs);
  return pairs.map(({ severity, short, long, budget, burn_rate }) => ({
    severity,
    shortMs: short,
    longMs: long,
    burnRate: burn_rate ?? burnRateLimit(budget ?? 0, periodMs, long),
  }));
}

function compileSli(sli: SliConfig): Sli {
  switch (sli.type) {
    case "availability":
      return { kind: "availability", thresholdSeconds: Number.POSITIVE_INFINITY, routes: sli.routes ?? [] };
    case "latency":
      return { kind: "latency", thresholdSeconds: sli.threshold / 1_000, routes: sli.routes ?? [] };
    case "ratio":
      return { kind: "ratio", ...ratioQueries(sli), everyMs: sli.every };
    case "threshold":
      return { kind: "threshold", query: sli.query, op: sli.op, value: sli.value, everyMs: sli.every };
    case "error_ratio":
      return { kind: "raw", query: sli.query, isErrorRatio: true, everyMs: sli.every };
    case "saturation":
      return { kind: "saturation", below: sli.below, everyMs: sli.every };
    case "freshness":
      return {
        kind: "freshness",
        maxAgeMs: sli.max_age,
        query: sli.query,
        routes: sli.routes ?? [],
        everyMs: sli.every,
      };
    case "composite":
      return { kind: "composite", parts: sli.parts };
  }
}

/** Our placeholder for the window of a rate. */
export const WINDOW_TOKEN = "$window";

/** Sloth's placeholder for the same. */
export const WINDOW_TEMPLATE = /\{\{-?\s*\.window\s*-?\}\}/g;

/** Queries with Sloth's `{{.window}}` read as ours. */
export function windowTemplate(query: string): string {
  // A function, since `$w` in a replacement text would be looked at.
  return query.replaceAll(WINDOW_TEMPLATE, () => WINDOW_TOKEN);
}

/** The queries of a ratio and their form: with a window in them they are rates, else counters unless said otherwise. */
export function ratioQueries(queries: {
  good?: string | undefined;
  bad?: string | undefined;
  total: string;
  counter?: boolean | undefined;
}): Pick<QuerySli, "good" | "bad" | "total" | "form"> {
  const total = windowTemplate(queries.total);
  return {
    good: queries.good === undefined ? undefined : windowTemplate(queries.good),
    bad: queries.bad === undefined ? undefined : windowTemplate(queries.bad),
    total,
    form: total.includes(WINDOW_TOKEN) ? "rate" : queries.counter === false ? "value" : "counter",
  };
}

function compileBudgeting(budgeting: SloConfig["budgeting"]): Budgeting {
  switch (budgeting.method) {
    case "occurrences":
      return { kind: "occurrences" };
    case "timeslices":
      return { kind: "timeslices", sliceMs: budgeting.slice, target: budgeting.target };
    case "ratio_timeslices":
      return { kind: "ratio-timeslices", sliceMs: budgeting.slice };
  }
}

const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

function compileCorrection(config: SloConfig["corrections"][number]): Correction {
  if ("from" in config) {
    return {
      kind: "once",
      fromMs: Date.parse(config.from),
      toMs: Date.parse(config.to),
      reason: config.reason,
    };
  }
  const [fromMinute = 0, toMinute = 0] = config.between.split("-").map((time) => {
    const [hour = 0, minute = 0] = time.split(":").map(Number);
    return hour * 60 + minute;
  });
  return {
    kind: "weekly",
    days: config.days.map((day) => WEEKDAYS.indexOf(day)),
    fromMinute,
    toMinute,
    timeZone: config.time_zone,
    reason: config.reason,
  };
}
