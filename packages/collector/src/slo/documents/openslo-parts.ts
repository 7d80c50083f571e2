import type { ConfigDocument, Path } from "@tocsin/model/config";
import { type CalendarUnit, readWallTime } from "../calendar.js";
import { ratioQueries, windowTemplate } from "../compile.js";
import type { Budgeting, Period, Sli } from "../spec.js";
import { type Catalogue, referred, type SloEntry } from "./catalogue.js";
import type { MetricSource, Objective, SliSpec, TimeWindow } from "./openslo-schema.js";

const CALENDAR_UNITS: Readonly<Record<string, CalendarUnit>> = {
  h: "hour",
  d: "day",
  w: "week",
  M: "month",
  Q: "quarter",
  Y: "year",
};

/** The period; without a time window 30 days, as everywhere. */
export function periodOf(
  window: TimeWindow | undefined,
  document: ConfigDocument,
  catalogue: Catalogue,
): Period {
  const path = ["spec", "timeWindow", 0, "duration"];
  if (!window) return { kind: "rolling", lengthMs: 30 * 86_400_000 };
  const { count, unit, lengthMs } = window.duration;
  const isMonthInMinutes = unit === "m" && (window.calendar !== undefined || lengthMs < 3_600_000);
  if (isMonthInMinutes) {
    catalogue.problems.push(
      document.problemAt(path, {
        severity: "warning",
        code: "slo/minute-for-month",
        message: `"${count}m" is ${count === 1 ? "one minute" : `${count} minutes`}; a month is "${count}M".`,
        hint: window.calendar
          ? "It is read as months here, since no calendar begins every minute."
          : undefined,
      }),
    );
  }
  const anchor = window.calendar && readWallTime(window.calendar.startTime);
  if (!window.calendar || !anchor) return { kind: "rolling", lengthMs };
  const calendarUnit = isMonthInMinutes ? "month" : CALENDAR_UNITS[unit];
  if (!calendarUnit) {
    catalogue.problems.push(
      document.problemAt(path, {
        code: "slo/calendar-unit",
        message: `A calendar period of ${count}${unit} is not supported.`,
        hint: "Use hours, days, weeks, months (M), quarters (Q) or years (Y).",
      }),
    );
    return { kind: "rolling", lengthMs };
  }
  return { kind: "calendar", unit: calendarUnit, count, timeZone: window.calendar.timeZone, anchor };
}

/** The indicator of one objective; what cannot be read is said, and has no data. */
export function sliOf(entry: SloEntry, objective: Objective, path: Path, catalogue: Catalogue): Sli {
  const found = sliSpecOf(entry, objective, path, catalogue);
  if (!found) return { kind: "unreadable", why: "its SLI is missing" };
  // An indicator is looked at once per slice, yet at least once a minute, as the short windows need it.
  const everyMs = Math.min(objective.timeSliceWindow ?? 60_000, 60_000);
  const query = (source: MetricSource | undefined) => source && promqlOf(source, entry, path, catalogue);
  if (found.thresholdMetric) {
    const { op, value } = objective;
    if (op === undefined || value === undefined) {
      catalogue.problems.push(
        entry.document.problemAt(path, {
          code: "slo/threshold-incomplete",
          message: "An objective of a thresholdMetric needs op and value.",
        }),
      );
      return { kind: "unreadable", why: "its threshold is incomplete" };
    }
    const text = query(found.thresholdMetric);
    return text === undefined
      ? unreadable(found.thresholdMetric)
      : { kind: "threshold", query: text, op, value, everyMs };
  }
  const { raw, rawType, good, bad, total, counter } = found.ratioMetric ?? {};
  if (raw) {
    const text = query(raw);
    return text === undefined
      ? unreadable(raw)
      : { kind: "raw", query: text, isErrorRatio: rawType === "failure", everyMs };
  }
  if (!total) return { kind: "unreadable", why: "its ratio is incomplete" };
  const part = query(good ?? bad);
  const all = query(total);
  if (part === undefined || all === undefined) return unreadable(total);
  const queries = ratioQueries({ ...(good ? { good: part } : { bad: part }), total: all, counter });
  return { kind: "ratio", ...queries, everyMs };
}

