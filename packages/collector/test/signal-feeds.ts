import { decodeMetrics, decodeTraces } from "../src/otlp/index.js";
import type { Signals } from "../src/signals/signals.js";
import {
  metricsBody,
  type TestAttributes,
  type TestMetric,
  type TestPoint,
  type TestSpan,
  tracesBody,
} from "./otlp-data.js";

/** The instant at which tests of signals begin. */
export const START = Date.parse("2026-11-20T14:00:00Z");

/** A resource of one process. */
export function processOf(service: string, version = "1.0.0", instance = "i-1"): TestAttributes {
  return {
    "service.name": service,
    "service.version": version,
    "deployment.environment.name": "prod",
    "service.instance.id": instance,
  };
}

/** Feeds spans as they come off the wire; received 200 ms after the last has ended, unless told otherwise. */
export function feedSpans(
  signals: Signals,
  spans: readonly TestSpan[],
  from: TestAttributes = processOf("checkout"),
  receivedAtMs?: number,
): void {
  const at = receivedAtMs ?? Math.max(...spans.map(({ endMs }) => endMs)) + 200;
  signals.observeTraces(decodeTraces(tracesBody(from, spans), signals.spanOptions), at);
}

/** Feeds metrics as they come off the wire. */
export function feedMetrics(
  signals: Signals,
  metrics: readonly TestMetric[],
  from: TestAttributes = processOf("checkout"),
): void {
  const at = Math.max(...metrics.flatMap(({ points }) => points.map(({ timeMs }) => timeMs))) + 200;
  signals.observeMetrics(decodeMetrics(metricsBody(from, metrics)), at);
}

/** `http.server.request.duration` with one bucket up to 10 ms, and one beyond. */
export function durationsOf(
  points: readonly { timeMs: number; count: number; attributes?: TestAttributes; startMs?: number }[],
): TestMetric {
  return {
    name: "http.server.request.duration",
    unit: "s",
    kind: "histogram",
    points: points.map(
      ({ timeMs, count, attributes = {}, startMs = START }): TestPoint => ({
        timeMs,
        startMs,
        attributes: { "http.request.method": "GET", "http.route": "/", ...attributes },
        bucketCounts: [count, 0],
        bounds: [0.01],
      }),
    ),
  };
}
