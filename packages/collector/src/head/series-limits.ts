import type { Labels } from "@tocsin/model";

export interface SeriesLimitOptions {
  readonly maxSeries: number;
  /** Of one metric. Default: no limit of its own. */
  readonly maxSeriesPerMetric?: number;
  /** Of one metric of one service. Default: no limit of its own. */
  readonly maxSeriesPerMetricOfService?: number;
}

/** Which limit a new series would exceed, by its key in the configuration. */
export type SeriesLimit = "max_series" | "max_series_per_metric" | "max_series_per_metric_of_service";

interface MetricCounts {
  total: number;
  readonly byService: Map<string, number>;
}

/**
 * Counts series by metric and service, so that one label with a value per user does not take the room of everything else:
 * a service that runs wild is stopped before its metric is, and the metric before the whole memory is full.
 */
export class SeriesLimits {
  readonly #maxSeries: number;
  readonly #maxPerMetric: number;
  readonly #maxPerService: number;
  readonly #metrics = new Map<string, MetricCounts>();
  #total = 0;
  /** Metrics, and services of metrics, that have reached their limit. */
  #full = 0;

  constructor(options: SeriesLimitOptions) {
    this.#maxSeries = options.maxSeries;
    this.#maxPerMetric = options.maxSeriesPerMetric ?? Number.POSITIVE_INFINITY;
    this.#maxPerService = options.maxSeriesPerMetricOfService ?? Number.POSITIVE_INFINITY;
  }

  /** Whether any limit is reached, so that it is worth asking for one series. */
  get isAnyReached(): boolean {
    return this.#full > 0 || this.#total >= this.#maxSeries;
  }

  /** The limit that one more series with these labels would exceed. */
  exceeded(labels: Labels): SeriesLimit | undefined {
    if (this.#total >= this.#maxSeries) return "max_series";
    if (this.#full === 0) return undefined;
    const counts = this.#metrics.get(metricOf(labels));
    if (counts === undefined) return undefined;
    if (counts.total >= this.#maxPerMetric) return "max_series_per_metric";
    const ofService = counts.byService.get(serviceOf(labels)) ?? 0;
    return ofService >= this.#maxPerService ? "max_series_per_metric_of_service" : undefined;
  }

  add(labels: Labels): void {
    const name = metricOf(labels);
    let counts = this.#metrics.get(name);
    if (counts === undefined) {
      counts = { total: 0, byService: new Map() };
      this.#metrics.set(name, counts);
    }
    const service = serviceOf(labels);
    const ofService = (counts.byService.get(service) ?? 0) + 1;
    this.#total++;
    counts.total++;
    counts.byService.set(service, ofService);
    if (counts.total === this.#maxPerMetric) this.#full++;
    if (ofService === this.#maxPerService) this.#full++;
  }

  remove(labels: Labels): void {
    const name = metricOf(labels);
    const service = serviceOf(labels);
    const counts = this.#metrics.get(name);
    const ofService = counts?.byService.get(service);
    if (counts === undefined || ofService === undefined) return;
    if (counts.total === this.#maxPerMetric) this.#full--;
    if (ofService === this.#maxPerService) this.#full--;
    this.#total--;
    counts.total--;
    if (ofService === 1) counts.byService.delete(service);
    else counts.byService.set(service, ofService - 1);
    if (counts.total === 0) this.#metrics.delete(name);
  }
}

export function metricOf(labels: Labels): string {
  return labels.__name__ ?? "";
}

/** `job`, which for OTLP is the service with its namespace; "" for series of nobody, such as those of rules. */
export function serviceOf(labels: Labels): string {
  return labels.job ?? "";
}
