import {
  constants,
  type EventLoopUtilization,
  monitorEventLoopDelay,
  PerformanceObserver,
  performance,
} from "node:perf_hooks";
import { getHeapSpaceStatistics, getHeapStatistics } from "node:v8";
import type { MetricData, ScopeMetrics } from "@opentelemetry/sdk-metrics";
import type { Limits } from "./cgroup.js";
import { readCpuThrottling } from "./cpu-throttling.js";
import { DELAY_RESOLUTION_MS, eventLoopDelay } from "./event-loop-delay.js";
import { DurationHistogram } from "./histogram.js";
import {
  durations,
  gauge,
  hrTimeOf,
  type MetricNote,
  type MetricSource,
  type NumberPoint,
  type Span,
  sum,
} from "./metric-data.js";
import { ThreadPoolProbe } from "./thread-pool.js";

/** The process and runtime metrics of semantic conventions, and the limits that tell how full it is. */
export class RuntimeMetrics implements MetricSource {
  private readonly scope: ScopeMetrics["scope"];
  private readonly startMs: number;
  private readonly limits: Limits;
  private readonly delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  private readonly collections = new Map<string, DurationHistogram>();
  private readonly observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) this.observeCollection(entry);
  });
  private readonly threadPool = new ThreadPoolProbe();
  private lastLoop: EventLoopUtilization = performance.eventLoopUtilization();
  private lastCpu = process.cpuUsage();
  private lastCpuMs = performance.now();

  constructor(deps: { scope: ScopeMetrics["scope"]; startMs: number; limits: Limits }) {
    this.scope = deps.scope;
    this.startMs = deps.startMs;
    this.limits = deps.limits;
    this.delay.enable();
    this.observer.observe({ entryTypes: ["gc"] });
  }

  collect(nowMs: number): ScopeMetrics[] {
    const span = { startTime: hrTimeOf(this.startMs), endTime: hrTimeOf(nowMs) };
    return [
      {
        scope: this.scope,
        metrics: [...this.loop(span), ...this.heap(span), ...this.process(span)],
      },
    ];
  }

  close(): void {
    this.delay.disable();
    this.observer.disconnect();
    this.threadPool.close();
  }

  private loop(span: Span): MetricData[] {
    const total = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(total, this.lastLoop);
    this.lastLoop = total;
    const { delay } = this;
    const readings: readonly (readonly [string, number])[] = [
      ["min", eventLoopDelay(delay.min)],
      ["max", eventLoopDelay(delay.max)],
      ["mean", eventLoopDelay(delay.mean)],
      ["stddev", Number.isFinite(delay.stddev) ? delay.stddev / 1e9 : 0],
      ["p50", eventLoopDelay(delay.percentile(50))],
      ["p90", eventLoopDelay(delay.percentile(90))],
      ["p99", eventLoopDelay(delay.percentile(99))],
    ];
    const gauges = readings.map(([part, seconds]) =>
      gauge(
        {
          name: `nodejs.eventloop.delay.${part}`,
          unit: "s",
          description: "Delay of the event loop since the last export.",
        },
        span,
        [{ attributes: {}, value: delay.count === 0 ? 0 : seconds }],
      ),
    );
    delay.reset();
    return [
      gauge(
        {
          name: "nodejs.eventloop.utilization",
          unit: "1",
          description: "Share of time that the event loop was busy since the last export.",
        },
        span,
        [{ attributes: {}, value: utilization }],
      ),
      sum(
        {
          name: "nodejs.eventloop.time",
          unit: "s",
          description: "Time that the event loop spent, by state.",
        },
        span,
        [
          { attributes: { "nodejs.eventloop.state": "active" }, value: total.active / 1000 },
          { attributes: { "nodejs.eventloop.state": "idle" }, value: total.idle / 1000 },
        ],
        true,
      ),
      ...gauges,
      gauge(
        {
          name: "tocsin.threadpool.delay",
          unit: "s",
          description:
            "Longest wait for libuv's thread pool since the last export, the event loop's included.",
        },
        span,
        [{ attributes: {}, value: this.threadPool.take() }],
      ),
    ];
  }

  private heap(span: Span): MetricData[] {
    const spaces = getHeapSpaceStatistics();
    const bySpace = (name: string, description: string, value: (space: (typeof spaces)[number]) => number) =>
      sum(
        { name, unit: "By", description },
        span,
        spaces.map((space) => ({
          attributes: { "v8js.heap.space.name": space.space_name },
          value: value(space),
        })),
        false,
      );
    const whole = getHeapStatistics();
    return [
      bySpace("v8js.memory.heap.used", "Used part of the heap.", (space) => space.space_used_size),
      bySpace(
        "v8js.memory.heap.space.available_size",
        "Free part of the heap.",
        (space) => space.space_available_size,
      ),
      bySpace(
        "v8js.memory.heap.space.physical_size",
        "Heap in memory.",
        (space) => space.physical_space_size,
      ),
      upDown(
        { name: "v8js.memory.heap.limit", unit: "By", description: "Size that the heap may reach." },
        span,
        [{ attributes: {}, value: whole.heap_size_limit }],
      ),
      durations(
        { name: "v8js.gc.duration", unit: "s", description: "Duration of garbage collections." },
        span,
        Array.from(this.collections, ([kind, histogram]) => ({
          attributes: { "v8js.gc.type": kind },
          histogram,
        })),
      ),
    ];
  }

  private process(span: Span): MetricData[] {
    const usage = process.cpuUsage();
    const nowMs = performance.now();
    const spentMs = (usage.user - this.lastCpu.user + usage.system - this.lastCpu.system) / 1000;
    const elapsedMs = nowMs - this.lastCpuMs;
    this.lastCpu = usage;
    this.lastCpuMs = nowMs;
    const memory = process.memoryUsage();
    return [
      sum(
        { name: "process.cpu.time", unit: "s", description: "CPU time, by mode." },
        span,
        [
          { attributes: { "cpu.mode": "user" }, value: usage.user / 1e6 },
          { attributes: { "cpu.mode": "system" }, value: usage.system / 1e6 },
        ],
        true,
      ),
      gauge(
        {
          name: "process.cpu.utilization",
          unit: "1",
          description: "CPU time since the last export over the CPUs that the process may use.",
        },
        span,
        elapsedMs > 0 ? [{ attributes: {}, value: spentMs / elapsedMs / this.limits.cpus }] : [],
      ),
      upDown({ name: "process.memory.usage", unit: "By", description: "Resident memory." }, span, [
        { attributes: {}, value: memory.rss },
      ]),
      upDown(
        { name: "nodejs.memory.external", unit: "By", description: "Memory outside the heap, held by it." },
        span,
        [{ attributes: {}, value: memory.external }],
      ),
      upDown(
        {
          name: "nodejs.active_resources",
          unit: "{resource}",
          description: "What keeps the event loop alive, by kind.",
        },
        span,
        countByKind(process.getActiveResourcesInfo()),
      ),
      gauge({ name: "process.uptime", unit: "s", description: "Time since the process started." }, span, [
        { attributes: {}, value: process.uptime() },
      ]),
      gauge(
        { name: "tocsin.process.cpu.limit", unit: "{cpu}", description: "CPUs that the process may use." },
        span,
        [{ attributes: {}, value: this.limits.cpus }],
      ),
      gauge(
        { name: "tocsin.process.memory.limit", unit: "By", description: "Memory that the process may use." },
        span,
        [{ attributes: {}, value: this.limits.memoryBytes }],
      ),
      ...this.throttling(span),
    ];
  }

  /** How the container's CPU quota held the process back; nothing where there is no quota. */
  private throttling(span: Span): MetricData[] {
    const throttling = readCpuThrottling();
    if (throttling === undefined) return [];
    const counter = (what: string, unit: string, description: string, value: number): MetricData =>
      sum({ name: `tocsin.process.cpu.${what}`, unit, description }, span, [{ attributes: {}, value }], true);
    return [
      counter("periods", "{period}", "Periods of the container's CPU quota.", throttling.periods),
      counter(
        "throttled_periods",
        "{period}",
        "Periods in which the CPU quota was used up before their end.",
        throttling.throttledPeriods,
      ),
      counter(
        "throttled_time",
        "s",
        "Time that CPUs stood still for the quota, added up over all of them.",
        throttling.throttledSeconds,
      ),
    ];
  }

  private observeCollection(entry: { duration: number; detail?: unknown }): void {
    const kind = COLLECTION_KINDS[(entry.detail as { kind?: number } | undefined)?.kind ?? -1];
    if (kind === undefined) return;
    let histogram = this.collections.get(kind);
    if (histogram === undefined) {
      histogram = new DurationHistogram();
      this.collections.set(kind, histogram);
    }
    histogram.record(entry.duration / 1000);
  }
}

const COLLECTION_KINDS: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: "minor",
  [constants.NODE_PERFORMANCE_GC_MAJOR]: "major",
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: "incremental",
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: "weakcb",
};

function upDown(note: MetricNote, span: Span, points: readonly NumberPoint[]): MetricData {
  return sum(note, span, points, false);
}

function countByKind(kinds: readonly string[]): NumberPoint[] {
  const counts = new Map<string, number>();
  for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return Array.from(counts, ([kind, value]) => ({ attributes: { "nodejs.resource.type": kind }, value }));
}
