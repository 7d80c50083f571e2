import type { UnixMs } from "@tocsin/model";
import { type Histogram, SampleBuffer, type SampleValue, STALE_MARKER } from "@tocsin/promql";
import type { MetricColumns, OtlpMetric } from "../../otlp/columns.js";
import type { Head } from "../head.js";
import type { DropReason } from "../head-metrics.js";
import type { HeadSeries } from "../series.js";
import { boundText, type LabelsDraft } from "./labels.js";
import { addHistograms, canAdd, customHistogram, exponentialHistogram } from "./native.js";

/** The series that the points of one stream (a metric with one set of attributes) go to. */
export interface PointSeries {
  /** False when it must be made again: a series left the head, or the buckets are others now. */
  fits(columns: MetricColumns, point: number): boolean;
  /** Appends the point; refused samples are counted by the head. */
  append(columns: MetricColumns, point: number, timeMs: UnixMs, startMs: UnixMs): void;
  /** Ends every series at `timeMs`: the sender says that there is no value now. */
  end(timeMs: UnixMs): void;
  /** The series that exemplars of the value belong to. */
  exemplarSeries(value: number): HeadSeries | undefined;
}

/** Makes the series of a stream. */
export function pointSeries(
  head: Head,
  metric: OtlpMetric,
  name: string,
  labels: LabelsDraft,
  columns: MetricColumns,
  point: number,
  classicHistograms: boolean,
): PointSeries {
  const isDelta = metric.temporality === "delta";
  const one = (suffix: string, extra?: LabelsDraft) =>
    new Output(head, { ...labels, ...extra, __name__: name + suffix }, isDelta);
  if (metric.kind === "summary") return summary(one, columns, point);
  if (metric.kind === "histogram" && classicHistograms) return classicHistogram(one, columns, point);
  if (metric.kind === "histogram") return native(one(""), customHistogram);
  if (metric.kind === "exponentialHistogram") return native(one(""), exponentialHistogram);
  return number(one(""));
}

type MakeOutput = (suffix: string, extra?: LabelsDraft) => Output;

function number(output: Output): PointSeries {
  return {
    fits: () => output.isHere,
    append: (columns, point, timeMs, startMs) => output.append(timeMs, columns.value[point], startMs),
    end: (timeMs) => output.end(timeMs),
    exemplarSeries: () => output.series,
  };
}

function native(
  output: Output,
  read: (columns: MetricColumns, point: number) => Histogram | undefined,
): PointSeries {
  return {
    fits: () => output.isHere,
    append(columns, point, timeMs, startMs) {
      const histogram = read(columns, point);
      if (histogram === undefined) output.refuse("unsupported");
      else output.append(timeMs, histogram, startMs);
    },
    end: (timeMs) => output.end(timeMs),
    exemplarSeries: () => output.series,
  };
}

function classicHistogram(one: MakeOutput, columns: MetricColumns, point: number): PointSeries {
  const bounds = columns.bounds.slice(columns.boundFirst[point], columns.boundFirst[point + 1]);
  const buckets = [...bounds, Number.POSITIVE_INFINITY].map((bound) =>
    one("_bucket", { le: boundText(bound) }),
  );
  const count = one("_count");
  const all = [...buckets, count];
  let sum: Output | undefined;
  return {
    fits: (now, row) => sameBounds(now, row, bounds) && all.every((output) => output.isHere),
    append(now, row, timeMs, startMs) {
      const first = now.bucketFirst[row];
      const end = now.bucketFirst[row + 1];
      let below = 0;
      for (let index = 0; index < bounds.length; index++) {
        if (first + index < end) below += now.bucketCounts[first + index];
        buckets[index].append(timeMs, below, startMs);
      }
      buckets[bounds.length].append(timeMs, now.count[row], startMs);
      // A histogram of values that may be negative comes without a sum.
      if (!Number.isNaN(now.sum[row])) {
        if (sum === undefined) {
          sum = one("_sum");
          all.push(sum);
        }
        sum.append(timeMs, now.sum[row], startMs);
      }
      count.append(timeMs, now.count[row], startMs);
    },
    end(timeMs) {
      for (const output of all) output.end(timeMs);
    },
    exemplarSeries(value) {
      const index = bounds.findIndex((bound) => value <= bound);
      return buckets[index < 0 ? bounds.length : index].series;
    },
  };
}

