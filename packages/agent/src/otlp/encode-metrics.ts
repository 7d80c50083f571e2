import type { Attributes, HrTime } from "@opentelemetry/api";
import {
  AggregationTemporality,
  DataPointType,
  type ExponentialHistogram,
  type Histogram,
  type MetricData,
  type ScopeMetrics,
} from "@opentelemetry/sdk-metrics";
import { writeAttribute, writeAttributes } from "./attributes.js";
import { ByteWriter } from "./byte-writer.js";

/** A measured value that stands for others, with the trace it was measured in. */
export interface Exemplar {
  readonly value: number;
  readonly timeMs: number;
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
  readonly attributes: Attributes;
}

/** A data point as the SDK has it, and exemplars where the source keeps some. */
interface Point<T> {
  readonly startTime: HrTime;
  readonly endTime: HrTime;
  readonly attributes: Attributes;
  readonly value: T;
  readonly exemplars?: readonly Exemplar[];
}

/** Quantiles that were worked out at the source, as prom-client's summaries are; the SDK has no such metric. */
export interface SummaryMetric {
  readonly descriptor: MetricData["descriptor"];
  readonly dataPointType: "summary";
  readonly dataPoints: readonly Point<Summary>[];
}

interface Summary {
  readonly count: number;
  readonly sum: number;
  readonly quantiles: readonly { readonly quantile: number; readonly value: number }[];
}

/** Metrics of one scope that can be encoded: the SDK's kinds, and summaries. */
export interface EncodableScope {
  readonly scope: ScopeMetrics["scope"];
  readonly metrics: readonly (MetricData | SummaryMetric)[];
}

/** An `ExportMetricsServiceRequest`, and how many data points are in it. `resource` is encoded already. */
export function metricsRequest(
  resource: Uint8Array,
  scopes: readonly EncodableScope[],
): { body: Uint8Array<ArrayBuffer>; count: number } {
  shared.at = 0;
  const writer = shared;
  let count = 0;
  const outer = writer.open(0x0a);
  writer.reserve(10);
  writer.byte(0x0a);
  writer.varint(resource.length);
  writer.raw(resource);
  for (const { scope, metrics } of scopes) {
    const used = metrics.filter((metric) => metric.dataPoints.length > 0);
    if (used.length === 0) continue;
    const inner = writer.open(0x12);
    writeScope(writer, scope);
    for (const metric of used) {
      writeMetric(writer, metric);
      count += metric.dataPoints.length;
    }
    if (scope.schemaUrl !== undefined) writer.string(0x1a, scope.schemaUrl);
    writer.close(inner);
  }
  writer.close(outer);
  return { body: writer.finished(), count };
}

/** Used for one export after the other. */
const shared = new ByteWriter(0);

/** `InstrumentationScope` with its tag (field 1 of every `Scope*` message). */
export function writeScope(writer: ByteWriter, scope: { name: string; version?: string }): void {
  const start = writer.open(0x0a);
  writer.string(0x0a, scope.name);
  if (scope.version !== undefined) writer.string(0x12, scope.version);
  writer.close(start);
}

function writeMetric(writer: ByteWriter, metric: EncodableScope["metrics"][number]): void {
  const start = writer.open(0x12);
  const { name, description, unit } = metric.descriptor;
  writer.string(0x0a, name);
  if (description !== "") writer.string(0x12, description);
  if (unit !== "") writer.string(0x1a, unit);
  switch (metric.dataPointType) {
    case DataPointType.GAUGE: {
      const data = writer.open(0x2a);
      for (const point of metric.dataPoints) writeNumber(writer, point);
      writer.close(data);
      break;
    }
    case DataPointType.SUM: {
      const data = writer.open(0x3a);
      for (const point of metric.dataPoints) writeNumber(writer, point);
      writeTemporality(writer, metric.aggregationTemporality);
      if (metric.isMonotonic) {
        writer.reserve(2);
        writer.byte(0x18);
        writer.byte(1);
      }
      writer.close(data);
      break;
    }
    case DataPointType.HISTOGRAM: {
      const data = writer.open(0x4a);
      for (const point of metric.dataPoints) writeHistogram(writer, point);
      writeTemporality(writer, metric.aggregationTemporality);
      writer.close(data);
      break;
    }
    case DataPointType.EXPONENTIAL_HISTOGRAM: {
      const data = writer.open(0x52);
      for (const point of metric.dataPoints) writeExponential(writer, point);
      writeTemporality(writer, metric.aggregationTemporality);
      writer.close(data);
      break;
    }
    case "summary": {
      const data = writer.open(0x5a);
      for (const point of metric.dataPoints) writeSummary(writer, point);
      writer.close(data);
    }
  }
  writer.close(start);
}

function writeTemporality(writer: ByteWriter, temporality: AggregationTemporality): void {
  writer.reserve(2);
  writer.byte(0x10);
  writer.byte(temporality === AggregationTemporality.DELTA ? 1 : 2);
}

function writeTimes(writer: ByteWriter, point: { startTime: HrTime; endTime: HrTime }): void {
  writer.reserve(18);
  writer.byte(0x11);
  writer.unixNano(point.startTime[0], point.startTime[1]);
  writer.byte(0x19);
  writer.unixNano(point.endTime[0], point.endTime[1]);
}

