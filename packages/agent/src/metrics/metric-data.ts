import { type Attributes, type HrTime, ValueType } from "@opentelemetry/api";
import {
  AggregationTemporality,
  DataPointType,
  type MetricData,
  type ScopeMetrics,
} from "@opentelemetry/sdk-metrics";
import type { Exemplar } from "../otlp/encode-metrics.js";
import type { DurationHistogram } from "./histogram.js";
import { DURATION_BOUNDS_SECONDS } from "./histogram.js";

/** A source of the agent's own metrics, asked once per export. Synchronous, so that it can be asked at exit too. */
export interface MetricSource {
  collect(nowMs: number): readonly ScopeMetrics[];
}

/** Name, unit and meaning of a metric. */
export interface MetricNote {
  readonly name: string;
  readonly unit: string;
  readonly description: string;
}

/** One value with its attributes. */
export interface NumberPoint {
  readonly attributes: Attributes;
  readonly value: number;
  readonly exemplars?: readonly Exemplar[];
}

/** Milliseconds since 1970 as OpenTelemetry's pair. */
export function hrTimeOf(unixMs: number): HrTime {
  const seconds = Math.floor(unixMs / 1000);
  return [seconds, Math.floor((unixMs - seconds * 1000) * 1e6)];
}

/** The times of a cumulative point: since when, and when it was read. */
export interface Span {
  readonly startTime: HrTime;
  readonly endTime: HrTime;
}

export function gauge(note: MetricNote, span: Span, points: readonly NumberPoint[]): MetricData {
  return {
    descriptor: { ...note, valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.GAUGE,
    dataPoints: points.map((point) => ({ ...span, ...point })),
  };
}

export function sum(
  note: MetricNote,
  span: Span,
  points: readonly NumberPoint[],
  isMonotonic: boolean,
): MetricData {
  return {
    descriptor: { ...note, valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.SUM,
    isMonotonic,
    dataPoints: points.map((point) => ({ ...span, ...point })),
  };
}

export function durations(
  note: MetricNote,
  span: Span,
  cells: Iterable<{ readonly attributes: Attributes; readonly histogram: DurationHistogram }>,
): MetricData {
  const counted = Array.from(cells).filter(({ histogram }) => histogram.count > 0);
  const common = {
    descriptor: { ...note, valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
  const totals = (histogram: DurationHistogram) => ({
    count: histogram.count,
    sum: histogram.sumSeconds,
    min: histogram.minSeconds,
    max: histogram.maxSeconds,
  });
  // One metric has one kind of histogram; its cells were all made alike.
  if (counted[0]?.histogram.exponential !== undefined)
    return {
      ...common,
      dataPointType: DataPointType.EXPONENTIAL_HISTOGRAM,
      dataPoints: counted.flatMap(({ attributes, histogram }) =>
        histogram.exponential === undefined
          ? []
          : { ...span, attributes, value: { ...histogram.exponential.read(), ...totals(histogram) } },
      ),
    };
  return {
    ...common,
    dataPointType: DataPointType.HISTOGRAM,
    dataPoints: counted.map(({ attributes, histogram }) => ({
      ...span,
      attributes,
      value: {
        buckets: { boundaries: [...DURATION_BOUNDS_SECONDS], counts: [...histogram.counts] },
        ...totals(histogram),
      },
    })),
  };
}
