import { describe, expect, test } from "vitest";
import {
  metricsBody,
  type TestMetric,
  type TestPoint,
  type TestSpan,
  tracesBody,
} from "../../test/otlp-data.js";
import { decodeMetrics, decodeTraces } from "../otlp/index.js";
import { compileSlo } from "../slo/compile.js";
import { SloConfig } from "../slo/config.js";
import { SloTracker } from "../slo/tracker.js";
import { REQUEST_KEYS } from "./request-attributes.js";
import { Signals } from "./signals.js";

const START = Date.parse("2026-11-20T14:00:00Z");
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];

function resource(service: string, version = "1.0.0", instance = "i-1") {
  return {
    "service.name": service,
    "service.version": version,
    "deployment.environment.name": "prod",
    "service.instance.id": instance,
  };
}

function feedSpans(
  signals: Signals,
  spans: readonly TestSpan[],
  from = resource("checkout"),
  receivedAtMs?: number,
) {
  const body = tracesBody(from, spans);
  const at = receivedAtMs ?? Math.max(...spans.map(({ endMs }) => endMs)) + 200;
  signals.observeTraces(decodeTraces(body, { attributes: REQUEST_KEYS, events: false, links: false }), at);
}

function feedMetrics(signals: Signals, metrics: readonly TestMetric[], from = resource("checkout")) {
  const at = Math.max(...metrics.flatMap(({ points }) => points.map(({ timeMs }) => timeMs))) + 200;
  signals.observeMetrics(decodeMetrics(metricsBody(from, metrics)), at);
}

function durations(
  points: readonly TestPoint[],
  temporality: "delta" | "cumulative" = "cumulative",
): TestMetric {
  return { name: "http.server.request.duration", unit: "s", kind: "histogram", temporality, points };
}

function point(timeMs: number, status: number, bucketCounts: number[], startMs = START): TestPoint {
  const attributes = {
    "http.request.method": "POST",
    "http.route": "/pay",
    "http.response.status_code": status,
  };
  return { attributes, startMs, timeMs, bucketCounts, bounds: BOUNDS };
}

/** A tracker of one SLO, to see what is counted where. */
function trackerOf(sli: object = { type: "availability" }): SloTracker {
  const config = { name: "slo", service: "checkout", objective: "99.9%", sli };
  return new SloTracker([compileSlo(SloConfig.parse(config))]);
}

function countsOf(tracker: SloTracker, lengthMs: number, endMs: number) {
  return tracker.find("slo")!.book.window(lengthMs, endMs);
}

/** 60 s of requests whose routes, outcomes and durations follow from their number alone. */
function knownSpans(): TestSpan[] {
  return Array.from({ length: 2_400 }, (_, index) => ({
    endMs: START + index * 25,
    durationMs: 5 + (index % 200),
    attributes: {
      "http.request.method": index % 5 === 0 ? "POST" : "GET",
      "http.route": index % 5 === 0 ? "/pay" : "/cart",
      "http.response.status_code": index % 10 === 0 ? 500 : index % 7 === 0 ? 404 : 200,
    },
  }));
}

