import { ManualClock } from "@tocsin/model/testing";
import express from "express";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommand } from "../../test/run-command.js";
import { type ServedApp, serveApp } from "../../test/serve-app.js";
import { feedMetrics, feedSpans, processOf, START } from "../../test/signal-feeds.js";
import { servicesRoutes } from "../api/services.js";
import { Signals } from "../signals/signals.js";
import { services } from "./services.js";

const NOW = START + 10_000;
const BILLING = { "service.name": "billing", "service.version": "2", "service.instance.id": "billing-0" };
let served: ServedApp;
let url = "";

beforeAll(async () => {
  const signals = new Signals({ sinceMs: START });
  const attributes = { "http.request.method": "GET", "http.route": "/cart" };
  // Half in the bucket from 100 to 250 ms, half beyond the last bound.
  const slow = {
    startMs: START,
    timeMs: NOW,
    attributes,
    bucketCounts: [0, 60, 0, 60],
    bounds: [0.1, 0.25, 1],
  };
  const gauge = (name: string, value: number, more = {}) =>
    ({ name, kind: "gauge", points: [{ timeMs: NOW, value, attributes: more }] }) as const;
  feedMetrics(
    signals,
    [
      { name: "http.server.request.duration", unit: "s", kind: "histogram", points: [slow] },
      gauge("nodejs.eventloop.utilization", 0.25),
      gauge("process.memory.usage", 96 * 2 ** 20),
      gauge("tocsin.process.memory.limit", 128 * 2 ** 20),
    ],
    processOf("shop", "1.0.0", "shop-7d9f"),
  );
  const message = {
    "messaging.system": "kafka",
    "messaging.destination.name": "orders",
    "messaging.consumer.group.name": "billing",
  };
  const handled = {
    kind: 5,
    endMs: NOW - 1_500,
    durationMs: 30,
    attributes: { ...message, "kafka.record.queue_time_ms": 4_000 },
  };
  feedSpans(signals, [handled], BILLING);
  feedMetrics(
    signals,
    [gauge("kafka.consumer_group.lag", 1_234, { group: "billing", topic: "orders", partition: "0" })],
    {
      "service.name": "kafka-exporter",
    },
  );
  const many = Array.from({ length: 205 }, (_, index) => ({
    ...{ endMs: NOW - 1_500, durationMs: 1 },
    attributes: { "http.request.method": "GET", "http.route": `/users/${index}` },
  }));
  feedSpans(signals, many, { "service.name": "exploding", "service.version": "1" });
  const app = express();
  app.use("/api/v1", servicesRoutes({ signals, clock: new ManualClock(NOW) }));
  served = await serveApp(app);
  ({ url } = served);
});

afterAll(async () => {
  await served.close();
});

async function linesOf(...args: string[]): Promise<string[]> {
  const { code, out } = await runCommand(services, [...args, "--url", url]);
  expect(code).toBe(0);
  return out.trimEnd().split("\n");
}

test("one line per service: the four signals, what waits, and where a latency is known to be that great at least", async () => {
  expect(await linesOf()).toEqual([
    "service      version    rate  errors     p50        p95        p99  waiting  saturation    by",
    "billing            2    1 /s     0 %   30 ms      30 ms      30 ms    1,234  not measured  spans",
    "exploding          1  205 /s     0 %    1 ms       1 ms       1 ms        –  not measured  spans",
    "shop (prod)    1.0.0   12 /s     0 %  239 ms  ≥ 1000 ms  ≥ 1000 ms        –  memory 75 %   metrics",
  ]);
});

test("a service says how exact its latencies are, and what is full in which instance", async () => {
  const lines = await linesOf("shop");
  expect(lines.slice(3, 8)).toEqual([
    "Latencies are right to: p50 ± 58.2 %, p95 beyond the sender's last bucket, p99 beyond the sender's last bucket",
    "",
    "part        full  measured  full at  of  instance",
    "memory      75 %    96 MiB  128 MiB      shop-7d9f",
    "event loop  25 %      25 %    100 %      shop-7d9f",
  ]);
});

test("routes that explode are said to be counted together", async () => {
  const lines = await linesOf("exploding");
  expect(lines.some((line) => line.startsWith("{other}"))).toBe(true);
  expect(lines.at(-1)).toBe(
    "More routes than can be told apart: the rest is counted as {other}. Give them an http.route.",
  );
});

test("a consumer says what waits for it, and how old its messages are", async () => {
  const lines = await linesOf("billing");
  expect(lines.slice(-2)).toEqual([
    "consumes  of     group    waiting  oldest  age p50      p95      p99",
    "orders    kafka  billing    1,234       –  4000 ms  4000 ms  4000 ms",
  ]);
});
