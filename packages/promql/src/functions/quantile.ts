/**
 * φ-quantile of values by linear interpolation between ranks; sorts `values` in place. NaN sorts below everything.
 *
 * @returns -Inf below φ 0, +Inf above 1, NaN for no values
 */
export function quantileOf(q: number, values: Float64Array): number {
  if (values.length === 0 || Number.isNaN(q)) return Number.NaN;
  if (q < 0) return Number.NEGATIVE_INFINITY;
  if (q > 1) return Number.POSITIVE_INFINITY;
  const sorted = sortedNaNFirst(values);
  const rank = q * (sorted.length - 1);
  const lower = Math.max(0, Math.floor(rank));
  const upper = Math.min(sorted.length - 1, lower + 1);
  const weight = rank - Math.floor(rank);
  return (sorted[lower] ?? Number.NaN) * (1 - weight) + (sorted[upper] ?? Number.NaN) * weight;
}

function sortedNaNFirst(values: Float64Array): Float64Array {
  values.sort();
  let nans = 0;
  while (nans < values.length && Number.isNaN(values[values.length - 1 - nans])) nans++;
  if (nans === 0) return values;
  // Typed arrays sort NaN last.
  const rotated = new Float64Array(values.length).fill(Number.NaN, 0, nans);
  rotated.set(values.subarray(0, values.length - nans), nans);
  return rotated;
}
