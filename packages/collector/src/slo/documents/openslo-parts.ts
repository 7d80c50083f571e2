import { nearestName } from "@tocsin/model";
import type { ConfigDocument, Path, Problem } from "@tocsin/model/config";
import { type CalendarUnit, readWallTime } from "../calendar.js";
import { ratioQueries, windowTemplate } from "../compile.js";
import { nominalMs } from "../period.js";
import type { Budgeting, Period, Sli, SloSpec } from "../spec.js";
import { defaultPairs, type WindowPair } from "../window-pair.js";
import type {
  AlertConditionSpec,
  AlertPolicySpec,
  MetricSource,
  Objective,
  SliSpec,
  SloSpecification,
  TimeWindow,
} from "./openslo-schema.js";

/** Something that other documents refer to. */
export interface Named<T> {
  readonly name: string;
  readonly spec: T;
}

/** One SLO document. */
export interface SloEntry {
  readonly name: string;
  readonly displayName: string | undefined;
  readonly spec: SloSpecification;
  readonly document: ConfigDocument;
}

/** Everything that the documents of one reading define; references go across documents and files. */
export interface Catalogue {
  readonly slos: SloEntry[];
  readonly slis: (Named<SliSpec> & { readonly document: ConfigDocument })[];
  readonly dataSourceTypes: Named<string>[];
  readonly policies: Named<AlertPolicySpec>[];
  readonly conditions: Named<AlertConditionSpec>[];
  readonly problems: Problem[];
}

const CALENDAR_UNITS: Readonly<Record<string, CalendarUnit>> = {
  d: "day",
  w: "week",
  M: "month",
  Q: "quarter",
  Y: "year",
};

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
        hint: "Use days, weeks, months (M), quarters (Q) or years (Y).",
      }),
    );
    return { kind: "rolling", lengthMs };
  }
  return { kind: "calendar", unit: calendarUnit, count, timeZone: window.calendar.timeZone, anchor };
}

export function sliOf(entry: SloEntry, objective: Objective, path: Path, catalogue: Catalogue): Sli {
  const { spec, document } = entry;
  const reference = objective.indicatorRef ?? spec.indicatorRef;
  const inline = objective.indicator ?? spec.indicator;
  const found = inline?.spec ?? catalogue.slis.find(({ name }) => name === reference)?.spec;
  if (!found) {
    const known = catalogue.slis.map(({ name }) => name);
    const nearest = reference === undefined ? undefined : nearestName(reference, known);
    const message =
      reference === undefined
        ? "An SLO needs an indicator, or an indicatorRef to an SLI."
        : `There is no SLI "${reference}" in these files.`;
    const hint = nearest ? `Did you mean "${nearest}"?` : undefined;
    catalogue.problems.push(
      document.problemAt(["spec", "indicatorRef"], { code: "slo/unknown-sli", message, hint }),
    );
    return { kind: "unreadable", why: "its SLI is missing" };
  }
  const everyMs = objective.timeSliceWindow ?? 60_000;
  if (found.thresholdMetric) {
    const query = promqlOf(found.thresholdMetric, entry, catalogue);
    if (objective.op === undefined || objective.value === undefined) {
      catalogue.problems.push(
        document.problemAt(path, {
          code: "slo/threshold-incomplete",
          message: "An objective of a thresholdMetric needs op and value.",
        }),
      );
      return { kind: "unreadable", why: "its threshold is incomplete" };
    }
    if (query === undefined) return unreadable(found.thresholdMetric);
    return {
      kind: "threshold",
      query,
      op: objective.op,
      value: objective.value,
      everyMs: Math.min(everyMs, 60_000),
    };
  }
  const ratio = found.ratioMetric;
  if (ratio?.raw) {
    const query = promqlOf(ratio.raw, entry, catalogue);
    if (query === undefined) return unreadable(ratio.raw);
    return {
      kind: "raw",
      query,
      isErrorRatio: ratio.rawType === "failure",
      everyMs: Math.min(everyMs, 60_000),
    };
  }
  const part = ratio?.good ?? ratio?.bad;
  if (!ratio?.total || !part) return { kind: "unreadable", why: "its ratio is incomplete" };
  const [count, total] = [promqlOf(part, entry, catalogue), promqlOf(ratio.total, entry, catalogue)];
  if (count === undefined || total === undefined) return unreadable(ratio.total);
  const queries = ratioQueries(ratio.good ? { good: count, total } : { bad: count, total });
  const form = queries.form === "rate" ? "rate" : ratio.counter === false ? "value" : "counter";
  return { kind: "ratio", ...queries, form, everyMs: Math.min(everyMs, 60_000) };
}