function summary(one: MakeOutput, columns: MetricColumns, point: number): PointSeries {
  const quantiles = columns.quantiles.slice(columns.quantileFirst[point], columns.quantileFirst[point + 1]);
  const outputs = [...quantiles].map((quantile) => one("", { quantile: boundText(quantile) }));
  const sum = one("_sum");
  const count = one("_count");
  const all = [...outputs, sum, count];
  return {
    fits(now, row) {
      const first = now.quantileFirst[row];
      if (now.quantileFirst[row + 1] - first !== quantiles.length) return false;
      return (
        quantiles.every((quantile, i) => now.quantiles[first + i] === quantile) && all.every((o) => o.isHere)
      );
    },
    append(now, row, timeMs, startMs) {
      outputs.forEach((output, index) => {
        output.append(timeMs, now.quantileValues[now.quantileFirst[row] + index], 0);
      });
      sum.append(timeMs, now.sum[row], startMs);
      count.append(timeMs, now.count[row], startMs);
    },
    end(timeMs) {
      for (const output of all) output.end(timeMs);
    },
    exemplarSeries: () => undefined,
  };
}

function sameBounds(columns: MetricColumns, point: number, bounds: Float64Array): boolean {
  const first = columns.boundFirst[point];
  if (columns.boundFirst[point + 1] - first !== bounds.length) return false;
  for (let index = 0; index < bounds.length; index++) {
    if (columns.bounds[first + index] !== bounds[index]) return false;
  }
  return true;
}

const latest = new SampleBuffer(1);

/**
 * One series as the target of points. Deltas are added up here; where to go on is read from the series itself, so that
 * nothing but the head needs to outlive a restart. A delta not newer than the last one was counted already.
 */
class Output {
  readonly series: HeadSeries | undefined;
  readonly #head: Head;
  readonly #refusal: DropReason | undefined;
  readonly #isDelta: boolean;
  #lastMs = Number.NEGATIVE_INFINITY;
  #total: number | Histogram | undefined;
  #beganMs = 0;

  constructor(head: Head, labels: LabelsDraft, isDelta: boolean) {
    const series = head.series(labels);
    this.#head = head;
    this.#isDelta = isDelta;
    this.series = typeof series === "string" ? undefined : series;
    this.#refusal = typeof series === "string" ? series : undefined;
    if (isDelta && this.series !== undefined) this.#resume(this.series);
  }

  /** Refused series are asked for again with every point: there may be room by now. */
  get isHere(): boolean {
    return this.series !== undefined && !this.series.isGone;
  }

  refuse(reason: DropReason): void {
    this.#head.countDropped(reason);
  }

  end(timeMs: UnixMs): void {
    if (this.series !== undefined) this.#head.append(this.series, timeMs, STALE_MARKER);
  }

  append(timeMs: UnixMs, value: number | Histogram, startMs: UnixMs): void {
    const { series } = this;
    if (series === undefined) this.refuse(this.#refusal ?? "series_limit");
    else if (this.#isDelta) this.#add(series, timeMs, value, startMs);
    else this.#head.append(series, timeMs, value, startMs);
  }

  #add(series: HeadSeries, timeMs: UnixMs, delta: number | Histogram, startMs: UnixMs): void {
    if (timeMs <= this.#lastMs) {
      this.refuse("too_old");
      return;
    }
    const before = this.#total;
    this.#total = sumOf(before, delta);
    this.#lastMs = timeMs;
    if (this.#total === delta) this.#beganMs = startMs;
    this.#head.append(series, timeMs, this.#total as SampleValue, this.#beganMs);
  }

  #resume(series: HeadSeries): void {
    this.#beganMs = series.starts?.startMs.at(-1) ?? 0;
    this.#lastMs = series.lastMs;
    if (series.isStale) return;
    const held = series.histograms;
    if (held?.last !== undefined && held.timesMs.at(-1) === series.lastMs) {
      this.#total = held.last;
    } else if (this.#head.samples.readLatest(series, 0, Number.POSITIVE_INFINITY, latest, 0) === 1) {
      this.#total = latest.values[0];
    }
  }
}

function sumOf(before: number | Histogram | undefined, delta: number | Histogram): number | Histogram {
  if (typeof before === "number" && typeof delta === "number") return before + delta;
  if (typeof before === "object" && typeof delta === "object" && canAdd(before, delta)) {
    return addHistograms(before, delta);
  }
  return delta;
}
