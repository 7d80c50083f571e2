/** What can be full. */
export const SATURATION_PARTS = [
  "event loop",
  "event loop delay",
  "cpu",
  "cpu throttling",
  "memory",
  "heap",
  "garbage collection",
  "connection pool",
  "requests in flight",
  "thread pool",
] as const;
export type SaturationPart = (typeof SATURATION_PARTS)[number];

/** Where the parts are full that have no limit of their own. */
export interface SaturationLimits {
  /** 99th percentile of the event loop's delay, in seconds. */
  readonly eventLoopDelaySeconds: number;
  /** Share of the CPU quota's periods that were throttled. */
  readonly throttledRatio: number;
  /** Share of time. */
  readonly garbageCollectionRatio: number;
  /** Of one process. */
  readonly requestsInFlight: number;
  /** Longest wait in seconds. */
  readonly threadPoolDelaySeconds: number;
}

/** The limits where the configuration says nothing; docs/signals-and-slos.md says why each is what it is. */
export const SATURATION_LIMITS: SaturationLimits = {
  eventLoopDelaySeconds: 0.25,
  throttledRatio: 0.25,
  garbageCollectionRatio: 0.25,
  requestsInFlight: 1_000,
  threadPoolDelaySeconds: 1,
};

/** One pool of connections, as far as its metrics tell. */
export interface PoolReading {
  readonly used?: number;
  readonly idle?: number;
  readonly max?: number;
  /** Callers that wait for a connection. */
  readonly pending?: number;
}

/** The newest readings of one process. */
export interface ReadingSource {
  /** Value of a metric, its points put together as `WATCHED_METRICS` says; undefined where it was not sent lately. */
  latest(metric: string): number | undefined;
  /** What a counter (or the sum of a histogram) grew by per second, between the last two exports. */
  perSecond(metric: string): number | undefined;
  pools(): Iterable<readonly [name: string, pool: PoolReading]>;
}

/** How full one part is. */
export interface PartReading {
  readonly part: SaturationPart;
  /** 1 is full; may be over. */
  readonly ratio: number;
  /** What was measured, in `unit`. */
  readonly value: number;
  readonly unit: "ratio" | "seconds" | "cpus" | "bytes" | "requests" | "connections";
  /** The value that counts as full. */
  readonly fullAt: number;
  /** Name of the metric that was read. */
  readonly metric: string;
  /** Which one of several, such as the name of a connection pool; "" where there is only one. */
  readonly name: string;
}

/**
 * How full a process is, by part, each read by the first of its metrics that was sent: those of our agent and of
 * OpenTelemetry, then prom-client's defaults.
 */
export function* partsOf(from: ReadingSource, limits: SaturationLimits): Generator<PartReading> {
  const made = (
    part: SaturationPart,
    unit: PartReading["unit"],
    metric: string,
    value: number | undefined,
    fullAt: number | undefined,
    name = "",
  ): PartReading | undefined =>
    value === undefined || fullAt === undefined || !(fullAt > 0)
      ? undefined
      : { part, ratio: value / fullAt, value, unit, fullAt, metric, name };
  const first = (...ways: (PartReading | undefined)[]): PartReading[] =>
    ways.filter((way) => way !== undefined).slice(0, 1);
  const latest = (name: string) => from.latest(name);
  const perSecond = (name: string) => from.perSecond(name);

  const utilization = "nodejs.eventloop.utilization";
  yield* first(made("event loop", "ratio", utilization, latest(utilization), 1));

  const delay = ({ p99, min }: { p99: string; min: string }) =>
    made("event loop delay", "seconds", p99, above(latest(p99), latest(min)), limits.eventLoopDelaySeconds);
  yield* first(...LOOP_DELAYS.map(delay));

  const cpus = latest("tocsin.process.cpu.limit") ?? 1;
  yield* first(
    made("cpu", "ratio", "process.cpu.utilization", latest("process.cpu.utilization"), 1),
    ...["process.cpu.time", "process_cpu_seconds_total"].map((name) =>
      made("cpu", "cpus", name, perSecond(name), cpus),
    ),
  );

  const throttled = "tocsin.process.cpu.throttled_periods";
  const share = shareOf(perSecond(throttled), perSecond("tocsin.process.cpu.periods"));
  yield* first(made("cpu throttling", "ratio", throttled, share, limits.throttledRatio));

  const memory = latest("tocsin.process.memory.limit");
  yield* first(
    ...["process.memory.usage", "process_resident_memory_bytes"].map((name) =>
      made("memory", "bytes", name, latest(name), memory),
    ),
  );

  const heap = latest("v8js.memory.heap.limit") ?? latest("v8js.heap.size_limit");
  yield* first(
    ...["v8js.memory.heap.used", "nodejs_heap_size_used_bytes"].map((name) =>
      made("heap", "bytes", name, latest(name), heap),
    ),
  );

  yield* first(
    ...["v8js.gc.duration", "nodejs_gc_duration_seconds"].map((name) =>
      made("garbage collection", "ratio", name, perSecond(name), limits.garbageCollectionRatio),
    ),
  );

  const pools = [...from.pools()].flatMap(([name, pool]) => {
    const { busy, size } = poolLoad(pool);
    return made("connection pool", "connections", "db.client.connection.count", busy, size, name) ?? [];
  });
  yield* pools.sort((a, b) => b.ratio - a.ratio).slice(0, 1);

  yield* first(
    ...["http.server.active_requests", "http_server_active_requests"].map((name) =>
      made("requests in flight", "requests", name, latest(name), limits.requestsInFlight),
    ),
  );

  const wait = "tocsin.threadpool.delay";
  yield* first(made("thread pool", "seconds", wait, latest(wait), limits.threadPoolDelaySeconds));
}

