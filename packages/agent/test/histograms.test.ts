import { expect, test } from "vitest";
import { Service } from "./support/service.js";
import { Sink } from "./support/sink.js";

const SEMCONV = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

test.concurrent.each([
  { asked: undefined, kind: "histogram", bounds: SEMCONV },
  { asked: "base2_exponential_bucket_histogram", kind: "exponentialHistogram", bounds: undefined },
])(
  "durations and the Metrics API's histograms are of kind $kind when $asked is asked for",
  async ({ asked, kind, bounds }) => {
    const sink = await Sink.open();
    const env =
      asked === undefined ? {} : { OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION: asked };
    const service = new Service("histograms.cjs", sink.url, { env: env as Record<string, string> });
    try {
      await fetch(await service.listening());
      const duration = await sink.until(() => sink.metrics.get("http.server.request.duration"));
      expect(duration).toMatchObject({ kind, unit: "s", points: [{ value: 1 }] });
      expect(duration.points[0]?.explicitBounds).toEqual(bounds);
      const waits = await sink.until(() => sink.metrics.get("shop.wait"));
      expect(waits).toMatchObject({
        kind,
        unit: "s",
        description: "Waits.",
        points: [{ value: 1, sum: 0.25 }],
      });
      expect(sink.metrics.get("shop.open")).toMatchObject({ kind: "sum", points: [{ value: 2 }] });
      expect(sink.metrics.get("shop.stock")).toMatchObject({
        kind: "gauge",
        points: [{ value: 12, attributes: { aisle: "3" } }],
      });
    } finally {
      await service.stop();
      await sink.close();
    }
  },
);
