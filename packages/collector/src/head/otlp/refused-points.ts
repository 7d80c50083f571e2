import { labelsKey } from "@tocsin/model";
import type { MetricColumns, OtlpMetric } from "../../otlp/columns.js";
import type { Head } from "../head.js";
import { type LabelsDraft, pointLabels, scopeLabels } from "./labels.js";
import { metricName } from "./names.js";
import { nameKind, type OtlpAppenderOptions } from "./otlp-appender.js";

/** Points whose series memory has no room for. */
export interface RefusedPoints {
  readonly points: number;
  /** The first of their metrics, as the sender named it. */
  readonly metric: string;
  /** Which limit stops it. */
  readonly limit: string;
}

/**
 * The points of a request whose series are new and would exceed a limit. Changes nothing; costs the labels of every point
 * of it, so it is asked only while a limit is reached.
 */
export function refusedPoints(
  head: Head,
  columns: MetricColumns,
  options: OtlpAppenderOptions,
): RefusedPoints | undefined {
  const promoted = new Set(options.promoteResourceAttributes);
  const scopes = columns.scopes.map((scope) =>
    scopeLabels(columns.resources[scope.resource], scope, promoted),
  );
  let points = 0;
  let first: { metric: string; limit: string } | undefined;
  for (const metric of columns.metrics) {
    const probe = probeLabels(metric, options.classicHistograms);
    const known = new Map<string, string | undefined>();
    for (let point = metric.firstPoint; point < metric.firstPoint + metric.pointCount; point++) {
      const labels = { ...pointLabels(columns.attributes, point, scopes[metric.scope]), ...probe };
      const key = labelsKey(labels);
      if (!known.has(key)) known.set(key, head.limitFor(labels));
      const limit = known.get(key);
      if (limit === undefined) continue;
      points++;
      first ??= { metric: metric.name, limit };
    }
  }
  return first && { points, ...first };
}

/** What tells one series of a metric from those of other metrics; of a histogram the one that there is in any case. */
function probeLabels(metric: OtlpMetric, classicHistograms: boolean): LabelsDraft {
  const name = metricName(metric.name, metric.unit, nameKind(metric));
  if (metric.kind === "histogram" && classicHistograms) return { __name__: `${name}_bucket`, le: "+Inf" };
  return { __name__: metric.kind === "summary" ? `${name}_count` : name };
}
