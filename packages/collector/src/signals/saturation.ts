import type { UnixMs } from "@tocsin/model";
import { attributeKey, attributeText, type MetricColumns, type OtlpMetric } from "../otlp/index.js";
import { instanceKey } from "./resource-key.js";

/** What can be full. */
export type SaturationPart =
  | "event loop"
  | "cpu"
  | "memory"
  | "heap"
  | "garbage collection"
  | "connection pool";

/** How full a service is: its fullest part, of its fullest instance. */
export interface Saturation {
  /** 0–1 (CPU may be over); null when nothing was measured lately. */
  readonly ratio: number | null;
  readonly part: SaturationPart | null;
  /** The fullest instance of each part. */
  readonly parts: Partial<Record<SaturationPart, number>>;
  /** Requests being answered at this moment, over all instances; null when not measured. */
  readonly inFlight: number | null;
  /** Worst 99th percentile of the event loop's delay in seconds; null when not measured. */
  readonly eventLoopDelaySeconds: number | null;
}

/** Readings older than this say nothing about now. */
const STALE_AFTER_MS = 120_000;

type ReadingName =
  | "loopUtilization"
  | "loopDelay"
  | "cpuUtilization"
  | "cpuSeconds"
  | "cpuLimit"
  | "memoryUsed"
  | "memoryLimit"
  | "heapUsed"
  | "heapLimit"
  | "gcSeconds"
  | "poolUsed"
  | "poolLimit"
  | "inFlight";

/** Metrics of our agent, of OpenTelemetry's runtime instrumentations, and prom-client's defaults. */
const READINGS: Readonly<Record<string, ReadingName>> = {
  "nodejs.eventloop.utilization": "loopUtilization",
  "nodejs.eventloop.delay.p99": "loopDelay",
  nodejs_eventloop_lag_p99_seconds: "loopDelay",
  "process.cpu.utilization": "cpuUtilization",
  "process.cpu.time": "cpuSeconds",
  process_cpu_seconds_total: "cpuSeconds",
  "tocsin.process.cpu.limit": "cpuLimit",
  "process.memory.usage": "memoryUsed",
  process_resident_memory_bytes: "memoryUsed",
  "tocsin.process.memory.limit": "memoryLimit",
  "v8js.memory.heap.used": "heapUsed",
  nodejs_heap_size_used_bytes: "heapUsed",
  "v8js.memory.heap.limit": "heapLimit",
  "v8js.heap.size_limit": "heapLimit",
  "v8js.gc.duration": "gcSeconds",
  nodejs_gc_duration_seconds: "gcSeconds",
  "db.client.connection.count": "poolUsed",
  "db.client.connection.max": "poolLimit",
  "http.server.active_requests": "inFlight",
};

interface Reading {
  atMs: UnixMs;
  value: number;
  /** For readings that grow: the one before. */
  before: { atMs: UnixMs; value: number } | undefined;
}

interface Instance {
  readonly service: string;
  readonly environment: string;
  lastMs: UnixMs;
  readonly readings: Map<ReadingName, Reading>;
}

/** Watches how full the instances of all services are, by the newest reading of each metric. */
export class SaturationBook {
  readonly #instances = new Map<string, Instance>();

  observe(columns: MetricColumns): void {
    for (const metric of columns.metrics) {
      const name = READINGS[metric.name];
      const resource = columns.resources[metric.resource];
      if (!name || !resource || metric.pointCount === 0) continue;
      const key = instanceKey(resource);
      let instance = this.#instances.get(key);
      if (!instance) {
        instance = {
          service: resource.serviceName,
          environment: resource.environment,
          lastMs: 0,
          readings: new Map(),
        };
        this.#instances.set(key, instance);
      }
      note(instance, name, columns, metric);
    }
  }

  /** How full a service is as of `nowMs`. */
  saturationOf(service: string, environment: string, nowMs: UnixMs): Saturation {
    const parts: Partial<Record<SaturationPart, number>> = {};
    let inFlight: number | null = null;
    let delay: number | null = null;
    for (const instance of this.#instances.values()) {
      if (instance.service !== service || instance.environment !== environment) continue;
      if (nowMs - instance.lastMs > STALE_AFTER_MS) continue;
      for (const [part, ratio] of partsOf(instance, nowMs)) parts[part] = Math.max(parts[part] ?? 0, ratio);
      const active = freshValue(instance, "inFlight", nowMs);
      if (active !== undefined) inFlight = (inFlight ?? 0) + active;
      const loopDelay = freshValue(instance, "loopDelay", nowMs);
      if (loopDelay !== undefined) delay = Math.max(delay ?? 0, loopDelay);
    }
    const worst = (Object.entries(parts) as [SaturationPart, number][]).sort((a, b) => b[1] - a[1])[0];
    return {
      ratio: worst?.[1] ?? null,
      part: worst?.[0] ?? null,
      parts,
      inFlight,
      eventLoopDelaySeconds: delay,
    };
  }

