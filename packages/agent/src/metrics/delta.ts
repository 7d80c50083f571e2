import type { HrTime } from "@opentelemetry/api";
import { AggregationTemporality, DataPointType, type MetricData } from "@opentelemetry/sdk-metrics";
import type { EncodableScope } from "../otlp/encode-metrics.js";

/**
 * Turns the agent's cumulative counters and histograms into what was added since the last export, for backends that want
 * deltas (`OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=delta`). Gauges, summaries and sums that may fall stay as they are.
 *
 * A value below its last one was reset, and is told whole. Minimum and maximum are those of all time, so deltas have none.
 */
export class DeltaConverter {
  private readonly last = new Map<string, { point: Point; readTime: HrTime }>();

  convert(scopes: readonly EncodableScope[]): EncodableScope[] {
    return scopes.map(({ scope, metrics }) => ({
      scope,
      metrics: metrics.map((metric) => this.convertMetric(`${scope.name} ${metric.descriptor.name}`, metric)),
    }));
  }

  private convertMetric(key: string, metric: Metric): Metric {
    if (metric.dataPointType === DataPointType.GAUGE || metric.dataPointType === "summary") return metric;
    if (metric.dataPointType === DataPointType.SUM && !metric.isMonotonic) return metric;
    const dataPoints = (metric.dataPoints as readonly Point[]).map((point) => {
      const series = `${key} ${JSON.stringify(Object.entries(point.attributes).sort())}`;
      const before = this.last.get(series);
      this.last.set(series, { point, readTime: point.endTime });
      const startTime = before?.readTime ?? point.startTime;
      return { ...point, startTime, value: difference(point.value, before?.point.value) };
    });
    return { ...metric, aggregationTemporality: AggregationTemporality.DELTA, dataPoints } as MetricData;
  }
}

type Metric = EncodableScope["metrics"][number];
type Point = MetricData["dataPoints"][number];
type Value = Point["value"];

function difference(now: Value, before: Value | undefined): Value {
  if (typeof now === "number") {
    return typeof before === "number" && now >= before ? now - before : now;
  }
  if (before === undefined || typeof before === "number" || before.count > now.count) return now;
  const sum = now.sum === undefined || before.sum === undefined ? now.sum : now.sum - before.sum;
  const { min: _min, max: _max, ...rest } = now;
  if ("buckets" in now && "buckets" in before) {
    const counts = now.buckets.counts.map((count, index) => count - (before.buckets.counts[index] ?? 0));
    return { ...rest, buckets: { ...now.buckets, counts }, count: now.count - before.count, sum } as Value;
  }
  if ("scale" in now && "scale" in before) {
    return {
      ...rest,
      count: now.count - before.count,
      sum,
      zeroCount: now.zeroCount - before.zeroCount,
      positive: {
        offset: now.positive.offset,
        bucketCounts: subtractBuckets(now.positive, rescale(before.positive, before.scale - now.scale)),
      },
    } as Value;
  }
  return now;
}

interface Buckets {
  readonly offset: number;
  readonly bucketCounts: readonly number[];
}

/** The same counts in buckets `2^steps` times as wide (in powers): the scale of a histogram only ever falls. */
function rescale({ offset, bucketCounts }: Buckets, steps: number): Map<number, number> {
  const counts = new Map<number, number>();
  bucketCounts.forEach((count, index) => {
    const at = (offset + index) >> steps;
    counts.set(at, (counts.get(at) ?? 0) + count);
  });
  return counts;
}

function subtractBuckets({ offset, bucketCounts }: Buckets, before: ReadonlyMap<number, number>): number[] {
  return bucketCounts.map((count, index) => count - (before.get(offset + index) ?? 0));
}