const LOOP_DELAYS = [
  { p99: "nodejs.eventloop.delay.p99", min: "nodejs.eventloop.delay.min" },
  { p99: "nodejs_eventloop_lag_p99_seconds", min: "nodejs_eventloop_lag_min_seconds" },
] as const;

/**
 * How the points of one metric of one process make one value: added up (CPU modes, heap spaces, methods), the greatest
 * of them, or only points of the whole (`whole`): OpenTelemetry's runtime instrumentation sends a `v8js.memory.heap.limit`
 * per heap space that tells how much V8 has set aside, not how much it may.
 */
export const WATCHED_METRICS: ReadonlyMap<string, "sum" | "max" | "whole"> = new Map([
  ["nodejs.eventloop.utilization", "max"],
  ...LOOP_DELAYS.flatMap(({ p99, min }) => [[p99, "max"] as const, [min, "max"] as const]),
  ["process.cpu.utilization", "sum"],
  ["process.cpu.time", "sum"],
  ["process_cpu_seconds_total", "sum"],
  ["tocsin.process.cpu.limit", "max"],
  ["tocsin.process.cpu.periods", "sum"],
  ["tocsin.process.cpu.throttled_periods", "sum"],
  ["process.memory.usage", "sum"],
  ["process_resident_memory_bytes", "sum"],
  ["tocsin.process.memory.limit", "max"],
  ["v8js.memory.heap.used", "sum"],
  ["nodejs_heap_size_used_bytes", "sum"],
  ["v8js.memory.heap.limit", "whole"],
  ["v8js.heap.size_limit", "whole"],
  ["v8js.gc.duration", "sum"],
  ["nodejs_gc_duration_seconds", "sum"],
  ["http.server.active_requests", "sum"],
  ["http_server_active_requests", "sum"],
  ["tocsin.threadpool.delay", "max"],
]);

/** Metrics of connection pools, by today's names and those before; `byState` is told apart by the state of each point. */
export const POOL_METRICS: Readonly<Record<string, keyof PoolReading | "byState">> = {
  "db.client.connection.count": "byState",
  "db.client.connections.usage": "byState",
  "db.client.connection.max": "max",
  "db.client.connections.max": "max",
  "db.client.connection.pending_requests": "pending",
  "db.client.connections.pending_requests": "pending",
};

/**
 * Connections in use and callers that wait for one, against the size of the pool. Where nobody tells the size, a pool is
 * full as soon as somebody waits, and as empty as can be told while nobody does.
 */
function poolLoad({ used, max, pending }: PoolReading): {
  busy: number | undefined;
  size: number | undefined;
} {
  const busy = used === undefined && pending === undefined ? undefined : (used ?? 0) + (pending ?? 0);
  if (max !== undefined) return { busy, size: max };
  if (pending === undefined) return { busy: undefined, size: undefined };
  return pending > 0 ? { busy, size: Math.max(1, used ?? 0) } : { busy: 0, size: Math.max(1, used ?? 0) };
}

function above(value: number | undefined, floor: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.max(0, value - (floor ?? 0));
}

function shareOf(part: number | undefined, whole: number | undefined): number | undefined {
  if (part === undefined || whole === undefined) return undefined;
  return whole > 0 ? part / whole : 0;
}