describe("signals from spans", () => {
  test("every figure equals a computation made apart", () => {
    const signals = new Signals();
    const spans = knownSpans();
    for (let at = 0; at < spans.length; at += 100) feedSpans(signals, spans.slice(at, at + 100));
    const now = START + 60_000;
    const [service] = signals.services(now);

    // The last minute begins at a whole slot of 5 s: it holds 60 s less what the slot has left, all of it here.
    const bad = spans.filter(({ attributes }) => attributes!["http.response.status_code"] === 500).length;
    expect(service).toMatchObject({
      service: "checkout",
      version: "1.0.0",
      environment: "prod",
      source: "spans",
    });
    expect(service!.requests).toBe(2_200);
    expect(service!.trafficPerSecond).toBeCloseTo(40, 6);
    expect(service!.errorRatio).toBeCloseTo(bad / spans.length, 6);
    expect(service!.errorRatio).toBeCloseTo(0.1, 6);
    const sorted = spans.map(({ durationMs }) => durationMs / 1_000).sort((a, b) => a - b);
    for (const [name, q] of [
      ["p50", 0.5],
      ["p95", 0.95],
      ["p99", 0.99],
    ] as const) {
      const exact = sorted[Math.ceil(q * sorted.length) - 1]!;
      expect(Math.abs(service!.latencySeconds[name]! / exact - 1), name).toBeLessThan(0.05);
    }
    const detail = signals.service("checkout", now)!;
    const pay = detail.routes.find(({ route }) => route === "POST /pay")!;
    expect(pay.trafficPerSecond).toBeCloseTo(8, 6);
    expect(pay.errorRatio).toBeCloseTo(0.5, 6);
    expect(detail.routes.map(({ route }) => route)).toEqual(["GET /cart", "POST /pay"]);
  });

  test("SLO counts are right to the event, in their seconds, whatever the order of arrival", () => {
    const spans = knownSpans();
    const availability = trackerOf();
    const latency = trackerOf({ type: "latency", threshold: "100ms", routes: ["/pay"] });
    const signals = new Signals({ sinks: [availability, latency] });
    for (const part of [2, 0, 3, 1]) {
      feedSpans(
        signals,
        spans.filter((_, index) => index % 4 === part),
        resource("checkout"),
        START + 60_000,
      );
    }
    const end = START + 60_000;
    expect(countsOf(availability, 60_000, end)).toEqual({ bad: 240, total: 2_400 });
    // Seconds 50 to 59: 40 requests each, one in ten bad.
    expect(countsOf(availability, 10_000, end)).toEqual({ bad: 40, total: 400 });
    const pay = spans.filter(({ attributes }) => attributes!["http.route"] === "/pay");
    const slow = pay.filter(({ durationMs }) => durationMs > 100);
    expect(countsOf(latency, 60_000, end)).toEqual({ bad: slow.length, total: pay.length });
  });

  test("sampled spans weigh what they stand for", () => {
    const tracker = trackerOf();
    const signals = new Signals({ sinks: [tracker] });
    const spans = Array.from({ length: 100 }, (_, index) => ({
      endMs: START + index * 10,
      durationMs: 10,
      traceState: "ot=th:c",
      isError: index < 5,
    }));
    feedSpans(signals, spans);
    expect(countsOf(tracker, 60_000, START + 2_000)).toEqual({ bad: 20, total: 400 });
    expect(signals.services(START + 1_000)[0]).toMatchObject({ requests: 400, errors: 20 });
  });

  test("so do those of a sender that does not say so, where the configuration does", () => {
    const signals = new Signals({ sampled: new Map([["checkout", 0.1]]) });
    const span = (traceState: string) => ({ endMs: START, durationMs: 10, traceState });
    feedSpans(signals, [span(""), span("vendor=1"), span("ot=th:8")]);
    feedSpans(signals, [span("")], resource("cart"));
    const requests = signals.services(START + 1_000).map(({ service, requests }) => [service, requests]);
    expect(requests).toEqual([
      ["cart", 1],
      ["checkout", 22],
    ]);
  });

  test("client spans and spans inside a service are no requests; consumers' are", () => {
    const signals = new Signals();
    const kinds = [1, 2, 3, 4, 5].map((kind) => ({ kind, endMs: START, durationMs: 1 }));
    feedSpans(signals, kinds);
    expect(signals.services(START + 500)[0]!.requests).toBe(2);
  });

  test("requests over an hour late are refused and counted, those from the future are taken to be now", () => {
    const tracker = trackerOf();
    const signals = new Signals({ sinks: [tracker] });
    feedSpans(signals, [{ endMs: START - 3_700_000, durationMs: 1 }], resource("checkout"), START);
    feedSpans(signals, [{ endMs: START - 3_500_000, durationMs: 1 }], resource("checkout"), START);
    feedSpans(signals, [{ endMs: START + 3_600_000, durationMs: 1 }], resource("checkout"), START);
    expect(signals.counts).toEqual({ accepted: 2, tooLate: 1, fromFuture: 1 });
    expect(countsOf(tracker, 60_000, START + 1_000).total).toBe(1);
    expect(countsOf(tracker, 3_600_000, START + 1_000).total).toBe(2);
  });

  test("routes that explode are folded, and it is said so", () => {
    const signals = new Signals();
    const spans = Array.from({ length: 500 }, (_, index) => ({
      endMs: START,
      durationMs: 1,
      attributes: { "http.request.method": "GET", "http.route": `/user/${index}` },
    }));
    feedSpans(signals, spans);
    const detail = signals.service("checkout", START + 100)!;
    expect(detail.routes).toHaveLength(201);
    expect(detail.routes[0]).toMatchObject({ route: "{other}", requests: 300 });
    expect(detail.foldedRoutes).toBe(300);
  });
});

