import type { Histogram } from "@tocsin/promql";
import { expect, test } from "vitest";
import { durationsOf, feedMetrics, feedSpans, processOf, START } from "../../test/signal-feeds.js";
import { decodeMetrics } from "../otlp/index.js";
import { type WireSeries, writeWriteRequest } from "../remote-write/write-request-writer.js";
import { bucketIndex } from "./exponential-histogram.js";
import { metricsOfSamples } from "./sample-metrics.js";
import { Signals } from "./signals.js";

const LABELS = {
  __name__: "http_server_request_duration_seconds",
  job: "shop/checkout",
  instance: "10.0.0.1:9464",
  service_version: "1.0.0",
  deployment_environment_name: "prod",
  http_request_method: "GET",
  http_route: "/cart",
  http_response_status_code: "200",
};

/** What a sender has counted so far: `count` requests of 100 ms, in native buckets. */
function native(
  second: number,
  count: number,
  more: Partial<Histogram> = {},
  labels: object = {},
): WireSeries {
  const histogram: Histogram = {
    ...{ schema: 3, count, sum: count * 0.1, zeroThreshold: 0, zeroCount: 0, counterResetHint: "unknown" },
    positive: { offset: bucketIndex(0.1, 3) + 1, buckets: [count] },
    negative: { offset: 0, buckets: [] },
    ...more,
  };
  return {
    labels: { ...LABELS, ...labels },
    samples: [{ timeMs: START + second * 1_000, value: histogram }],
    startMs: START,
  };
}

function gauge(name: string, second: number, value: number | "stale", labels: object = {}): WireSeries {
  const { job, instance } = LABELS;
  return {
    labels: { job, instance, ...labels, __name__: name },
    samples: [{ timeMs: START + second * 1_000, value }],
  };
}

function feedSamples(signals: Signals, ...series: WireSeries[]): void {
  const metrics = metricsOfSamples(writeWriteRequest(series));
  const [sample] = series.at(-1)!.samples;
  if (metrics) signals.observeMetrics(decodeMetrics(metrics), sample!.timeMs + 200, "samples");
}

test("native histograms by remote write are requests: traffic, errors and latency", () => {
  const signals = new Signals({ sinceMs: START });
  const failed = (second: number, count: number) =>
    native(second, count, {}, { http_response_status_code: "500" });
  for (const second of [10, 20]) feedSamples(signals, native(second, second * 9), failed(second, second));
  const [service] = signals.services(START + 20_000);
  expect(service).toMatchObject({
    service: "checkout",
    version: "1.0.0",
    environment: "prod",
    source: "metrics",
  });
  expect(service!.requests).toBeCloseTo(200, 9);
  expect(service!.errorRatio).toBeCloseTo(0.1, 9);
  expect(service!.latencySeconds.p95! / 0.1).toBeCloseTo(1, 1);
  expect(service!.latencyRelativeErrors.p95).toBeLessThan(0.05);
  const { routes } = signals.service("checkout", START + 20_000)!;
  expect(routes.map(({ route }) => route)).toEqual(["GET /cart"]);
});

test("so are native histograms with bounds of their own", () => {
  const signals = new Signals({ sinceMs: START });
  const custom = { schema: -53, customValues: [0.05, 0.25, 1], positive: { offset: 1, buckets: [30] } };
  feedSamples(signals, native(10, 30, custom));
  const [service] = signals.services(START + 10_000);
  const p95 = service!.latencySeconds.p95!;
  expect(service!.requests).toBe(30);
  expect(service!.latencyRelativeErrors.p95).toBeCloseTo(Math.max(0.25 / p95 - 1, 1 - 0.05 / p95), 9);
});

test.each([
  { name: "staleness markers", series: native(20, 0), stale: true },
  { name: "gauge histograms", series: native(20, 9, { counterResetHint: "gauge" }) },
  { name: "what we made of spans ourselves", series: native(20, 9, {}, { otel_scope_name: "tocsin.spans" }) },
  {
    name: "other histograms",
    series: native(20, 9, {}, { __name__: "http_client_request_duration_seconds" }),
  },
  { name: "series of nobody", series: native(20, 9, {}, { job: "" }) },
])("$name are none", ({ series, stale = false }) => {
  const [sample] = series.samples;
  const sent = stale ? { ...series, samples: [{ timeMs: sample!.timeMs, value: "stale" as const }] } : series;
  expect(metricsOfSamples(writeWriteRequest([sent]))).toBeUndefined();
});

test("a service that is heard by OTLP and by remote write is counted once, by what came first", () => {
  for (const first of ["otlp", "samples"] as const) {
    const signals = new Signals({ sinceMs: START });
    for (const second of [10, 20, 30]) {
      const otlp = () =>
        feedMetrics(signals, [durationsOf([{ timeMs: START + second * 1_000, count: second }])]);
      const samples = () => feedSamples(signals, native(second, second));
      for (const feed of first === "otlp" ? [otlp, samples] : [samples, otlp]) feed();
    }
    expect(signals.services(START + 30_000).map(({ requests }) => requests)).toEqual([30]);
  }
});

test("when one way falls silent the other goes on, from where it stands", () => {
  const signals = new Signals({ sinceMs: START });
  for (const second of [10, 20]) {
    feedMetrics(signals, [durationsOf([{ timeMs: START + second * 1_000, count: second }])]);
    feedSamples(signals, native(second, second));
  }
  for (const second of [210, 220]) feedSamples(signals, native(second, second));
  const total = [...signals.versions()].reduce((sum, { requestsTotal }) => sum + requestsTotal, 0);
  expect(total).toBeCloseTo(20 + 200, 9);
});

test("how full a service is, read from a page of prom-client's, belongs to it in any environment", () => {
  const signals = new Signals();
  feedSpans(signals, [{ endMs: START, durationMs: 1 }], processOf("checkout"));
  for (const second of [10, 20]) {
    feedSamples(
      signals,
      gauge("process_cpu_seconds_total", second, second / 4),
      gauge("nodejs_eventloop_lag_min_seconds", second, 0.01),
      gauge("nodejs_eventloop_lag_p99_seconds", second, 0.16),
    );
  }
  expect(signals.services(START + 20_000)[0]!.saturation).toMatchObject({
    part: "event loop delay",
    ratio: 0.6,
    instance: "10.0.0.1:9464",
    parts: { cpu: 0.25 },
  });
});
