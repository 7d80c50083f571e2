import type { Attributes } from "@opentelemetry/api";
import { ValueType } from "@opentelemetry/api";
import type { MetricData, ScopeMetrics } from "@opentelemetry/sdk-metrics";
import { AggregationTemporality, DataPointType } from "@opentelemetry/sdk-metrics";
import type { EncodableScope, Exemplar, SummaryMetric } from "../otlp/encode-metrics.js";
import { gauge, hrTimeOf, type MetricNote, type NumberPoint, type Span, sum } from "./metric-data.js";

/** A metric as prom-client's registries give it. */
export interface PromMetric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly PromValue[];
}

/** One of its values. */
export interface PromValue {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number | undefined>>;
  readonly metricName?: string;
  readonly exemplar?: PromExemplar | null;
}

interface PromExemplar {
  readonly labelSet: Readonly<Record<string, string>>;
  readonly value: number;
  /** Seconds since 1970. */
  readonly timestamp: number;
}

/**
 * prom-client's metrics as OTLP: counters as monotonic sums, gauges as they are, histograms with their buckets, summaries
 * with their quantiles. Names, help and labels are kept.
 *
 * @param startMs when the process began to count.
 */
export function promToScopeMetrics(
  scope: ScopeMetrics["scope"],
  metrics: readonly PromMetric[],
  startMs: number,
  nowMs: number,
): EncodableScope {
  const span = { startTime: hrTimeOf(startMs), endTime: hrTimeOf(nowMs) };
  return { scope, metrics: metrics.map((metric) => convert(metric, span)) };
}

/** The same for exporters that know no summaries: their quantiles as one gauge, sum and count as sums. */
export function withoutSummaries({ scope, metrics }: EncodableScope): ScopeMetrics {
  return { scope, metrics: metrics.flatMap((metric) => (isSummary(metric) ? parts(metric) : metric)) };
}

function isSummary(metric: EncodableScope["metrics"][number]): metric is SummaryMetric {
  return metric.dataPointType === "summary";
}

function parts({ descriptor, dataPoints }: SummaryMetric): MetricData[] {
  const { name } = descriptor;
  const [first] = dataPoints;
  if (first === undefined) return [];
  const quantiles = dataPoints.flatMap(({ attributes, value }) =>
    value.quantiles.map(({ quantile, value: own }) => ({
      attributes: { ...attributes, quantile: String(quantile) },
      value: own,
    })),
  );
  const part = (key: "sum" | "count", isMonotonic: boolean): MetricData => {
    const points = dataPoints.map(({ attributes, value }) => ({ attributes, value: value[key] }));
    return sum({ ...descriptor, name: `${name}_${key}` }, first, points, isMonotonic);
  };
  return [gauge(descriptor, first, quantiles), part("sum", false), part("count", true)];
}

function convert(metric: PromMetric, span: Span): EncodableScope["metrics"][number] {
  const note = { name: metric.name, unit: "", description: metric.help };
  switch (metric.type) {
    case "counter":
      return sum(note, span, metric.values.map(pointOf), true);
    case "histogram":
      return histogram(note, span, metric.values);
    case "summary":
      return summary(note, span, metric.values);
    default:
      return gauge(note, span, metric.values.map(pointOf));
  }
}

function pointOf(value: PromValue): NumberPoint {
  const exemplars = exemplarsOf(value);
  return { attributes: attributesOf(value.labels), value: value.value, ...(exemplars ? { exemplars } : {}) };
}

/** prom-client lists cumulative `_bucket` values by `le`, then `_sum` and `_count`, for each set of labels. */
function histogram(note: MetricNote, span: Span, values: readonly PromValue[]): MetricData {
  const groups = new Map<
    string,
    {
      attributes: Attributes;
      bounds: number[];
      cumulative: number[];
      sum: number;
      count: number;
      exemplars: Exemplar[];
    }
  >();
  for (const value of values) {
    const { le, ...labels } = value.labels;
    const key = JSON.stringify(Object.entries(labels).sort());
    let group = groups.get(key);
    if (group === undefined) {
      group = {
        attributes: attributesOf(labels),
        bounds: [],
        cumulative: [],
        sum: 0,
        count: 0,
        exemplars: [],
      };
      groups.set(key, group);
    }
    if (value.metricName?.endsWith("_sum")) group.sum = value.value;
    else if (value.metricName?.endsWith("_count")) group.count = value.value;
    else if (le !== undefined) {
      group.exemplars.push(...(exemplarsOf(value) ?? []));
      const bound = le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le);
      if (bound === Number.POSITIVE_INFINITY) group.count = value.value;
      else {
        group.bounds.push(bound);
        group.cumulative.push(value.value);
      }
    }
  }
  return {
    descriptor: { ...note, valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.HISTOGRAM,
    dataPoints: Array.from(
      groups.values(),
      ({ attributes, bounds, cumulative, sum: total, count, exemplars }) => ({
        ...span,
        attributes,
        exemplars,
        value: {
          buckets: {
            boundaries: bounds,
            counts: [...cumulative, count].map((value, index, all) => value - (all[index - 1] ?? 0)),
          },
          sum: total,
          count,
        },
      }),
    ),
  };
}

/** prom-client lists values by `quantile`, then `_sum` and `_count`, for each set of labels. */
function summary(note: MetricNote, span: Span, values: readonly PromValue[]): SummaryMetric {
  const groups = new Map<string, { attributes: Attributes; value: SummaryValue }>();
  for (const { labels: all, metricName, value } of values) {
    const { quantile, ...labels } = all;
    const key = JSON.stringify(Object.entries(labels).sort());
    let group = groups.get(key);
    if (group === undefined) {
      group = { attributes: attributesOf(labels), value: { quantiles: [], sum: 0, count: 0 } };
      groups.set(key, group);
    }
    if (quantile !== undefined) group.value.quantiles.push({ quantile: Number(quantile), value });
    else if (metricName?.endsWith("_sum")) group.value.sum = value;
    else if (metricName?.endsWith("_count")) group.value.count = value;
  }
  return {
    descriptor: { ...note, valueType: ValueType.DOUBLE },
    dataPointType: "summary",
    dataPoints: Array.from(groups.values(), (group) => ({ ...span, ...group })),
  };
}

interface SummaryValue {
  readonly quantiles: { quantile: number; value: number }[];
  sum: number;
  count: number;
}

function exemplarsOf({ exemplar }: PromValue): Exemplar[] | undefined {
  if (exemplar === undefined || exemplar === null || !(exemplar.timestamp > 0)) return undefined;
  const { trace_id, traceId, span_id, spanId, ...rest } = exemplar.labelSet;
  return [
    {
      value: exemplar.value,
      timeMs: exemplar.timestamp * 1000,
      traceId: idOf(trace_id ?? traceId, 32),
      spanId: idOf(span_id ?? spanId, 16),
      attributes: rest,
    },
  ];
}

function idOf(text: string | undefined, digits: number): string | undefined {
  return text !== undefined && text.length === digits && /^[0-9a-f]+$/.test(text) ? text : undefined;
}

function attributesOf(labels: PromValue["labels"]): Attributes {
  const attributes: Attributes = {};
  for (const key in labels) {
    const value = labels[key];
    if (value !== undefined) attributes[key] = String(value);
  }
  return attributes;
}
