import { formatDuration } from "@tocsin/model";
import { type CalendarUnit, wallText } from "../calendar.js";
import { WINDOW_TOKEN } from "../compile.js";
import { type Comparison, errorBudgetOf, type Period, type SloSpec } from "../spec.js";
import { impliedShortMs, type WindowPair } from "../window-pair.js";
import { LONG_WINDOW_KEY, SETTINGS_KEY, SHORT_WINDOW_KEY } from "./annotations.js";
import { given, type PlainDocument } from "./plain-document.js";
import { toShortForm } from "./short-form.js";

/**
 * An SLO as an OpenSLO v1 document. Requests that Tocsin counts itself become queries of the series that it publishes,
 * so that another program can measure the same. What OpenSLO has no field for stands in an annotation, with which the
 * document read back is the same SLO.
 */
export function toOpenSlo(spec: SloSpec): PlainDocument {
  const { budgeting } = spec;
  const { indicator, objective } = openSli(spec);
  const settings = settingsOf(spec);
  const annotations = {
    ...spec.annotations,
    ...(Object.keys(settings).length > 0 ? { [SETTINGS_KEY]: JSON.stringify(settings) } : {}),
  };
  return {
    apiVersion: "openslo/v1",
    kind: "SLO",
    metadata: {
      name: dnsName(spec.name),
      // Without a description a title would be read as one.
      ...given("displayName", spec.description === "" ? "" : spec.name),
      ...(Object.keys(spec.labels).length > 0 ? { labels: spec.labels } : {}),
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    },
    spec: {
      ...given("description", spec.description),
      service: spec.service,
      indicator: { metadata: { name: dnsName(`${spec.name}-sli`) }, spec: indicator },
      timeWindow: [openWindow(spec.period)],
      budgetingMethod: METHODS[budgeting.kind],
      objectives: [
        {
          target: spec.objective,
          ...(budgeting.kind === "timeslices" ? { timeSliceTarget: budgeting.target } : {}),
          ...(budgeting.kind === "occurrences" ? {} : { timeSliceWindow: sliceText(budgeting.sliceMs) }),
          ...objective,
        },
      ],
      alertPolicies: spec.pairs.map((pair) => policyOf(spec, pair)),
    },
  };
}

const METHODS = {
  occurrences: "Occurrences",
  timeslices: "Timeslices",
  "ratio-timeslices": "RatioTimeslices",
} as const;

/** The part of the short form that the document has no field for. */
function settingsOf(spec: SloSpec): PlainDocument {
  const short = toShortForm(spec);
  const { pairs: _, ...rest } = short.alerting as PlainDocument;
  const alerting = Object.fromEntries(Object.entries(rest).filter(([key, value]) => value !== IMPLIED[key]));
  const settings: Record<string, unknown> = {
    ...(dnsName(spec.name) === spec.name ? {} : { name: short.name }),
    ...(isWholeMinutes(spec.period) ? {} : { window: short.window }),
    ...(isSaid(spec) ? {} : { sli: short.sli }),
    ...(Object.keys(alerting).length > 0 ? { alerting } : {}),
  };
  for (const key of ["environment", "by", "actions", "corrections"]) {
    if (short[key] !== undefined) settings[key] = short[key];
  }
  return settings;
}

/** What a document means without a word on it, or says in words of its own. */
const IMPLIED: PlainDocument = { name: "ErrorBudgetBurn", no_data: "alert" };

/** Whether OpenSLO's words say all about an indicator, which is looked at once a minute or once per slice. */
function isSaid({ sli, budgeting }: SloSpec): boolean {
  if (sli.kind !== "ratio" && sli.kind !== "threshold" && sli.kind !== "raw")
    return sli.kind === "unreadable";
  return sli.everyMs === (budgeting.kind === "occurrences" ? 60_000 : Math.min(budgeting.sliceMs, 60_000));
}

function isWholeMinutes(period: Period): boolean {
  return period.kind === "calendar" || period.lengthMs % 60_000 === 0;
}

