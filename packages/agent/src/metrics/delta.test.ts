import type { MetricData } from "@opentelemetry/sdk-metrics";
import fc from "fast-check";
import { expect, test } from "vitest";
import { DeltaConverter } from "./delta.js";
import { DurationHistogram } from "./histogram.js";
import { durations, gauge, hrTimeOf, sum } from "./metric-data.js";

const NOTE = { name: "m", unit: "s", description: "" };
const START = hrTimeOf(1000);
const at = (tick: number) => ({ startTime: START, endTime: hrTimeOf(2000 + tick * 1000) });
const convert = (converter: DeltaConverter, metric: MetricData): MetricData =>
  converter.convert([{ scope: { name: "s" }, metrics: [metric] }])[0]?.metrics[0] as MetricData;

test.each([{ isExponential: false }, { isExponential: true }])(
  "the deltas of a histogram add up to it (exponential: $isExponential)",
  ({ isExponential }) => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.double({ min: 1e-5, max: 100, noNaN: true }), { maxLength: 20 })),
        (ticks) => {
          const converter = new DeltaConverter();
          const histogram = new DurationHistogram(isExponential);
          let count = 0;
          let buckets = 0;
          let seconds = 0;
          ticks.forEach((tick, index) => {
            for (const one of tick) histogram.record(one);
            const metric = convert(converter, durations(NOTE, at(index), [{ attributes: {}, histogram }]));
            // biome-ignore lint/suspicious/noExplicitAny: either kind of histogram.
            const point = metric.dataPoints[0] as any;
            if (point === undefined) return;
            count += point.value.count;
            seconds += point.value.sum;
            const counts: number[] = isExponential
              ? point.value.positive.bucketCounts
              : point.value.buckets.counts;
            expect(counts.every((one) => one >= 0)).toBe(true);
            buckets += counts.reduce((all, one) => all + one, 0);
          });
          expect(count).toBe(histogram.count);
          expect(buckets).toBe(histogram.count);
          expect(seconds).toBeCloseTo(histogram.sumSeconds, 6);
        },
      ),
    );
  },
);

test("each delta begins where the last one ended", () => {
  const converter = new DeltaConverter();
  const read = (tick: number, value: number) =>
    convert(converter, sum(NOTE, at(tick), [{ attributes: { a: 1 }, value }], true)).dataPoints[0];
  expect(read(0, 5)).toMatchObject({ startTime: START, value: 5 });
  expect(read(1, 8)).toMatchObject({ startTime: at(0).endTime, value: 3 });
  // A counter that starts over is told whole.
  expect(read(2, 2)).toMatchObject({ startTime: at(1).endTime, value: 2 });
});

test("gauges, and sums that may fall, stay as they are", () => {
  const converter = new DeltaConverter();
  for (const metric of [
    gauge(NOTE, at(0), [{ attributes: {}, value: 3 }]),
    sum(NOTE, at(0), [{ attributes: {}, value: 3 }], false),
  ])
    expect(convert(converter, metric)).toBe(metric);
});
