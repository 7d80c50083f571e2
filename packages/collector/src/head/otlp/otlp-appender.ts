import { labelsKey, type UnixMs } from "@tocsin/model";
import { attributeKey, attributeText, hexAt } from "../../otlp/accessors.js";
import type { AttributeTable, MetricColumns, OtlpMetric } from "../../otlp/columns.js";
import type { Head } from "../head.js";
import type { MetricType } from "../metadata.js";
import type { HeadSeries } from "../series.js";
import { type LabelsDraft, pointLabels, scopeLabels, targetInfoLabels } from "./labels.js";
import { metricName, type NameKind, unitName } from "./names.js";
import { type PointSeries, pointSeries } from "./point-series.js";

export interface OtlpAppenderOptions {
  /** Explicit-bucket histograms as classic series (true) or as native histograms with custom buckets. */
  readonly classicHistograms: boolean;
  /** Resource attributes that every series of the resource gets as labels. */
  readonly promoteResourceAttributes: readonly string[];
}

/** Bit 0 of a point's flags. */
const NO_RECORDED_VALUE = 1;

/**
 * OTLP metrics as series of a head, by OpenTelemetry's rules of compatibility with Prometheus. Remembers which series
 * each stream goes to, so that labels are made once per stream and not once per point.
 */
export class OtlpAppender {
  readonly #head: Head;
  readonly #classicHistograms: boolean;
  readonly #promoted: ReadonlySet<string>;
  /** By scope and metric, then by the bytes of the attributes. */
  #streams = new Map<string, Map<string, PointSeries>>();
  #streamCount = 0;
  #targets = new Map<string, HeadSeries>();

  constructor(head: Head, options: OtlpAppenderOptions) {
    this.#head = head;
    this.#classicHistograms = options.classicHistograms;
    this.#promoted = new Set(options.promoteResourceAttributes);
  }

  /** Appends every point of a request decoded with all attributes. */
  append(columns: MetricColumns): void {
    const newestMs = new Float64Array(columns.resources.length).fill(Number.NEGATIVE_INFINITY);
    const scopes = columns.scopes.map((scope) => {
      const labels = scopeLabels(columns.resources[scope.resource], scope, this.#promoted);
      return { labels, key: labelsKey(labels) };
    });
    for (const metric of columns.metrics) {
      const scope = scopes[metric.scope];
      const lastMs = this.#appendMetric(columns, metric, scope.labels, scope.key);
      if (lastMs > newestMs[metric.resource]) newestMs[metric.resource] = lastMs;
    }
    columns.resources.forEach((resource, index) => {
      if (newestMs[index] > 0) this.#appendTarget(targetInfoLabels(resource), newestMs[index]);
    });
  }

  /** Forgets streams whose series left the head; the owner calls it now and then. */
  sweep(): void {
    // Making the streams anew costs one look-up each; keeping account of which are gone would cost more.
    if (this.#streamCount > 2 * this.#head.index.size + 1_000) {
      this.#streams.clear();
      this.#streamCount = 0;
    }
    for (const [key, series] of this.#targets) if (series.isGone) this.#targets.delete(key);
  }

  /** @returns the time of the newest point */
  #appendMetric(columns: MetricColumns, metric: OtlpMetric, base: LabelsDraft, scopeKey: string): UnixMs {
    const end = metric.firstPoint + metric.pointCount;
    if (isUnsupported(metric)) {
      this.#head.countDropped("unsupported", metric.pointCount);
      return Number.NEGATIVE_INFINITY;
    }
    const name = metricName(metric.name, metric.unit, nameKind(metric));
    this.#head.metadata.set(name, metadataType(metric), metric.description, unitName(metric.unit));
    const streams = this.#streamsOf(`${scopeKey}${metric.kind}${metric.temporality}\u0001${name}`);
    let newestMs = Number.NEGATIVE_INFINITY;
    for (let point = metric.firstPoint; point < end; point++) {
      const timeMs = Math.floor(columns.timeMs[point]);
      if (timeMs > newestMs) newestMs = timeMs;
      const stream = this.#stream(streams, columns, metric, name, base, point);
      if ((columns.flags[point] & NO_RECORDED_VALUE) !== 0) stream.end(timeMs);
      else if (hasNoValue(columns, metric, point)) this.#head.countDropped("no_value");
      else stream.append(columns, point, timeMs, counterStart(columns, metric, point));
      this.#appendExemplars(columns, point, stream);
    }
    return newestMs;
  }

  #streamsOf(key: string): Map<string, PointSeries> {
    let streams = this.#streams.get(key);
    if (streams === undefined) {
      streams = new Map();
      this.#streams.set(key, streams);
    }
    return streams;
  }