  /** Forgets instances that have not been heard of for an hour. */
  forget(nowMs: UnixMs): void {
    for (const [key, { lastMs }] of this.#instances)
      if (nowMs - lastMs > 3_600_000) this.#instances.delete(key);
  }
}

/** Adds up the points of one metric (heap spaces, CPU modes, methods) and keeps the sum. */
function note(instance: Instance, name: ReadingName, columns: MetricColumns, metric: OtlpMetric): void {
  let value = 0;
  let atMs = 0;
  let found = false;
  for (let point = metric.firstPoint; point < metric.firstPoint + metric.pointCount; point++) {
    if (name === "poolUsed" && stateOf(columns, point) === "idle") continue;
    const number = metric.kind === "histogram" ? columns.sum[point] : columns.value[point];
    if (number === undefined || Number.isNaN(number)) continue;
    // Of limits given per heap space or pool, and of utilisation, the sum is meant; a gauge has one point.
    value += number;
    atMs = Math.max(atMs, columns.timeMs[point] ?? 0);
    found = true;
  }
  const known = instance.readings.get(name);
  if (!found || (known && atMs < known.atMs)) return;
  const isGrowing = (name === "cpuSeconds" || name === "gcSeconds") && metric.temporality !== "delta";
  const before =
    isGrowing && known && known.atMs < atMs ? { atMs: known.atMs, value: known.value } : known?.before;
  instance.readings.set(name, { atMs, value, before: isGrowing ? before : undefined });
  instance.lastMs = Math.max(instance.lastMs, atMs);
}

function stateOf({ attributes }: MetricColumns, point: number): string {
  const end = attributes.first[point + 1] ?? 0;
  for (let index = attributes.first[point] ?? 0; index < end; index++) {
    const key = attributeKey(attributes, index);
    if (key === "db.client.connection.state" || key === "state") return attributeText(attributes, index);
  }
  return "";
}

function* partsOf(instance: Instance, nowMs: UnixMs): Generator<[SaturationPart, number]> {
  const value = (name: ReadingName) => freshValue(instance, name, nowMs);
  const loop = value("loopUtilization");
  if (loop !== undefined) yield ["event loop", loop];
  const cpu =
    value("cpuUtilization") ?? share(growthOf(instance, "cpuSeconds", nowMs), value("cpuLimit") ?? 1);
  if (cpu !== undefined) yield ["cpu", cpu];
  const memory = share(value("memoryUsed"), value("memoryLimit"));
  if (memory !== undefined) yield ["memory", memory];
  const heap = share(value("heapUsed"), value("heapLimit"));
  if (heap !== undefined) yield ["heap", heap];
  const collecting = growthOf(instance, "gcSeconds", nowMs);
  if (collecting !== undefined) yield ["garbage collection", collecting];
  const pool = share(value("poolUsed"), value("poolLimit"));
  if (pool !== undefined) yield ["connection pool", pool];
}

function freshValue(instance: Instance, name: ReadingName, nowMs: UnixMs): number | undefined {
  const reading = instance.readings.get(name);
  return reading && nowMs - reading.atMs <= STALE_AFTER_MS ? reading.value : undefined;
}

/** Growth per second between the last two readings; undefined after a restart, when the value fell. */
function growthOf(instance: Instance, name: ReadingName, nowMs: UnixMs): number | undefined {
  const reading = instance.readings.get(name);
  if (!reading?.before || nowMs - reading.atMs > STALE_AFTER_MS || reading.value < reading.before.value) {
    return undefined;
  }
  return (reading.value - reading.before.value) / ((reading.atMs - reading.before.atMs) / 1_000);
}

function share(used: number | undefined, limit: number | undefined): number | undefined {
  return used !== undefined && limit !== undefined && limit > 0 ? used / limit : undefined;
}
