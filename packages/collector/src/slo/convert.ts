import { formatDuration } from "@tocsin/model";
import type { CalendarUnit, WallTime } from "./calendar.js";
import type { Period, Sli, SloSpec } from "./spec.js";

/** What a converted document looks like before it is written as YAML. */
export type PlainDocument = Readonly<Record<string, unknown>>;

/** An SLO in the short form of `tocsin.yaml`. */
export function toShortForm(spec: SloSpec): PlainDocument {
  return {
    name: spec.name,
    ...given("description", spec.description),
    service: spec.service,
    ...given("environment", spec.environment),
    objective: percentText(spec.objective),
    window: shortWindow(spec.period),
    sli: shortSli(spec.sli),
    ...(spec.budgeting.kind === "occurrences" ? {} : { budgeting: shortBudgeting(spec) }),
    ...(spec.by.length > 0 ? { by: spec.by } : {}),
    alerting: {
      name: spec.alertName,
      pairs: spec.pairs.map(({ severity, shortMs, longMs, burnRate }) => ({
        severity,
        short: formatDuration(shortMs),
        long: formatDuration(longMs),
        burn_rate: burnRate,
      })),
    },
    ...(Object.keys(spec.labels).length > 0 ? { labels: spec.labels } : {}),
    ...(Object.keys(spec.annotations).length > 0 ? { annotations: spec.annotations } : {}),
  };
}

/**
 * An SLO as an OpenSLO v1 document. Requests that Tocsin counts itself become queries of the series that it publishes,
 * so that another program can measure the same.
 */
export function toOpenSlo(spec: SloSpec): PlainDocument {
  const slice = spec.budgeting.kind === "occurrences" ? undefined : minutesText(spec.budgeting.sliceMs);
  const isThreshold = spec.sli.kind === "threshold";
  return {
    apiVersion: "openslo/v1",
    kind: "SLO",
    metadata: { name: dnsName(spec.name), displayName: spec.name },
    spec: {
      ...given("description", spec.description),
      service: spec.service,
      indicator: { metadata: { name: dnsName(`${spec.name}-sli`) }, spec: openSli(spec) },
      timeWindow: [openWindow(spec.period)],
      budgetingMethod: {
        occurrences: "Occurrences",
        timeslices: "Timeslices",
        "ratio-timeslices": "RatioTimeslices",
      }[spec.budgeting.kind],
      objectives: [
        {
          target: spec.objective,
          ...(spec.budgeting.kind === "timeslices" ? { timeSliceTarget: spec.budgeting.target } : {}),
          ...given("timeSliceWindow", slice),
          ...(isThreshold && spec.sli.kind === "threshold" ? { op: spec.sli.op, value: spec.sli.value } : {}),
        },
      ],
      alertPolicies: spec.pairs.map(({ severity, longMs, burnRate }) => ({
        kind: "AlertPolicy",
        metadata: { name: dnsName(`${spec.name}-${severity}-${formatDuration(longMs)}`) },
        spec: {
          alertWhenBreaching: true,
          alertWhenNoData: spec.onNoData === "alert",
          conditions: [
            {
              kind: "AlertCondition",
              metadata: { name: dnsName(`${spec.name}-${severity}-${formatDuration(longMs)}-burn`) },
              spec: {
                severity,
                condition: {
                  kind: "burnrate",
                  op: "gt",
                  threshold: burnRate,
                  lookbackWindow: minutesText(longMs),
                },
              },
            },
          ],
        },
      })),
    },
  };
}

function shortWindow(period: Period): unknown {
  if (period.kind === "rolling") return formatDuration(period.lengthMs);
  const { unit, count, timeZone, anchor } = period;
  return { calendar: unit, count, time_zone: timeZone, start: wallText(anchor) };
}

