import { formatLabels, type Labels, labelsKey } from "@tocsin/model";
import { formatFloat, type Histogram } from "@tocsin/promql";
import { formatHistogram } from "./histogram-notation.js";

/** A sample as it is compared: a float, or a native histogram. */
export interface ComparedSample {
  readonly labels: Labels;
  readonly value: number;
  readonly histogram?: Histogram | undefined;
}

/** One line that is the same for equal samples. */
export function sampleText({ labels, value, histogram }: ComparedSample): string {
  return `${formatLabels(labels)} ${histogram ? formatHistogram(histogram) : formatFloat(value)}`;
}

/**
 * What came, as it is to be compared: a counter reset hint counts only where one is expected, and a fuzzy comparison
 * takes a value that only differs in its last digits for the expected one.
 */
export function comparable(
  sample: ComparedSample,
  expected: readonly ComparedSample[],
  isFuzzy: boolean,
): ComparedSample {
  const wanted = expected.find((each) => labelsKey(each.labels) === labelsKey(sample.labels));
  const isHintOpen = wanted?.histogram?.counterResetHint === "unknown" && sample.histogram;
  const got = isHintOpen
    ? { ...sample, histogram: { ...sample.histogram, counterResetHint: "unknown" as const } }
    : sample;
  return isFuzzy && wanted && isNearSample(wanted, got) ? wanted : got;
}

function isNearSample(wanted: ComparedSample, got: ComparedSample): boolean {
  if (!wanted.histogram || !got.histogram)
    return !wanted.histogram && !got.histogram && isNear(wanted.value, got.value);
  const [left, right] = [numbersOf(wanted.histogram), numbersOf(got.histogram)];
  return (
    shapeOf(wanted.histogram) === shapeOf(got.histogram) &&
    left.every((value, index) => isNear(value, right[index] ?? Number.NaN))
  );
}

function isNear(wanted: number, got: number): boolean {
  return Math.abs(wanted - got) <= Math.abs(wanted) * 1e-12;
}

function numbersOf({ count, sum, zeroCount, positive, negative }: Histogram): number[] {
  return [count, sum, zeroCount, ...positive.buckets, ...negative.buckets];
}

function shapeOf({
  schema,
  zeroThreshold,
  positive,
  negative,
  customValues,
  counterResetHint,
}: Histogram): string {
  const runs = [positive, negative].map(({ offset, buckets }) => [offset, buckets.length]);
  return JSON.stringify([schema, zeroThreshold, runs, customValues ?? [], counterResetHint]);
}