/** The query of a Prometheus source; undefined for any other, which is accepted and said so. */
function promqlOf(
  { metricSource }: MetricSource,
  { document }: SloEntry,
  catalogue: Catalogue,
): string | undefined {
  const { metricSourceRef, spec } = metricSource;
  const type =
    metricSource.type ?? catalogue.dataSourceTypes.find(({ name }) => name === metricSourceRef)?.spec;
  if (/^(prometheus|promql|tocsin)$/i.test(type ?? "") && spec.query !== undefined)
    return windowTemplate(spec.query);
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

type Alerting = Pick<
  SloSpec,
  "pairs" | "onNoData" | "alertName" | "labels" | "annotations" | "severityLabels" | "forMs"
>;

/** Policies with burn-rate conditions; without any, the default pairs. */
export function alertingOf(
  spec: SloSpecification,
  period: Period,
  document: ConfigDocument,
  catalogue: Catalogue,
): Alerting {
  const pairs: WindowPair[] = [];
  const severityLabels: Record<"page" | "ticket", Record<string, string>> = { page: {}, ticket: {} };
  let onNoData: SloSpec["onNoData"] = "keep";
  let forMs = 0;
  for (const [index, entry] of (spec.alertPolicies ?? []).entries()) {
    const path: Path = ["spec", "alertPolicies", index];
    const reference =
      typeof entry === "string" ? entry : "alertPolicyRef" in entry ? entry.alertPolicyRef : undefined;
    const policy =
      typeof entry === "object" && "spec" in entry
        ? entry.spec
        : referred(catalogue.policies, reference ?? "", "alert policy", path, document, catalogue);
    const condition = policy?.conditions[0];
    if (!policy || !condition) continue;
    const found =
      "spec" in condition
        ? condition.spec
        : referred(
            catalogue.conditions,
            condition.conditionRef,
            "alert condition",
            path,
            document,
            catalogue,
          );
    if (!found) continue;
    if (policy.alertWhenNoData) onNoData = "alert";
    if (!policy.alertWhenBreaching && !policy.alertWhenNoData) continue;
    const severity = /page|critical|sev-?[01]\b|high|emergency/i.test(found.severity) ? "page" : "ticket";
    severityLabels[severity].severity = found.severity;
    forMs = Math.max(forMs, found.condition.alertAfter);
    const longMs = found.condition.lookbackWindow.lengthMs;
    // OpenSLO has no short window; a twelfth of the long one lets the alert end soon after the errors do.
    const shortMs = Math.max(Math.min(longMs, 60_000), Math.round(longMs / 12 / 1_000) * 1_000);
    pairs.push({ severity, longMs, shortMs, burnRate: found.condition.threshold });
  }
  return {
    pairs: pairs.length > 0 ? pairs : defaultPairs(nominalMs(period)),
    onNoData,
    forMs,
    alertName: "ErrorBudgetBurn",
    labels: {},
    annotations: {},
    severityLabels,
  };
}

function referred<T>(
  known: readonly Named<T>[],
  name: string,
  what: string,
  path: Path,
  document: ConfigDocument,
  catalogue: Catalogue,
): T | undefined {
  const found = known.find((each) => each.name === name);
  if (found) return found.spec;
  const nearest = nearestName(
    name,
    known.map((each) => each.name),
  );
  catalogue.problems.push(
    document.problemAt(path, {
      code: "slo/unknown-reference",
      message: `There is no ${what} "${name}" in these files.`,
      hint: nearest ? `Did you mean "${nearest}"?` : undefined,
    }),
  );
  return undefined;
}