function policyOf(spec: SloSpec, { severity, shortMs, longMs, burnRate }: WindowPair): PlainDocument {
  const name = `${spec.name}-${severity}-${formatDuration(longMs)}`;
  const annotations = {
    ...(shortMs === impliedShortMs(longMs) ? {} : { [SHORT_WINDOW_KEY]: formatDuration(shortMs) }),
    ...(longMs % 60_000 === 0 ? {} : { [LONG_WINDOW_KEY]: formatDuration(longMs) }),
  };
  return {
    kind: "AlertPolicy",
    metadata: { name: dnsName(name) },
    spec: {
      alertWhenBreaching: true,
      alertWhenNoData: spec.onNoData === "alert",
      conditions: [
        {
          kind: "AlertCondition",
          metadata: {
            name: dnsName(`${name}-burn`),
            ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
          },
          spec: {
            severity,
            condition: {
              kind: "burnrate",
              op: "gt",
              threshold: burnRate,
              lookbackWindow: minutesText(longMs),
              alertAfter: `${Math.round(spec.forMs / 60_000)}m`,
            },
          },
        },
      ],
    },
  };
}

/** The indicator, and what its objective must say besides the target. */
function openSli(spec: SloSpec): { readonly indicator: PlainDocument; readonly objective: PlainDocument } {
  const { sli } = spec;
  const service = JSON.stringify(spec.service);
  const ratio = (ratioMetric: PlainDocument) => ({ indicator: { ratioMetric }, objective: {} });
  const threshold = (query: string, op: Comparison, value: number) => ({
    indicator: { thresholdMetric: metric(query) },
    objective: { op, value },
  });
  switch (sli.kind) {
    case "availability":
      return ratio({
        counter: true,
        bad: metric(`sum(tocsin_service_errors_total{service=${service}})`),
        total: metric(`sum(tocsin_service_requests_total{service=${service}})`),
      });
    case "latency": {
      const series = "http_server_request_duration_seconds";
      return ratio({
        counter: true,
        good: metric(`sum(${series}_bucket{job=${service},le="${sli.thresholdSeconds}"})`),
        total: metric(`sum(${series}_count{job=${service}})`),
      });
    }
    case "ratio":
      return ratio({
        counter: sli.form === "counter",
        ...(sli.good === undefined ? {} : { good: metric(sli.good) }),
        ...(sli.bad === undefined ? {} : { bad: metric(sli.bad) }),
        total: metric(sli.total),
      });
    case "threshold":
      return threshold(sli.query, sli.op, sli.value);
    case "raw":
      return ratio({ rawType: sli.isErrorRatio ? "failure" : "success", raw: metric(sli.query) });
    case "saturation":
      return threshold(`max(tocsin_service_saturation_ratio{service=${service}})`, "lt", sli.below);
    case "freshness": {
      const success = sli.query ?? `tocsin_service_last_success_timestamp_seconds{service=${service}}`;
      return threshold(`time() - max(${success})`, "lte", sli.maxAgeMs / 1_000);
    }
    case "composite": {
      const burnRate = `tocsin_slo_burn_rate{slo=${JSON.stringify(spec.name)},window="1h"}`;
      return ratio({ rawType: "failure", raw: metric(`${burnRate} * ${errorBudgetOf(spec)}`) });
    }
    case "unreadable":
      return ratio({
        rawType: "failure",
        raw: { metricSource: { type: "unknown", spec: { why: sli.why } } },
      });
  }
}

function metric(query: string): PlainDocument {
  const text = query.replaceAll(WINDOW_TOKEN, "{{.window}}");
  return { metricSource: { type: "Prometheus", spec: { query: text } } };
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
  hour: "h",
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

/** A slice may also be a bare number of minutes, which may have a fraction. */
function sliceText(sliceMs: number): string | number {
  return sliceMs % 60_000 === 0 ? minutesText(sliceMs) : sliceMs / 60_000;
}

function dnsName(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, "-")
    .slice(0, 63)
    .replace(/^-+|-+$/g, "");
}
