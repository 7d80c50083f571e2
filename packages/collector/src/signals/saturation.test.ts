import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { metricsBody, type TestAttributes, type TestMetric } from "../../test/otlp-data.js";
import { decodeMetrics } from "../otlp/index.js";
import { SaturationBook } from "./saturation.js";
import { POOL_METRICS, SATURATION_PARTS, WATCHED_METRICS } from "./saturation-parts.js";

const START = Date.parse("2026-11-20T14:00:00Z");
const MIB = 2 ** 20;

function resource(instance: string, version = "1.0.0") {
  return {
    "service.name": "checkout",
    "service.version": version,
    "deployment.environment.name": "prod",
    "service.instance.id": instance,
  };
}

/** Points of one export, `second` after the start. */
type At = (second: number) => TestMetric;

const points = (value: number | readonly (readonly [TestAttributes, number])[]) =>
  typeof value === "number" ? ([[{}, value]] as const) : value;

function gauge(name: string, value: Parameters<typeof points>[0]): At {
  return (second) => ({
    name,
    kind: "gauge",
    points: points(value).map(([attributes, each]) => ({
      timeMs: START + second * 1_000,
      value: each,
      attributes,
    })),
  });
}

/** A counter that grows by `perSecond` from the start of its process on. */
function counter(
  name: string,
  perSecond: number,
  options: { temporality?: "delta"; startSecond?: number } = {},
): At {
  const { temporality = "cumulative", startSecond = 0 } = options;
  return (second) => ({
    name,
    kind: "sum",
    temporality,
    points: [
      {
        startMs: START + (temporality === "delta" ? second - 10 : startSecond) * 1_000,
        timeMs: START + second * 1_000,
        value: temporality === "delta" ? perSecond * 10 : perSecond * (second - startSecond),
      },
    ],
  });
}

/** A histogram of durations; only their sum is read. */
function timed(
  name: string,
  secondsPerSecond: number,
  temporality: "delta" | "cumulative" = "cumulative",
): At {
  const at = counter(name, secondsPerSecond, temporality === "delta" ? { temporality } : {});
  return (second) => {
    const { points: made, ...rest } = at(second);
    return {
      ...rest,
      kind: "histogram",
      points: made.map(({ value, ...point }) => ({
        ...point,
        sum: value!,
        bucketCounts: [10, 0],
        bounds: [1],
      })),
    };
  };
}

function bookOf(
  metrics: readonly At[],
  from = resource("i-1"),
  book = new SaturationBook(),
  seconds = [10, 20],
) {
  for (const second of seconds) {
    book.observe(
      decodeMetrics(
        metricsBody(
          from,
          metrics.map((each) => each(second)),
        ),
      ),
    );
  }
  return book;
}

function partsAt(book: SaturationBook, second = 20) {
  return book.saturationOf("checkout", "prod", START + second * 1_000);
}

const pool = (name: string, state?: string) => ({
  "db.client.connection.pool.name": name,
  ...(state && { "db.client.connection.state": state }),
});

