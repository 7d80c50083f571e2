import { type BucketRun, CUSTOM_BUCKETS_SCHEMA, type Histogram } from "@tocsin/promql";
import type { MetricColumns } from "../../otlp/columns.js";

/** Schemas that PromQL knows; finer OTLP scales are merged down, coarser ones refused. */
const FINEST_SCHEMA = 8;
const COARSEST_SCHEMA = -4;
/** Width of the zero bucket where the sender gave none, as Prometheus takes it. */
const DEFAULT_ZERO_THRESHOLD = 1e-128;

const NONE: BucketRun = { offset: 0, buckets: [] };

/**
 * The exponential histogram in row `point` as a native histogram.
 *
 * OTLP's bucket i covers (base^i, base^(i+1)], PromQL's (base^(i−1), base^i]: indexes move up by one.
 *
 * @returns undefined when its scale is too coarse
 */
export function exponentialHistogram(columns: MetricColumns, point: number): Histogram | undefined {
  const scale = columns.scale[point];
  if (scale < COARSEST_SCHEMA) return undefined;
  const first = columns.bucketFirst[point];
  const middle = first + columns.positiveCount[point];
  const end = columns.bucketFirst[point + 1];
  const sum = columns.sum[point];
  const histogram: Histogram = {
    schema: scale,
    count: columns.count[point],
    sum,
    zeroThreshold: columns.zeroThreshold[point] || DEFAULT_ZERO_THRESHOLD,
    zeroCount: columns.zeroCount[point],
    positive: run(columns.bucketCounts, first, middle, columns.positiveOffset[point] + 1),
    negative: run(columns.bucketCounts, middle, end, columns.negativeOffset[point] + 1),
    counterResetHint: "unknown",
  };
  return scale > FINEST_SCHEMA ? coarsened(histogram, FINEST_SCHEMA) : histogram;
}

/** The explicit-bucket histogram in row `point` as a native histogram with custom buckets. */
export function customHistogram(columns: MetricColumns, point: number): Histogram {
  const first = columns.bucketFirst[point];
  const end = columns.bucketFirst[point + 1];
  return {
    schema: CUSTOM_BUCKETS_SCHEMA,
    count: columns.count[point],
    sum: columns.sum[point],
    zeroThreshold: 0,
    zeroCount: 0,
    positive: run(columns.bucketCounts, first, end, 0),
    negative: NONE,
    customValues: [...columns.bounds.subarray(columns.boundFirst[point], columns.boundFirst[point + 1])],
    counterResetHint: "unknown",
  };
}

/** Both together, in the coarser of their layouts: a delta added to what was before. */
export function addHistograms(before: Histogram, delta: Histogram): Histogram {
  const schema = Math.min(before.schema, delta.schema);
  const a = coarsened(before, schema);
  const b = coarsened(delta, schema);
  return {
    ...b,
    count: a.count + b.count,
    sum: a.sum + b.sum,
    zeroThreshold: Math.max(a.zeroThreshold, b.zeroThreshold),
    zeroCount: a.zeroCount + b.zeroCount,
    positive: addRuns(a.positive, b.positive),
    negative: addRuns(a.negative, b.negative),
    counterResetHint: "unknown",
  };
}

/** Whether a delta can be added: same kind of buckets and, where they are listed, the same ones. */
export function canAdd(before: Histogram, delta: Histogram): boolean {
  const isCustom = before.schema === CUSTOM_BUCKETS_SCHEMA;
  if (isCustom !== (delta.schema === CUSTOM_BUCKETS_SCHEMA)) return false;
  if (!isCustom) return true;
  const bounds = delta.customValues ?? [];
  return (
    before.customValues?.length === bounds.length && before.customValues.every((b, i) => b === bounds[i])
  );
}

function run(counts: Float64Array, from: number, to: number, offset: number): BucketRun {
  let first = from;
  let end = to;
  while (first < end && counts[first] === 0) first++;
  while (end > first && counts[end - 1] === 0) end--;
  return first === end ? NONE : { offset: offset + first - from, buckets: [...counts.subarray(first, end)] };
}

function coarsened(histogram: Histogram, schema: number): Histogram {
  if (histogram.schema <= schema || histogram.schema === CUSTOM_BUCKETS_SCHEMA) return histogram;
  const factor = 2 ** (histogram.schema - schema);
  return {
    ...histogram,
    schema,
    positive: mergedRun(histogram.positive, factor),
    negative: mergedRun(histogram.negative, factor),
  };
}

function mergedRun({ offset, buckets }: BucketRun, factor: number): BucketRun {
  if (buckets.length === 0) return NONE;
  const first = Math.ceil(offset / factor);
  const merged = new Array<number>(Math.ceil((offset + buckets.length - 1) / factor) - first + 1).fill(0);
  buckets.forEach((count, index) => {
    merged[Math.ceil((offset + index) / factor) - first] += count;
  });
  return { offset: first, buckets: merged };
}

function addRuns(a: BucketRun, b: BucketRun): BucketRun {
  if (a.buckets.length === 0) return b;
  if (b.buckets.length === 0) return a;
  const first = Math.min(a.offset, b.offset);
  const end = Math.max(a.offset + a.buckets.length, b.offset + b.buckets.length);
  const buckets = new Array<number>(end - first).fill(0);
  for (const { offset, buckets: counts } of [a, b]) {
    counts.forEach((count, index) => {
      buckets[offset + index - first] += count;
    });
  }
  return { offset: first, buckets };
}