  #stream(
    streams: Map<string, PointSeries>,
    columns: MetricColumns,
    metric: OtlpMetric,
    name: string,
    base: LabelsDraft,
    point: number,
  ): PointSeries {
    const key = attributesKey(columns.attributes, point);
    const known = streams.get(key);
    if (known?.fits(columns, point)) return known;
    const labels = pointLabels(columns.attributes, point, base);
    const made = pointSeries(this.#head, metric, name, labels, columns, point, this.#classicHistograms);
    if (known === undefined) this.#streamCount++;
    streams.set(key, made);
    return made;
  }

  #appendExemplars(columns: MetricColumns, point: number, stream: PointSeries): void {
    const { exemplars } = columns;
    for (let row = exemplars.first[point]; row < exemplars.first[point + 1]; row++) {
      const value = exemplars.value[row];
      const series = stream.exemplarSeries(value);
      if (series === undefined) continue;
      const labels = pointLabels(exemplars.attributes, row, {});
      const traceId = hexAt(columns.bytes, exemplars.traceId[row], 16);
      const spanId = hexAt(columns.bytes, exemplars.spanId[row], 8);
      if (traceId !== "") labels.trace_id = traceId;
      if (spanId !== "") labels.span_id = spanId;
      this.#head.appendExemplar(series, { labels, value, timeMs: Math.floor(exemplars.timeMs[row]) });
    }
  }

  #appendTarget(labels: LabelsDraft | undefined, timeMs: UnixMs): void {
    if (labels === undefined || (labels.job === undefined && labels.instance === undefined)) return;
    const key = labelsKey(labels);
    let series = this.#targets.get(key);
    if (series === undefined || series.isGone) {
      const made = this.#head.series(labels);
      if (typeof made === "string") {
        this.#head.countDropped(made);
        return;
      }
      series = made;
      this.#targets.set(key, series);
      this.#head.metadata.set("target_info", "gauge", "Target metadata", "");
    }
    if (timeMs > series.lastMs) this.#head.append(series, timeMs, 1);
  }
}

/** The bytes of a row's attributes as sent; the same stream is sent the same way every time. */
function attributesKey(table: AttributeTable, row: number): string {
  const first = table.first[row];
  const count = table.first[row + 1] - first;
  if (count === 0) return "";
  const start = table.keyStart[first];
  const end = table.valueEnd[first + count - 1];
  // A sender that writes other fields between the attributes would make every point a stream of its own.
  if (end > start && end - start < count * 512) {
    return `${count},${table.keyEnd[first] - start},${table.bytes.toString("latin1", start, end)}`;
  }
  let key = "";
  for (let index = first; index < first + count; index++) {
    key += `${attributeKey(table, index)}\u0001${attributeText(table, index)}\u0002`;
  }
  return key;
}

/** What the name of the metric's series ends in. */
export function nameKind(metric: OtlpMetric): NameKind {
  if (metric.kind === "gauge") return "gauge";
  return metric.kind === "sum" && metric.isMonotonic ? "counter" : "other";
}

function metadataType(metric: OtlpMetric): MetricType {
  if (metric.kind === "sum") return metric.isMonotonic ? "counter" : "gauge";
  return metric.kind === "exponentialHistogram" ? "histogram" : metric.kind;
}

/** Sums and histograms must say how their points relate in time; a delta that may go down has no cumulative form. */
function isUnsupported(metric: OtlpMetric): boolean {
  const needsTemporality = metric.kind !== "gauge" && metric.kind !== "summary";
  return needsTemporality && metric.temporality === "unspecified";
}

function hasNoValue(columns: MetricColumns, metric: OtlpMetric, point: number): boolean {
  return (metric.kind === "gauge" || metric.kind === "sum") && Number.isNaN(columns.value[point]);
}

/** When the counter began; 0 for what is no counter. */
function counterStart(columns: MetricColumns, metric: OtlpMetric, point: number): UnixMs {
  if (metric.kind === "gauge" || (metric.kind === "sum" && !metric.isMonotonic)) return 0;
  return Math.floor(columns.startTimeMs[point]);
}