test.each<{ name: string; metrics: At[]; part: string; ratio: number; reading?: object }>([
  {
    name: "event loop: utilisation as it is",
    metrics: [gauge("nodejs.eventloop.utilization", 0.4)],
    part: "event loop",
    ratio: 0.4,
  },
  {
    name: "event loop delay: the 99th percentile less the sampler's own floor, 250 ms is full",
    metrics: [gauge("nodejs.eventloop.delay.p99", 0.145), gauge("nodejs.eventloop.delay.min", 0.02)],
    part: "event loop delay",
    ratio: 0.5,
    reading: { unit: "seconds", fullAt: 0.25, metric: "nodejs.eventloop.delay.p99" },
  },
  {
    name: "event loop delay of prom-client",
    metrics: [
      gauge("nodejs_eventloop_lag_p99_seconds", 0.0609),
      gauge("nodejs_eventloop_lag_min_seconds", 0.0109),
    ],
    part: "event loop delay",
    ratio: 0.2,
  },
  {
    name: "cpu: utilisation as it is",
    metrics: [gauge("process.cpu.utilization", 0.7)],
    part: "cpu",
    ratio: 0.7,
  },
  {
    name: "cpu: utilisation by state is added up",
    metrics: [
      gauge("process.cpu.utilization", [
        [{ "process.cpu.state": "user" }, 0.25],
        [{ "process.cpu.state": "system" }, 0.125],
      ]),
    ],
    part: "cpu",
    ratio: 0.375,
  },
  {
    name: "cpu: time against the quota",
    metrics: [counter("process.cpu.time", 0.25), gauge("tocsin.process.cpu.limit", 0.5)],
    part: "cpu",
    ratio: 0.5,
  },
  {
    name: "cpu: time against one CPU where no quota is known",
    metrics: [counter("process_cpu_seconds_total", 0.25)],
    part: "cpu",
    ratio: 0.25,
  },
  {
    name: "cpu: delta temporality",
    metrics: [counter("process.cpu.time", 0.4, { temporality: "delta" })],
    part: "cpu",
    ratio: 0.4,
  },
  {
    name: "cpu throttling: a quarter of the periods is full",
    metrics: [counter("tocsin.process.cpu.periods", 10), counter("tocsin.process.cpu.throttled_periods", 2)],
    part: "cpu throttling",
    ratio: 0.8,
    reading: { value: 0.2, unit: "ratio", metric: "tocsin.process.cpu.throttled_periods" },
  },
  {
    name: "cpu throttling: delta temporality",
    metrics: [
      counter("tocsin.process.cpu.periods", 10, { temporality: "delta" }),
      counter("tocsin.process.cpu.throttled_periods", 1, { temporality: "delta" }),
    ],
    part: "cpu throttling",
    ratio: 0.4,
  },
  {
    name: "memory against its limit",
    metrics: [gauge("process.memory.usage", 96 * MIB), gauge("tocsin.process.memory.limit", 128 * MIB)],
    part: "memory",
    ratio: 0.75,
  },
  {
    name: "heap: all spaces against the limit of the whole",
    metrics: [
      gauge("v8js.memory.heap.used", [
        [{ "v8js.heap.space.name": "new_space" }, 8 * MIB],
        [{ "v8js.heap.space.name": "old_space" }, 56 * MIB],
      ]),
      gauge("v8js.memory.heap.limit", 128 * MIB),
    ],
    part: "heap",
    ratio: 0.5,
  },
  {
    name: "garbage collection: a quarter of the time is full",
    metrics: [timed("v8js.gc.duration", 0.05)],
    part: "garbage collection",
    ratio: 0.2,
  },
  {
    name: "garbage collection: delta temporality",
    metrics: [timed("v8js.gc.duration", 0.1, "delta")],
    part: "garbage collection",
    ratio: 0.4,
  },
  {
    name: "connection pool: the worst of several, not their sum",
    metrics: [
      gauge("db.client.connection.count", [
        [pool("orders", "used"), 9],
        [pool("orders", "idle"), 1],
        [pool("users", "used"), 1],
        [pool("users", "idle"), 9],
      ]),
      gauge("db.client.connection.max", [
        [pool("orders"), 10],
        [pool("users"), 100],
      ]),
    ],
    part: "connection pool",
    ratio: 0.9,
    reading: { name: "orders", value: 9, fullAt: 10, unit: "connections" },
  },
  {
    name: "connection pool: whoever waits comes on top",
    metrics: [
      gauge("db.client.connections.usage", [[{ "pool.name": "a", state: "used" }, 10]]),
      gauge("db.client.connections.max", [[{ "pool.name": "a" }, 10]]),
      gauge("db.client.connections.pending_requests", [[{ "pool.name": "a" }, 5]]),
    ],
    part: "connection pool",
    ratio: 1.5,
    reading: { name: "a" },
  },
  {
    name: "connection pool of unknown size: full as soon as somebody waits",
    metrics: [
      gauge("db.client.connection.count", [[pool("a", "used"), 4]]),
      gauge("db.client.connection.pending_requests", [[pool("a"), 2]]),
    ],
    part: "connection pool",
    ratio: 1.5,
  },
  {
    name: "requests in flight: over all methods, a thousand is full",
    metrics: [
      gauge("http.server.active_requests", [
        [{ "http.request.method": "GET" }, 300],
        [{ "http.request.method": "POST" }, 100],
      ]),
    ],
    part: "requests in flight",
    ratio: 0.4,
  },
  {
    name: "thread pool: a wait of one second is full",
    metrics: [gauge("tocsin.threadpool.delay", 0.3)],
    part: "thread pool",
    ratio: 0.3,
  },
])("$name", ({ metrics, part, ratio, reading = {} }) => {
  const saturation = partsAt(bookOf(metrics));
  expect(saturation).toMatchObject({ part, instance: "i-1" });
  expect(saturation.ratio).toBeCloseTo(ratio, 9);
  expect(saturation.readings).toHaveLength(1);
  expect(saturation.readings[0]).toMatchObject({ part, instance: "i-1", ...reading });
});

test("an idle service has no event loop delay, although its sampler never sleeps less than its resolution", () => {
  const { parts, eventLoopDelaySeconds } = partsAt(
    bookOf([gauge("nodejs.eventloop.delay.p99", 0.0211), gauge("nodejs.eventloop.delay.min", 0.0199)]),
  );
  expect(parts["event loop delay"]).toBeLessThan(0.01);
  expect(eventLoopDelaySeconds).toBeCloseTo(0.0012, 9);
});