function writeDouble(writer: ByteWriter, tag: number, value: number): void {
  writer.reserve(9);
  writer.byte(tag);
  writer.double(value);
}

function writeFixedCount(writer: ByteWriter, tag: number, count: number): void {
  writer.reserve(9);
  writer.byte(tag);
  writer.fixed64(count % 4_294_967_296, Math.floor(count / 4_294_967_296));
}

function writeNumber(writer: ByteWriter, point: Point<number>): void {
  const start = writer.open(0x0a);
  writeAttributes(writer, 0x3a, point.attributes);
  writeTimes(writer, point);
  writeDouble(writer, 0x21, point.value);
  writeExemplars(writer, 0x2a, point.exemplars);
  writer.close(start);
}

function writeHistogram(writer: ByteWriter, point: Point<Histogram>): void {
  const { value } = point;
  const start = writer.open(0x0a);
  writeAttributes(writer, 0x4a, point.attributes);
  writeTimes(writer, point);
  writeFixedCount(writer, 0x21, value.count);
  if (value.sum !== undefined) writeDouble(writer, 0x29, value.sum);
  const { counts, boundaries } = value.buckets;
  writer.reserve(counts.length * 8 + boundaries.length * 8 + 24);
  writer.byte(0x32);
  writer.varint(counts.length * 8);
  for (const count of counts) writer.fixed64(count % 4_294_967_296, Math.floor(count / 4_294_967_296));
  writer.byte(0x3a);
  writer.varint(boundaries.length * 8);
  for (const boundary of boundaries) writer.double(boundary);
  writeExemplars(writer, 0x42, point.exemplars);
  if (value.min !== undefined && Number.isFinite(value.min)) writeDouble(writer, 0x59, value.min);
  if (value.max !== undefined && Number.isFinite(value.max)) writeDouble(writer, 0x61, value.max);
  writer.close(start);
}

function writeExponential(writer: ByteWriter, point: Point<ExponentialHistogram>): void {
  const { value } = point;
  const start = writer.open(0x0a);
  writeAttributes(writer, 0x0a, point.attributes);
  writeTimes(writer, point);
  writeFixedCount(writer, 0x21, value.count);
  if (value.sum !== undefined) writeDouble(writer, 0x29, value.sum);
  writer.reserve(1);
  writer.byte(0x30);
  writer.int64(value.scale < 0 ? -value.scale * 2 - 1 : value.scale * 2);
  writeFixedCount(writer, 0x39, value.zeroCount);
  writeBuckets(writer, 0x42, value.positive);
  writeBuckets(writer, 0x4a, value.negative);
  writeExemplars(writer, 0x5a, point.exemplars);
  if (value.min !== undefined && Number.isFinite(value.min)) writeDouble(writer, 0x61, value.min);
  if (value.max !== undefined && Number.isFinite(value.max)) writeDouble(writer, 0x69, value.max);
  writer.close(start);
}

function writeSummary(writer: ByteWriter, point: Point<Summary>): void {
  const { count, sum, quantiles } = point.value;
  const start = writer.open(0x0a);
  writeTimes(writer, point);
  writeFixedCount(writer, 0x21, count);
  writeDouble(writer, 0x29, sum);
  for (const { quantile, value } of quantiles) {
    const inner = writer.open(0x32);
    writeDouble(writer, 0x09, quantile);
    writeDouble(writer, 0x11, value);
    writer.close(inner);
  }
  writeAttributes(writer, 0x3a, point.attributes);
  writer.close(start);
}

function writeBuckets(
  writer: ByteWriter,
  tag: number,
  { offset, bucketCounts }: { offset: number; bucketCounts: readonly number[] },
): void {
  const start = writer.open(tag);
  writer.reserve(1);
  writer.byte(0x08);
  writer.int64(offset < 0 ? -offset * 2 - 1 : offset * 2);
  const counts = writer.open(0x12);
  for (const count of bucketCounts) writer.int64(count);
  writer.close(counts);
  writer.close(start);
}

function writeExemplars(writer: ByteWriter, tag: number, exemplars: readonly Exemplar[] | undefined): void {
  for (const exemplar of exemplars ?? []) {
    const start = writer.open(tag);
    const seconds = Math.floor(exemplar.timeMs / 1000);
    writer.reserve(9);
    writer.byte(0x11);
    writer.unixNano(seconds, Math.floor((exemplar.timeMs - seconds * 1000) * 1e6));
    writeDouble(writer, 0x19, exemplar.value);
    writer.reserve(30);
    if (exemplar.spanId !== undefined) {
      writer.byte(0x22);
      writer.byte(8);
      writer.hex(exemplar.spanId);
    }
    if (exemplar.traceId !== undefined) {
      writer.byte(0x2a);
      writer.byte(16);
      writer.hex(exemplar.traceId);
    }
    for (const key in exemplar.attributes) writeAttribute(writer, 0x3a, key, exemplar.attributes[key]);
    writer.close(start);
  }
}