function shortSli(sli: Sli): unknown {
  switch (sli.kind) {
    case "availability":
      return { type: sli.kind, ...routes(sli) };
    case "latency":
      return { type: sli.kind, threshold: formatDuration(sli.thresholdSeconds * 1_000), ...routes(sli) };
    case "ratio":
      return {
        type: sli.kind,
        ...given("good", sli.good),
        ...given("bad", sli.bad),
        total: sli.total,
        every: formatDuration(sli.everyMs),
      };
    case "threshold":
      return {
        type: sli.kind,
        query: sli.query,
        op: sli.op,
        value: sli.value,
        every: formatDuration(sli.everyMs),
      };
    case "raw":
      return {
        type: "error_ratio",
        query: sli.isErrorRatio ? sli.query : `1 - (${sli.query})`,
        every: formatDuration(sli.everyMs),
      };
    case "saturation":
      return { type: sli.kind, below: percentText(sli.below), every: formatDuration(sli.everyMs) };
    case "freshness":
      return {
        type: sli.kind,
        max_age: formatDuration(sli.maxAgeMs),
        ...given("query", sli.query),
        every: formatDuration(sli.everyMs),
        ...routes(sli),
      };
    case "composite":
      return { type: sli.kind, parts: sli.parts };
    case "unreadable":
      // The short form has no such thing; a query that gives nothing keeps the place for a real one.
      return { type: "error_ratio", query: `absent_indicator{why=${JSON.stringify(sli.why)}}` };
  }
}

function shortBudgeting({ budgeting }: SloSpec): unknown {
  if (budgeting.kind === "timeslices") {
    return { method: "timeslices", slice: formatDuration(budgeting.sliceMs), target: budgeting.target };
  }
  return budgeting.kind === "ratio-timeslices"
    ? { method: "ratio_timeslices", slice: formatDuration(budgeting.sliceMs) }
    : { method: "occurrences" };
}

function openSli(spec: SloSpec): unknown {
  const { sli } = spec;
  const metric = (query: string) => ({ metricSource: { type: "Prometheus", spec: { query } } });
  const service = JSON.stringify(spec.service);
  switch (sli.kind) {
    case "availability":
      return {
        ratioMetric: {
          counter: true,
          bad: metric(`sum(tocsin_service_errors_total{service=${service}})`),
          total: metric(`sum(tocsin_service_requests_total{service=${service}})`),
        },
      };
    case "latency":
      return {
        ratioMetric: {
          counter: true,
          good: metric(
            `sum(http_server_request_duration_seconds_bucket{job=${service},le="${sli.thresholdSeconds}"})`,
          ),
          total: metric(`sum(http_server_request_duration_seconds_count{job=${service}})`),
        },
      };
    case "ratio":
      return {
        ratioMetric: {
          counter: sli.form === "counter",
          ...(sli.good === undefined ? {} : { good: metric(sli.good) }),
          ...(sli.bad === undefined ? {} : { bad: metric(sli.bad) }),
          total: metric(sli.total),
        },
      };
    case "threshold":
      return { thresholdMetric: metric(sli.query) };
    case "raw":
      return { ratioMetric: { rawType: sli.isErrorRatio ? "failure" : "success", raw: metric(sli.query) } };
    default:
      return {
        ratioMetric: {
          rawType: "failure",
          raw: metric(`slo:sli_error:ratio{slo=${JSON.stringify(spec.name)}}`),
        },
      };
  }
}

function openWindow(period: Period): unknown {
  if (period.kind === "rolling") return { duration: minutesText(period.lengthMs), isRolling: true };
  return {
    duration: `${period.count}${UNIT_LETTER[period.unit]}`,
    isRolling: false,
    calendar: { startTime: wallText(period.anchor), timeZone: period.timeZone },
  };
}

const UNIT_LETTER: Readonly<Record<CalendarUnit, string>> = {
  day: "d",
  week: "w",
  month: "M",
  quarter: "Q",
  year: "Y",
};

/** OpenSLO's durations are one number and one unit, of a minute at least. */
function minutesText(lengthMs: number): string {
  for (const [unit, size] of [
    ["w", 604_800_000],
    ["d", 86_400_000],
    ["h", 3_600_000],
  ] as const) {
    if (lengthMs % size === 0) return `${lengthMs / size}${unit}`;
  }
  return `${Math.max(1, Math.round(lengthMs / 60_000))}m`;
}

function percentText(ratio: number): string {
  return `${Number((ratio * 100).toPrecision(12))}%`;
}

function wallText({ year, month, day, hour, minute, second }: WallTime): string {
  const two = (value: number) => String(value).padStart(2, "0");
  return `${year}-${two(month)}-${two(day)} ${two(hour)}:${two(minute)}:${two(second)}`;
}

function dnsName(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, "-")
    .slice(0, 63)
    .replace(/^-+|-+$/g, "");
}

function routes({ routes }: { readonly routes: readonly string[] }): { routes?: readonly string[] } {
  return routes.length > 0 ? { routes } : {};
}

function given<K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined || value === "" ? {} : ({ [key]: value } as Record<K, V>);
}
