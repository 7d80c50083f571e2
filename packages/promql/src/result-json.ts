import { bucketsOf, type Histogram } from "./histogram/histogram.js";

/** A native histogram in the HTTP API's form: numbers as text, buckets as `[boundaries, lower, upper, count]`. */
export interface HistogramJson {
  readonly count: string;
  readonly sum: string;
  readonly buckets?: readonly (readonly [number, string, string, string])[];
}

/** A number as Prometheus writes it in JSON: `+Inf`, `-Inf`, `NaN`, exponents as `1e+21` and `1e-07`. */
export function formatFloat(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  if (Object.is(value, -0)) return "-0";
  const magnitude = Math.abs(value);
  // Go's 'f' formatting is used below 1e21 and above 1e-6; JavaScript switches at the same upper and lower bounds.
  if (magnitude !== 0 && (magnitude < 1e-6 || magnitude >= 1e21)) {
    return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  }
  return String(value);
}

/** A number as Prometheus's rules API writes the value of an alert: always with an exponent, `1e+00`. */
export function formatExponent(value: number): string {
  if (!Number.isFinite(value)) return formatFloat(value);
  const text = Object.is(value, -0) ? "-0e+0" : value.toExponential();
  return text.replace(/e([+-])(\d)$/, "e$10$2");
}

/** The HTTP API's form of a histogram. Empty buckets are left out. */
export function histogramToJson(histogram: Histogram): HistogramJson {
  const buckets = bucketsOf(histogram).map(
    ({ boundaries, lower, upper, count }) =>
      [boundaries, formatFloat(lower), formatFloat(upper), formatFloat(count)] as const,
  );
  const base = { count: formatFloat(histogram.count), sum: formatFloat(histogram.sum) };
  return buckets.length === 0 ? base : { ...base, buckets };
}
