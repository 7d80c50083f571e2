import type { Labels, UnixMs } from "@tocsin/model";
import type { Histogram } from "./histogram/histogram.js";
import { formatFloat, type HistogramJson, histogramToJson } from "./result-json.js";

/** Notes on a query that did not fail: warnings (the answer may be wrong) and infos (the query may be). */
export interface Annotations {
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
}

/** One series of an instant vector: a float, or a histogram and then `value` is NaN. */
export interface VectorSample {
  readonly labels: Labels;
  readonly tMs: UnixMs;
  readonly value: number;
  readonly histogram?: Histogram;
}

/** One series of a matrix: floats in parallel typed arrays, histograms apart, both in rising order of time. */
export interface MatrixSeries {
  readonly labels: Labels;
  readonly timestamps: Float64Array;
  readonly values: Float64Array;
  readonly histograms: readonly { readonly tMs: UnixMs; readonly histogram: Histogram }[];
}

/** Answer of an instant query that gives an instant vector. */
export class VectorResult {
  readonly resultType = "vector";
  readonly samples: readonly VectorSample[];
  readonly annotations: Annotations;
  constructor(samples: readonly VectorSample[], annotations: Annotations = NO_ANNOTATIONS) {
    this.samples = samples;
    this.annotations = annotations;
  }
  toJSON(): VectorJson {
    const result = this.samples.map(({ labels, tMs, value, histogram }) =>
      histogram === undefined
        ? { metric: labels, value: point(tMs, value) }
        : { metric: labels, histogram: [tMs / 1000, histogramToJson(histogram)] as const },
    );
    return { resultType: "vector", result };
  }
}

/** Answer of an instant query that gives one number. */
export class ScalarResult {
  readonly resultType = "scalar";
  readonly tMs: UnixMs;
  readonly value: number;
  readonly annotations: Annotations;
  constructor(tMs: UnixMs, value: number, annotations: Annotations = NO_ANNOTATIONS) {
    this.tMs = tMs;
    this.value = value;
    this.annotations = annotations;
  }
  toJSON(): ScalarJson {
    return { resultType: "scalar", result: point(this.tMs, this.value) };
  }
}

/** Answer of an instant query that is a string literal. */
export class StringResult {
  readonly resultType = "string";
  readonly tMs: UnixMs;
  readonly value: string;
  readonly annotations: Annotations;
  constructor(tMs: UnixMs, value: string, annotations: Annotations = NO_ANNOTATIONS) {
    this.tMs = tMs;
    this.value = value;
    this.annotations = annotations;
  }
  toJSON(): StringJson {
    return { resultType: "string", result: [this.tMs / 1000, this.value] };
  }
}

/** Answer of a range query, or of an instant query of a range selector; sorted by labels. */
export class MatrixResult {
  readonly resultType = "matrix";
  readonly series: readonly MatrixSeries[];
  readonly annotations: Annotations;
  constructor(series: readonly MatrixSeries[], annotations: Annotations = NO_ANNOTATIONS) {
    this.series = series;
    this.annotations = annotations;
  }
  toJSON(): MatrixJson {
    const result = this.series.map(({ labels, timestamps, values, histograms }) => ({
      metric: labels,
      ...(timestamps.length > 0
        ? { values: Array.from(timestamps, (tMs, i) => point(tMs, values[i] ?? Number.NaN)) }
        : {}),
      ...(histograms.length > 0
        ? {
            histograms: histograms.map(
              (entry) => [entry.tMs / 1000, histogramToJson(entry.histogram)] as const,
            ),
          }
        : {}),
    }));
    return { resultType: "matrix", result };
  }
}

/** What an instant query may give. */
export type InstantResult = VectorResult | ScalarResult | StringResult | MatrixResult;
/** What a range query gives. */
export type RangeResult = MatrixResult;

/** Seconds since 1970 and the value as text, as in the HTTP API. */
export type PointJson = readonly [number, string];
/** `data` of the HTTP API for an instant vector. */
export interface VectorJson {
  readonly resultType: "vector";
  readonly result: readonly {
    readonly metric: Labels;
    readonly value?: PointJson;
    readonly histogram?: readonly [number, HistogramJson];
  }[];
}
/** `data` of the HTTP API for a scalar. */
export interface ScalarJson {
  readonly resultType: "scalar";
  readonly result: PointJson;
}
/** `data` of the HTTP API for a string. */
export interface StringJson {
  readonly resultType: "string";
  readonly result: PointJson;
}
/** `data` of the HTTP API for a matrix. */
export interface MatrixJson {
  readonly resultType: "matrix";
  readonly result: readonly {
    readonly metric: Labels;
    readonly values?: readonly PointJson[];
    readonly histograms?: readonly (readonly [number, HistogramJson])[];
  }[];
}
/** `data` of Prometheus's HTTP API. */
export type ResultJson = VectorJson | ScalarJson | StringJson | MatrixJson;

/** Neither warnings nor infos. */
export const NO_ANNOTATIONS: Annotations = { warnings: [], infos: [] };

function point(tMs: UnixMs, value: number): PointJson {
  return [tMs / 1000, formatFloat(value)];
}
