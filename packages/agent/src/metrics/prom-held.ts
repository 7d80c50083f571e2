import type { PromMetric, PromValue } from "./prom-metrics.js";

/**
 * What a metric of prom-client holds at this moment, for the last export of a process that ends without another turn of its
 * event loop: prom-client's own `get()` answers by a promise alone. A `collect()` of the metric is not called.
 *
 * Read from where prom-client keeps it; nothing for a metric that keeps it elsewhere.
 */
export function heldBy(metric: object): PromMetric | undefined {
  const { name, help, hashMap, upperBounds, percentiles } = metric as Partial<HoldingMetric>;
  if (name === undefined || help === undefined || hashMap === undefined) return undefined;
  const cells = Object.values(hashMap);
  const held = (type: string, values: readonly PromValue[]): PromMetric => ({ name, help, type, values });
  // By its shape: versions before 15 do not say of what kind it is.
  if (upperBounds !== undefined)
    return held(
      "histogram",
      (cells as HistogramCell[]).flatMap((cell) => bucketsOf(name, upperBounds, cell)),
    );
  if (percentiles !== undefined)
    return held(
      "summary",
      (cells as SummaryCell[]).flatMap((cell) => quantilesOf(name, percentiles, cell)),
    );
  if ("inc" in metric) return held("dec" in metric ? "gauge" : "counter", cells as PromValue[]);
  return undefined;
}

type Labels = PromValue["labels"];

/** The parts of prom-client's metrics that are private to it. */
interface HoldingMetric {
  readonly name: string;
  readonly help: string;
  /** By labels. */
  readonly hashMap: Readonly<Record<string, unknown>>;
  readonly upperBounds: readonly number[];
  readonly percentiles: readonly number[];
}

interface HistogramCell {
  readonly labels: Labels;
  readonly sum: number;
  readonly count: number;
  /** Not cumulative. */
  readonly bucketValues: Readonly<Record<string, number>>;
  /** That of what is above all bounds under "-1". */
  readonly bucketExemplars?: Readonly<Record<string, PromValue["exemplar"]>>;
}

interface SummaryCell {
  readonly labels: Labels;
  readonly sum: number;
  readonly count: number;
  readonly td: { percentile(quantile: number): number | undefined };
}

function bucketsOf(name: string, bounds: readonly number[], cell: HistogramCell): PromValue[] {
  const { labels, bucketValues, bucketExemplars, count } = cell;
  const metricName = `${name}_bucket`;
  let value = 0;
  const buckets = bounds.map((le) => {
    value += bucketValues[le] ?? 0;
    return { labels: { ...labels, le }, metricName, value, exemplar: bucketExemplars?.[le] };
  });
  const all = {
    labels: { ...labels, le: "+Inf" },
    metricName,
    value: count,
    exemplar: bucketExemplars?.["-1"],
  };
  return [...buckets, all, ...sumAndCount(name, cell)];
}

function quantilesOf(name: string, quantiles: readonly number[], cell: SummaryCell): PromValue[] {
  const values = quantiles.map((quantile) => ({
    labels: { ...cell.labels, quantile },
    value: cell.td.percentile(quantile) ?? 0,
  }));
  return [...values, ...sumAndCount(name, cell)];
}

function sumAndCount(name: string, { labels, sum, count }: HistogramCell | SummaryCell): PromValue[] {
  return [
    { labels, metricName: `${name}_sum`, value: sum },
    { labels, metricName: `${name}_count`, value: count },
  ];
}
