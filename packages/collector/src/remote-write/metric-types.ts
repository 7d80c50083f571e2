import type { MetricType } from "../head/metadata.js";

/** prompb's numbers for metric types, in the order of its enumeration; remote write 2.0 has the same. */
const TYPES: readonly MetricType[] = [
  "unknown",
  "counter",
  "gauge",
  "histogram",
  "gaugehistogram",
  "summary",
  "info",
  "stateset",
];

export function metricTypeOf(number: number): MetricType {
  return TYPES[number] ?? "unknown";
}

export function metricTypeNumber(type: MetricType): number {
  return TYPES.indexOf(type);
}