describe("signals from metrics", () => {
  test("cumulative histograms give every figure; a restart gives neither a dip nor a spike", () => {
    const tracker = trackerOf();
    const slow = trackerOf({ type: "latency", threshold: "250ms" });
    const signals = new Signals({ sinks: [tracker, slow], sinceMs: START });
    const ok = (factor: number) => [0, 0, 10, 20, 40, 20, 10, 0, 0].map((each) => each * factor);
    const failed = (factor: number) => [0, 0, 0, 0, 0, 0, 0, 0, 5].map((each) => each * factor);
    for (let export_ = 1; export_ <= 6; export_++) {
      const at = START + export_ * 10_000;
      feedMetrics(signals, [durations([point(at, 200, ok(export_)), point(at, 500, failed(export_))])]);
    }
    const now = START + 60_000;
    const [service] = signals.services(now);
    expect(service).toMatchObject({ service: "checkout", source: "metrics", version: "1.0.0" });
    // The figures' minute begins with the slot at 5 s, as the exports end at 60 s exactly.
    expect(service!.trafficPerSecond).toBeCloseTo(10.5, 6);
    expect(service!.errorRatio).toBeCloseTo(5 / 105, 9);
    expect(countsOf(tracker, 60_000, now)).toEqual({ bad: 30, total: 630 });
    expect(countsOf(slow, 60_000, now)).toEqual({ bad: 90, total: 630 });
    // Half of the values lie up to 0.1 s: rank 52.5 of 105 is 22.5 of the 40 in (0.05, 0.1].
    expect(Math.abs(service!.latencySeconds.p50! / (0.05 + (0.05 * 22.5) / 40) - 1)).toBeLessThan(0.05);

    const restart = START + 65_000;
    const after = point(START + 70_000, 200, ok(0.5), restart);
    feedMetrics(signals, [durations([after])], resource("checkout", "1.0.0", "i-2"));
    expect(countsOf(tracker, 70_000, START + 70_000)).toEqual({ bad: 30, total: 680 });
  });

  test("delta histograms are added as they are", () => {
    const tracker = trackerOf();
    const signals = new Signals({ sinks: [tracker] });
    for (let export_ = 1; export_ <= 3; export_++) {
      const from = START + (export_ - 1) * 10_000;
      feedMetrics(signals, [
        durations([point(from + 10_000, 500, [7, 0, 0, 0, 0, 0, 0, 0, 0], from)], "delta"),
      ]);
    }
    expect(countsOf(tracker, 30_000, START + 30_000)).toEqual({ bad: 21, total: 21 });
    // Spread evenly over the seconds of its interval: seven in each ten seconds.
    expect(countsOf(tracker, 10_000, START + 30_000)).toEqual({ bad: 7, total: 7 });
  });

  test("the history of a process that is older than we are is no burst of requests", () => {
    const tracker = trackerOf();
    const signals = new Signals({ sinks: [tracker], sinceMs: START + 60_000 });
    const big = [0, 0, 1_000_000, 0, 0, 0, 0, 0, 0];
    feedMetrics(signals, [durations([point(START + 70_000, 200, big)])]);
    expect(countsOf(tracker, 60_000, START + 70_000).total).toBe(0);
    // The first failure ever is a new series of a process that we know: it counts.
    const failure = [0, 0, 3, 0, 0, 0, 0, 0, 0];
    big[2] = 1_000_010;
    feedMetrics(signals, [durations([point(START + 80_000, 200, big), point(START + 80_000, 500, failure)])]);
    expect(countsOf(tracker, 60_000, START + 80_000)).toEqual({ bad: 3, total: 13 });
  });

  test("metrics win over spans, and the change-over counts each request once", () => {
    const tracker = trackerOf();
    const signals = new Signals({ sinks: [tracker], sinceMs: START });
    const span = (second: number) => ({ endMs: START + second * 1_000 + 500, durationMs: 10 });
    const spansOf = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, index) => span(from + index));
    const measured = (second: number) =>
      durations([point(START + second * 1_000, 200, [second, 0, 0, 0, 0, 0, 0, 0, 0])]);
    feedSpans(signals, spansOf(0, 8));
    feedMetrics(signals, [measured(10)]);
    // Spans of requests before the first point may come after it.
    feedSpans(signals, spansOf(8, 20));
    feedMetrics(signals, [measured(20)]);
    feedSpans(signals, spansOf(20, 30));
    feedMetrics(signals, [measured(30)]);
    expect(countsOf(tracker, 30_000, START + 30_000)).toEqual({ bad: 0, total: 30 });
    expect(countsOf(tracker, 10_000, START + 30_000)).toEqual({ bad: 0, total: 10 });

    // A further process of a service that measures is counted by its metrics from its start.
    const second = resource("checkout", "1.1.0", "i-2");
    feedSpans(signals, spansOf(30, 40), second);
    const first = point(START + 40_000, 200, [10, 0, 0, 0, 0, 0, 0, 0, 0], START + 30_000);
    feedMetrics(signals, [durations([first])], second);
    expect(countsOf(tracker, 40_000, START + 40_000)).toEqual({ bad: 0, total: 40 });
  });
});

