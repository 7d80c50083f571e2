import { type Attributes, type HrTime, ValueType } from "@opentelemetry/api";
import {
  AggregationTemporality,
  DataPointType,
  type ExponentialHistogram,
  type MetricData,
  type ScopeMetrics,
} from "@opentelemetry/sdk-metrics";
import type { Exemplar } from "../otlp/encode-metrics.js";
import type { ExponentialDurations } from "./exponential.js";
import { DURATION_BOUNDS_SECONDS, type DurationHistogram } from "./histogram.js";

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
    descriptor: descriptorOf(note),
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.GAUGE,
    dataPoints: points.map((point) => numberPoint(span, point)),
  };
}

export function sum(
  note: MetricNote,
  span: Span,
  points: readonly NumberPoint[],
  isMonotonic: boolean,
): MetricData {
  return {
    descriptor: descriptorOf(note),
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.SUM,
    isMonotonic,
    dataPoints: points.map((point) => numberPoint(span, point)),
  };
}

/** Key by key: V8 gives each object that others are spread into a hidden class of its own, which makes reading them slow. */
function numberPoint({ startTime, endTime }: Span, { attributes, value, exemplars }: NumberPoint) {
  return { startTime, endTime, attributes, value, exemplars };
}

function descriptorOf({ name, unit, description }: MetricNote): MetricData["descriptor"] {
  return { name, unit, description, valueType: ValueType.DOUBLE };
}

export function durations(
  note: MetricNote,
  span: Span,
  cells: Iterable<{ readonly attributes: Attributes; readonly histogram: DurationHistogram }>,
): MetricData {
  const counted = Array.from(cells).filter(({ histogram }) => histogram.count > 0);
  const common = {
    descriptor: descriptorOf(note),
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
  // One metric has one kind of histogram; its cells were all made alike.
  if (counted[0]?.histogram.exponential !== undefined)
    return {
      ...common,
      dataPointType: DataPointType.EXPONENTIAL_HISTOGRAM,
      dataPoints: counted.flatMap(({ attributes, histogram }) =>
        histogram.exponential === undefined
          ? []
          : { ...span, attributes, value: exponentialOf(histogram, histogram.exponential) },
      ),
    };
  return {
    ...common,
    dataPointType: DataPointType.HISTOGRAM,
    dataPoints: counted.map(({ attributes, histogram }) => ({
      startTime: span.startTime,
      endTime: span.endTime,
      attributes,
      value: {
        buckets: { boundaries: [...DURATION_BOUNDS_SECONDS], counts: [...histogram.counts] },
        count: histogram.count,
        sum: histogram.sumSeconds,
        min: histogram.minSeconds,
        max: histogram.maxSeconds,
      },
    })),
  };
}

function exponentialOf(
  { count, sumSeconds, minSeconds, maxSeconds }: DurationHistogram,
  buckets: ExponentialDurations,
): ExponentialHistogram {
  return { ...buckets.read(), count, sum: sumSeconds, min: minSeconds, max: maxSeconds };
}
