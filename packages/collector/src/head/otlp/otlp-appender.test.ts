import { formatLabels } from "@tocsin/model";
import { ManualClock } from "@tocsin/model/testing";
import { createMatcher, isStaleAt, SampleBuffer } from "@tocsin/promql";
import { describe, expect, test } from "vitest";
import { decodeMetrics, otlpJsonToProtobuf } from "../../otlp/index.js";
import { Head } from "../head.js";
import { OtlpAppender } from "./otlp-appender.js";

const NOW = 1_790_000_000_000;
const START = NOW - 60_000;
const nanos = (timeMs: number) => `${timeMs}000000`;

function setUp(options: { classicHistograms?: boolean; promote?: string[] } = {}) {
  const clock = new ManualClock(NOW);
  const head = new Head(
    { retentionMs: 3 * 3_600_000, outOfOrderMs: 600_000, maxSeries: 1_000, maxLabels: 32 },
    { clock },
  );
  const newAppender = () =>
    new OtlpAppender(head, {
      classicHistograms: options.classicHistograms ?? true,
      promoteResourceAttributes: options.promote ?? [],
    });
  return { clock, head, newAppender, appender: newAppender() };
}

function request(
  metrics: object[],
  resource: Record<string, string> = { "service.name": "shop" },
  scope = {},
) {
  const attributes = Object.entries(resource).map(([key, stringValue]) => ({ key, value: { stringValue } }));
  const body = { resourceMetrics: [{ resource: { attributes }, scopeMetrics: [{ scope, metrics }] }] };
  return decodeMetrics(otlpJsonToProtobuf("metrics", Buffer.from(JSON.stringify(body))));
}

/** Every sample as text: labels, seconds after START, value. */
function dump(head: Head, pattern = ".+") {
  const lines: string[] = [];
  const hints = { startMs: 0, endMs: 2 * NOW };
  const found = head.querier(0, 2 * NOW).select([createMatcher("__name__", "=~", pattern)], hints);
  if (!Array.isArray(found)) throw new Error("expected an answer at once");
  for (const series of found) {
    const buffer = new SampleBuffer();
    series.read(buffer);
    const samples = Array.from({ length: buffer.length }, (_, i) => {
      const histogram = buffer.histograms?.[i];
      const value = isStaleAt(buffer.bits, i) ? "stale" : buffer.values[i];
      const shown = histogram ? `h${histogram.schema}:${histogram.count}/${histogram.sum}` : value;
      return `${(buffer.timestamps[i]! - START) / 1_000}s=${shown}`;
    });
    lines.push(`${formatLabels(series.labels)} ${samples.join(" ")}`);
  }
  return lines.sort();
}

const point = (timeMs: number, fields: object) => ({
  timeUnixNano: nanos(timeMs),
  startTimeUnixNano: nanos(START),
  ...fields,
});
const sum = (points: object[], aggregationTemporality = 2, name = "orders") => ({
  name,
  sum: { isMonotonic: true, aggregationTemporality, dataPoints: points },
});
const attributes = (entries: Record<string, string>) =>
  Object.entries(entries).map(([key, stringValue]) => ({ key, value: { stringValue } }));

test("names, target and scope labels, target_info", () => {
  const { head, appender } = setUp({ promote: ["service.version"] });
  appender.append(
    request(
      [
        {
          name: "http.server.active_requests",
          description: "Requests in flight",
          unit: "{request}",
          gauge: {
            dataPoints: [point(NOW, { asInt: "3", attributes: attributes({ "http.route": "/pay" }) })],
          },
        },
      ],
      {
        "service.name": "checkout",
        "service.namespace": "shop",
        "service.instance.id": "i-1",
        "service.version": "1.42.0",
        "host.name": "a",
      },
      { name: "http", version: "0.1" },
    ),
  );
  expect(dump(head)).toEqual([
    'http_server_active_requests{http_route="/pay", instance="i-1", job="shop/checkout", otel_scope_name="http", otel_scope_version="0.1", service_version="1.42.0"} 60s=3',
    'target_info{host_name="a", instance="i-1", job="shop/checkout", service_version="1.42.0"} 60s=1',
  ]);
  expect(head.metadata.get("http_server_active_requests")).toEqual([
    { type: "gauge", help: "Requests in flight", unit: "" },
  ]);
});

test("a cumulative counter is zero when it began, and again after a restart", () => {
  const { head, appender } = setUp();
  appender.append(request([sum([point(START + 30_000, { asInt: "4" })])]));
  appender.append(request([sum([point(START + 60_000, { asInt: "7" })])]));
  const restarted = {
    timeUnixNano: nanos(START + 90_000),
    startTimeUnixNano: nanos(START + 70_000),
    asInt: "5",
  };
  appender.append(request([sum([restarted])]));
  expect(dump(head)).toEqual(['orders_total{job="shop"} 0s=0 30s=4 60s=7 70s=0 90s=5']);
});