describe("saturation", () => {
  const gauge = (name: string, value: number, at: number, attributes = {}): TestMetric => ({
    name,
    kind: "gauge",
    points: [{ timeMs: at, value, attributes }],
  });

  test("the worst part of the worst instance is named", () => {
    const signals = new Signals();
    feedSpans(signals, [{ endMs: START, durationMs: 1 }]);
    const at = START + 1_000;
    const heap: TestMetric = {
      name: "v8js.memory.heap.used",
      kind: "sum",
      isMonotonic: false,
      points: ["new", "old"].map((space) => ({
        timeMs: at,
        value: 30e6,
        attributes: { "v8js.heap.space.name": space },
      })),
    };
    feedMetrics(signals, [
      gauge("nodejs.eventloop.utilization", 0.08, at),
      heap,
      gauge("v8js.memory.heap.limit", 100e6, at),
    ]);
    feedMetrics(
      signals,
      [gauge("nodejs.eventloop.utilization", 0.35, at), gauge("process.cpu.utilization", 0.2, at)],
      resource("checkout", "1.0.0", "i-2"),
    );
    const { saturation } = signals.services(START + 2_000)[0]!;
    expect(saturation).toMatchObject({
      ratio: 0.6,
      part: "heap",
      parts: { "event loop": 0.35, cpu: 0.2, heap: 0.6 },
    });
    expect(signals.services(START + 300_000)[0]!.saturation).toMatchObject({ ratio: null, part: null });
  });

  test("prom-client's default metrics tell it too", () => {
    const signals = new Signals();
    feedSpans(signals, [{ endMs: START, durationMs: 1 }]);
    for (const [seconds, cpu] of [
      [0, 10],
      [10, 14],
    ] as const) {
      const point = { timeMs: START + seconds * 1_000, value: cpu };
      feedMetrics(signals, [{ name: "process_cpu_seconds_total", kind: "sum", points: [point] }]);
    }
    expect(signals.services(START + 10_000)[0]!.saturation).toMatchObject({ part: "cpu", ratio: 0.4 });
  });
});