function sliSpecOf(
  { spec, document }: SloEntry,
  objective: Objective,
  path: Path,
  catalogue: Catalogue,
): SliSpec | undefined {
  const inline = objective.indicator ?? (objective.indicatorRef === undefined ? spec.indicator : undefined);
  if (inline) return inline.spec;
  const name = objective.indicatorRef ?? spec.indicatorRef;
  if (name === undefined) {
    catalogue.problems.push(
      document.problemAt(["spec"], {
        code: "slo/unknown-sli",
        message: "An SLO needs an indicator, or an indicatorRef to an SLI.",
      }),
    );
    return undefined;
  }
  const place = objective.indicatorRef === undefined ? ["spec", "indicatorRef"] : [...path, "indicatorRef"];
  return referred(catalogue, "slis", name, { document, path: place }, "the SLO has no data")?.spec;
}

/** Engines that PromQL is written for, by the names that people give them. */
const PROMQL_TYPES =
  /^(prometheus|promql|tocsin|thanos|cortex|(grafana)?mimir|victoriametrics|(amazon|google)?(managed)?prometheus|amp|gmp)$/i;

/** The query of a Prometheus source; undefined for any other, which is accepted and said so. */
function promqlOf(
  { metricSource }: MetricSource,
  { document }: SloEntry,
  path: Path,
  catalogue: Catalogue,
): string | undefined {
  const { metricSourceRef, spec } = metricSource;
  const source =
    metricSource.type === undefined && metricSourceRef !== undefined
      ? referred(catalogue, "dataSourceTypes", metricSourceRef, { document, path }, "its type is unknown")
      : undefined;
  const type = metricSource.type ?? source?.spec;
  const { query, promql, expr } = Object(spec) as Readonly<Record<string, unknown>>;
  const text = [query, promql, expr].find((each) => typeof each === "string");
  if (PROMQL_TYPES.test((type ?? "").replaceAll(/[\s_-]/g, "")) && typeof text === "string")
    return windowTemplate(text);
  catalogue.problems.push(
    document.problemAt(["spec", "indicator"], {
      severity: "warning",
      code: "slo/unreadable-source",
      message: `Metrics of the type "${type ?? "unknown"}" cannot be read here, so the SLO has no data.`,
      hint: "Use a metricSource of the type Prometheus with spec.query in PromQL.",
    }),
  );
  return undefined;
}

function unreadable({ metricSource }: MetricSource): Sli {
  return {
    kind: "unreadable",
    why: `metrics of the type ${metricSource.type ?? "unknown"} are read elsewhere`,
  };
}

/** How the events of one objective become spent budget. */
export function budgetingOf(
  { spec, document }: SloEntry,
  objective: Objective,
  path: Path,
  catalogue: Catalogue,
): Budgeting {
  if (spec.budgetingMethod === "Occurrences") return { kind: "occurrences" };
  const sliceMs = objective.timeSliceWindow;
  const target = objective.timeSliceTarget;
  if (sliceMs === undefined || (spec.budgetingMethod === "Timeslices" && target === undefined)) {
    catalogue.problems.push(
      document.problemAt(path, {
        code: "slo/timeslice-incomplete",
        message: `Budgeting by ${spec.budgetingMethod} needs ${sliceMs === undefined ? "timeSliceWindow" : "timeSliceTarget"}.`,
      }),
    );
  }
  return spec.budgetingMethod === "Timeslices"
    ? { kind: "timeslices", sliceMs: sliceMs ?? 60_000, target: target ?? 1 }
    : { kind: "ratio-timeslices", sliceMs: sliceMs ?? 60_000 };
}