describe("deltas", () => {
  test("add up, go on after a restart of ours, and count once when replayed", () => {
    const { head, appender, newAppender } = setUp();
    const first = request([sum([point(START + 30_000, { asInt: "4" })], 1)]);
    appender.append(first);
    appender.append(request([sum([point(START + 60_000, { asInt: "3" })], 1)]));
    const restarted = newAppender();
    restarted.append(first);
    restarted.append(request([sum([point(START + 90_000, { asInt: "2" })], 1)]));
    expect(dump(head)).toEqual(['orders_total{job="shop"} 0s=0 30s=4 60s=7 90s=9']);
  });

  test("of exponential histograms add up in the coarser layout", () => {
    const { head, appender } = setUp();
    const histogram = (timeMs: number, scale: number, bucketCounts: string[]) => ({
      name: "latency",
      unit: "s",
      exponentialHistogram: {
        aggregationTemporality: 1,
        dataPoints: [
          point(timeMs, {
            count: "3",
            sum: 1.5,
            scale,
            zeroCount: "0",
            positive: { offset: 0, bucketCounts },
          }),
        ],
      },
    });
    appender.append(request([histogram(START + 1_000, 1, ["1", "2"])]));
    appender.append(request([histogram(START + 2_000, 0, ["3"])]));
    expect(dump(head)).toEqual(['latency_seconds{job="shop"} 1s=h1:3/1.5 2s=h0:6/3']);
    const last = [...head.index.all()][0]!.histograms!.last!;
    expect(last.positive).toEqual({ offset: 1, buckets: [6] });
  });
});

const explicit = (fields: object) => ({
  name: "latency",
  unit: "s",
  histogram: {
    aggregationTemporality: 2,
    dataPoints: [
      point(NOW, {
        count: "6",
        sum: 2.5,
        explicitBounds: [0.1, 1],
        bucketCounts: ["1", "3", "2"],
        ...fields,
      }),
    ],
  },
});

test("explicit buckets become classic series; without a sum there is none", () => {
  const { head, appender } = setUp();
  appender.append(request([explicit({})]));
  expect(dump(head)).toEqual([
    'latency_seconds_bucket{job="shop", le="+Inf"} 0s=0 60s=6',
    'latency_seconds_bucket{job="shop", le="0.1"} 0s=0 60s=1',
    'latency_seconds_bucket{job="shop", le="1.0"} 0s=0 60s=4',
    'latency_seconds_count{job="shop"} 0s=0 60s=6',
    'latency_seconds_sum{job="shop"} 0s=0 60s=2.5',
  ]);
  const other = setUp();
  other.appender.append(request([explicit({ sum: undefined })]));
  expect(dump(other.head, ".*_sum")).toEqual([]);
});

test("explicit buckets become one native histogram when asked for", () => {
  const { head, appender } = setUp({ classicHistograms: false });
  appender.append(request([explicit({})]));
  expect(dump(head)).toEqual(['latency_seconds{job="shop"} 60s=h-53:6/2.5']);
  expect([...head.index.all()][0]!.histograms!.last).toMatchObject({
    customValues: [0.1, 1],
    positive: { offset: 0, buckets: [1, 3, 2] },
  });
});

test("a summary becomes quantiles, sum and count", () => {
  const { head, appender } = setUp();
  const dataPoints = [point(NOW, { count: "9", sum: 3, quantileValues: [{ quantile: 0.5, value: 0.2 }] })];
  appender.append(request([{ name: "rpc", summary: { dataPoints } }]));
  expect(dump(head)).toEqual([
    'rpc_count{job="shop"} 0s=0 60s=9',
    'rpc_sum{job="shop"} 0s=0 60s=3',
    'rpc{job="shop", quantile="0.5"} 60s=0.2',
  ]);
});

test("no recorded value ends the series; unspecified temporality is refused", () => {
  const { head, appender } = setUp();
  appender.append(request([sum([point(START + 30_000, { asInt: "4" })])]));
  appender.append(request([sum([point(NOW, { flags: 1 })])]));
  appender.append(request([sum([point(NOW, { asInt: "1" })], 0, "odd")]));
  expect(dump(head)).toEqual(['orders_total{job="shop"} 0s=0 30s=4 60s=stale']);
});

test("exemplars go to the bucket that their value falls into", () => {
  const { head, appender } = setUp();
  const exemplars = [
    {
      timeUnixNano: nanos(NOW),
      asDouble: 0.5,
      traceId: "0102030405060708090a0b0c0d0e0f10",
      spanId: "0102030405060708",
    },
  ];
  appender.append(request([explicit({ exemplars })]));
  const [series] = head.index.select([createMatcher("le", "=", "1.0")]);
  expect(head.exemplars.of(series!, 0, NOW)).toEqual([
    {
      labels: { trace_id: "0102030405060708090a0b0c0d0e0f10", span_id: "0102030405060708" },
      value: 0.5,
      timeMs: NOW,
    },
  ]);
});

test("keys that meet in one label have their values joined", () => {
  const { head, appender } = setUp();
  const both = attributes({ "a.b": "2", a_b: "1" });
  appender.append(request([sum([point(NOW, { asInt: "1", attributes: both })])]));
  expect(dump(head)).toEqual(['orders_total{a_b="2;1", job="shop"} 0s=0 60s=1']);
});