test("limits of single heap spaces are what V8 set aside so far, and no limit", () => {
  const spaces = (value: number) =>
    ["new_space", "old_space"].map((space) => [{ "v8js.heap.space.name": space }, value] as const);
  const stock = [gauge("v8js.memory.heap.used", spaces(9e6)), gauge("v8js.memory.heap.limit", spaces(1e7))];
  expect(partsAt(bookOf(stock))).toMatchObject({ ratio: null, part: null, parts: {} });
});

test("the worst part of the worst instance is named, and versions are told apart", () => {
  const book = bookOf([gauge("nodejs.eventloop.utilization", 0.2), gauge("process.cpu.utilization", 0.3)]);
  bookOf([gauge("nodejs.eventloop.utilization", 0.9)], resource("i-2", "1.1.0"), book);
  bookOf(
    [gauge("nodejs.eventloop.utilization", 0.5), gauge("process.cpu.utilization", 0.1)],
    resource("i-3"),
    book,
  );
  const saturation = partsAt(book);
  expect(saturation).toMatchObject({
    ratio: 0.9,
    part: "event loop",
    instance: "i-2",
    parts: { "event loop": 0.9, cpu: 0.3 },
  });
  expect(saturation.readings.map(({ part, instance }) => [part, instance])).toEqual([
    ["event loop", "i-2"],
    ["cpu", "i-1"],
  ]);
  expect(book.saturationOf("checkout", "prod", START + 20_000, "1.0.0")).toMatchObject({ instance: "i-3" });
});

test("an instance is called by its pod where it runs in one, else by host and process", () => {
  const metrics = [gauge("nodejs.eventloop.utilization", 0.2)];
  const nameOf = (attributes: TestAttributes) =>
    bookOf(metrics, { "service.name": "checkout", ...attributes } as never).saturationOf(
      "checkout",
      "",
      START + 20_000,
    ).instance;
  expect(nameOf({ "k8s.pod.name": "checkout-7d9", "service.instance.id": "6e0b" })).toBe("checkout-7d9");
  expect(nameOf({ "host.name": "vm-1", "process.pid": 42 })).toBe("vm-1:42");
});

test("a restart is neither a negative rate nor a spike", () => {
  const cpu = (startSecond: number, perSecond: number) =>
    counter("process.cpu.time", perSecond, { startSecond });
  const book = bookOf([cpu(-3_600, 0.5)]);
  expect(partsAt(book).ratio).toBeCloseTo(0.5, 9);
  // The process with the same name began anew in second 24, with more to do at first.
  bookOf([cpu(24, 0.75)], resource("i-1"), book, [30]);
  expect(partsAt(book, 30).ratio).toBeCloseTo(0.75, 9);
  bookOf([cpu(24, 0.25)], resource("i-1"), book, [40]);
  expect(partsAt(book, 40).ratio).toBeGreaterThanOrEqual(0);
});

test("a process that has gone counts no more after three exports that did not come, one a minute no later", () => {
  const book = bookOf([gauge("nodejs.eventloop.utilization", 0.9)]);
  expect(partsAt(book, 50).ratio).toBe(0.9);
  expect(partsAt(book, 51).ratio).toBeNull();
  const slow = bookOf(
    [gauge("nodejs.eventloop.utilization", 0.9)],
    resource("i-1"),
    new SaturationBook(),
    [0, 60],
  );
  expect(partsAt(slow, 180).ratio).toBe(0.9);
  expect(partsAt(slow, 181).ratio).toBeNull();
});

test("two metric readers of one process with different intervals do not outdate each other", () => {
  const book = bookOf(
    [gauge("process.cpu.utilization", 0.5)],
    resource("i-1"),
    new SaturationBook(),
    [0, 60],
  );
  bookOf(
    [gauge("nodejs.eventloop.utilization", 0.1)],
    resource("i-1"),
    book,
    [62, 67, 72, 77, 82, 87, 92, 97, 102],
  );
  expect(partsAt(book, 104).parts).toEqual({ cpu: 0.5, "event loop": 0.1 });
});

test("the documentation names every part and every metric that is read", () => {
  const guide = readFileSync(new URL("../../../../docs/signals-and-slos.md", import.meta.url), "utf8");
  const names = [...SATURATION_PARTS, ...WATCHED_METRICS.keys(), ...Object.keys(POOL_METRICS)];
  expect(names.filter((name) => !guide.includes(`\`${name}\``))).toEqual([]);
});
