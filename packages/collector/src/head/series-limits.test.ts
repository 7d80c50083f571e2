import fc from "fast-check";
import { expect, test } from "vitest";
import { SeriesLimits } from "./series-limits.js";

const series = (metric: string, job: string) => ({ __name__: metric, job });

test("a service is stopped before its metric, and a metric before the memory is full", () => {
  const limits = new SeriesLimits({ maxSeries: 7, maxSeriesPerMetric: 5, maxSeriesPerMetricOfService: 3 });
  for (let made = 0; made < 3; made++) limits.add(series("a", "wild"));
  expect(limits.exceeded(series("a", "wild"))).toBe("max_series_per_metric_of_service");
  expect(limits.exceeded(series("a", "calm"))).toBeUndefined();
  expect(limits.exceeded(series("b", "wild"))).toBeUndefined();
  for (let made = 0; made < 2; made++) limits.add(series("a", "calm"));
  expect(limits.exceeded(series("a", "third"))).toBe("max_series_per_metric");
  for (let made = 0; made < 2; made++) limits.add(series("b", "calm"));
  expect(limits.exceeded(series("c", "third"))).toBe("max_series");
});

test("what is told is what counting by hand tells, whatever comes and goes", () => {
  const one = fc.record({ metric: fc.constantFrom("a", "b", "c"), job: fc.constantFrom("x", "y", "z") });
  const step = fc.record({ isAdded: fc.boolean(), of: one });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), one, (steps, { metric, job }) => {
      const limits = new SeriesLimits({
        maxSeries: 9,
        maxSeriesPerMetric: 4,
        maxSeriesPerMetricOfService: 2,
      });
      const held: { metric: string; job: string }[] = [];
      for (const { isAdded, of } of steps) {
        const at = held.findIndex((each) => each.metric === of.metric && each.job === of.job);
        if (isAdded && limits.exceeded(series(of.metric, of.job)) === undefined) {
          limits.add(series(of.metric, of.job));
          held.push(of);
        } else if (!isAdded && at >= 0) {
          limits.remove(series(of.metric, of.job));
          held.splice(at, 1);
        }
      }
      const ofMetric = held.filter((each) => each.metric === metric);
      const ofService = ofMetric.filter((each) => each.job === job);
      const want =
        held.length >= 9
          ? "max_series"
          : ofMetric.length >= 4
            ? "max_series_per_metric"
            : ofService.length >= 2
              ? "max_series_per_metric_of_service"
              : undefined;
      expect(limits.exceeded(series(metric, job))).toBe(want);
      if (want !== undefined) expect(limits.isAnyReached).toBe(true);
    }),
  );
});
