import { formatDuration } from "@tocsin/model";
import { wallText } from "../calendar.js";
import type { Correction } from "../correction.js";
import type { Period, Sli, SloSpec } from "../spec.js";
import { SEVERITIES, type Severity } from "../window-pair.js";
import { given, type PlainDocument } from "./plain-document.js";

/** An SLO in the short form of `tocsin.yaml`; read back it is the same SLO. */
export function toShortForm(spec: SloSpec): PlainDocument {
  return {
    // Names of other programs may hold what ours do not.
    name: spec.name.replaceAll(/^[^a-zA-Z0-9]+|[^a-zA-Z0-9._-]+/g, (_, offset) => (offset === 0 ? "" : "-")),
    ...given("description", spec.description),
    service: spec.service,
    ...given("environment", spec.environment),
    objective: percentText(spec.objective),
    window: shortWindow(spec.period),
    sli: shortSli(spec.sli),
    ...given("budgeting", shortBudgeting(spec)),
    ...(spec.by.length > 0 ? { by: spec.by } : {}),
    alerting: shortAlerting(spec),
    ...filled("labels", spec.labels),
    ...filled("annotations", spec.annotations),
    ...filled("actions", shortActions(spec)),
    ...(spec.corrections.length > 0 ? { corrections: spec.corrections.map(shortCorrection) } : {}),
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
        ...(sli.form === "value" ? { counter: false } : {}),
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
  switch (budgeting.kind) {
    case "occurrences":
      return undefined;
    case "timeslices":
      return { method: "timeslices", slice: formatDuration(budgeting.sliceMs), target: budgeting.target };
    case "ratio-timeslices":
      return { method: "ratio_timeslices", slice: formatDuration(budgeting.sliceMs) };
  }
}

function shortAlerting(spec: SloSpec): PlainDocument {
  return {
    name: spec.alertName,
    pairs: spec.pairs.map(({ severity, shortMs, longMs, burnRate }) => ({
      severity,
      short: formatDuration(shortMs),
      long: formatDuration(longMs),
      burn_rate: burnRate,
    })),
    ...(spec.evidenceGate ? {} : { evidence_gate: false }),
    ...(spec.onNoData === "keep" ? {} : { no_data: spec.onNoData }),
    ...(spec.forMs === 0 ? {} : { for: formatDuration(spec.forMs) }),
    ...filled("page", shortSeverity(spec, "page")),
    ...filled("ticket", shortSeverity(spec, "ticket")),
  };
}

function shortSeverity(
  { disabled, severityLabels, severityAnnotations }: SloSpec,
  severity: Severity,
): PlainDocument {
  return {
    ...(disabled.includes(severity) ? { enabled: false } : {}),
    ...filled("labels", severityLabels[severity]),
    ...filled("annotations", severityAnnotations[severity]),
  };
}

function shortActions({ actions }: SloSpec): PlainDocument {
  const used = SEVERITIES.filter((severity) => actions[severity].length > 0);
  return Object.fromEntries(used.map((severity) => [severity, actions[severity]]));
}

const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

function shortCorrection(correction: Correction): PlainDocument {
  const { reason } = correction;
  if (correction.kind === "once") {
    const [from, to] = [correction.fromMs, correction.toMs].map((atMs) => new Date(atMs).toISOString());
    return { from, to, reason };
  }
  const clock = (minute: number) =>
    `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;
  return {
    days: correction.days.map((day) => WEEKDAYS[day]),
    between: `${clock(correction.fromMinute)}-${clock(correction.toMinute)}`,
    time_zone: correction.timeZone,
    reason,
  };
}

/** A ratio in per cent with every digit it has: the decimal point moves, so that nothing is rounded. */
function percentText(ratio: number): string {
  const text = `${Number((ratio * 100).toPrecision(15))}`;
  return Number(`${text}e-2`) === ratio ? `${text}%` : String(ratio);
}

function routes({ routes }: { readonly routes: readonly string[] }): { routes?: readonly string[] } {
  return routes.length > 0 ? { routes } : {};
}

/** The key with its value, unless that is empty. */
function filled(key: string, value: Readonly<Record<string, unknown>>): PlainDocument {
  return Object.keys(value).length > 0 ? { [key]: value } : {};
}