describe("state", () => {
  test("restored and replayed from the snapshot's place, every count is there once", () => {
    const run = (restartAfter: number) => {
      let tracker = trackerOf();
      let signals = new Signals({ sinks: [tracker], sinceMs: START });
      for (let export_ = 1; export_ <= 10; export_++) {
        const at = START + export_ * 10_000;
        feedMetrics(signals, [
          durations([point(at, export_ % 2 ? 200 : 500, [0, export_ * 3, 0, 0, 0, 0, 0, 0, 0])]),
        ]);
        feedSpans(signals, [{ endMs: at, durationMs: 5, isError: true }], resource("cart"));
        if (export_ !== restartAfter) continue;
        const [slos, state] = [tracker.snapshot(), signals.snapshot()];
        tracker = trackerOf();
        tracker.restore(slos);
        signals = new Signals({ sinks: [tracker] });
        signals.restore(state);
      }
      return { counts: countsOf(tracker, 100_000, START + 100_000), accepted: signals.counts.accepted };
    };
    const whole = run(0);
    expect(whole.counts.total).toBeGreaterThan(0);
    for (const after of [1, 4, 9]) expect(run(after)).toEqual(whole);
  });
});

describe("the service graph", () => {
  test("joins callers and called, whichever comes first, and names what lies outside", () => {
    const signals = new Signals();
    const call = { kind: 3, spanId: "00000000000000aa", endMs: START + 20, durationMs: 20 };
    const other = { kind: 3, spanId: "00000000000000bb", endMs: START + 30, durationMs: 30, isError: true };
    const answer = { kind: 2, spanId: "00000000000000cc", endMs: START + 19, durationMs: 15 };
    const query = {
      kind: 3,
      spanId: "00000000000000dd",
      endMs: START + 5,
      durationMs: 2,
      attributes: { "db.system.name": "postgresql", "db.namespace": "orders" },
    };
    feedSpans(signals, [call], resource("gateway"));
    feedSpans(signals, [{ ...answer, parentSpanId: call.spanId }, query], resource("checkout"));
    feedSpans(
      signals,
      [{ ...answer, spanId: "00000000000000ee", parentSpanId: other.spanId }],
      resource("checkout"),
    );
    feedSpans(signals, [other], resource("gateway"));
    const edges = signals
      .graph(START + 1_000)
      .map(({ client, server, kind, requests, errors }) => [client, server, kind, requests, errors]);
    expect(edges).toEqual([
      ["gateway", "checkout", "service", 2, 1],
      ["checkout", "postgresql/orders", "database", 1, 0],
    ]);
    const detail = signals.service("checkout", START + 1_000)!;
    expect(detail.dependencies.outgoing.map(({ server }) => server)).toEqual(["postgresql/orders"]);
    expect(detail.dependencies.incoming.map(({ client }) => client)).toEqual(["gateway"]);
  });
});

describe("deployments", () => {
  test("a new version is found, with figures before and after and a verdict", () => {
    const signals = new Signals();
    const requests = (fromSecond: number, failEvery: number) =>
      Array.from({ length: 600 }, (_, index) => ({
        endMs: START + fromSecond * 1_000 + index * 100,
        durationMs: 20,
        attributes: { "http.response.status_code": index % failEvery === 0 ? 500 : 200 },
      }));
    feedSpans(signals, requests(0, 600), resource("checkout", "1.41.3"));
    feedSpans(signals, requests(60, 3), resource("checkout", "1.42.0", "i-2"));
    const [deployment] = signals.deployments(START + 120_000);
    expect(deployment).toMatchObject({
      service: "checkout",
      previousVersion: "1.41.3",
      version: "1.42.0",
      source: "detected",
      before: { requests: 600, errors: 1 },
      after: { requests: 600, errors: 200 },
      verdict: "worse",
    });
    expect(signals.services(START + 120_000)[0]).toMatchObject({ version: "1.42.0" });
  });
});
