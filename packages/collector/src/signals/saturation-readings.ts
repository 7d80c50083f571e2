import type { UnixMs } from "@tocsin/model";
import { attributeKey, attributeText, type MetricColumns, type OtlpMetric } from "../otlp/index.js";
import { POOL_METRICS, type PoolReading, type ReadingSource, WATCHED_METRICS } from "./saturation-parts.js";

/** The newest value of one metric of one instance. */
interface Reading {
  atMs: UnixMs;
  /** Between this export and the one before. */
  intervalMs: number;
  /** Since when a counter counts; 0 where its sender does not say. */
  startMs: UnixMs;
  value: number;
  /** Of counters: how much was added per second between the last two exports; NaN where nothing tells yet. */
  perSecond: number;
}

interface Pool {
  readonly counts: Map<keyof PoolReading, number>;
  atMs: UnixMs;
  intervalMs: number;
}

/** Readings are forgotten after three exports that did not come, at the latest after this. */
const STALE_AT_LATEST_MS = 120_000;
const STALE_AT_SOONEST_MS = 30_000;
const EXPORTS_MISSED = 3;
const POOLS_KEPT = 100;
/** Statistics of one heap space are no limits: they tell how much V8 has set aside for it so far. */
const HEAP_SPACE_KEYS = new Set(["v8js.heap.space.name", "heap.space.name"]);
const POOL_KEYS = new Set(["db.client.connection.pool.name", "pool.name"]);
const STATE_KEYS = new Set(["db.client.connection.state", "state"]);

/** What one process said last of how full it is. */
export class SaturationReadings {
  readonly #readings = new Map<string, Reading>();
  readonly #pools = new Map<string, Pool>();
  #lastMs: UnixMs = 0;

  /** When it was heard of last. */
  get lastMs(): UnixMs {
    return this.#lastMs;
  }

  /** Takes the points of one metric, if it is one of those that tell how full a process is. */
  note(columns: MetricColumns, metric: OtlpMetric): void {
    this.#lastMs = Math.max(this.#lastMs, newest(columns, metric));
    const pool = POOL_METRICS[metric.name];
    if (pool !== undefined) this.#notePools(pool, columns, metric);
    else this.#noteReading(columns, metric);
  }

  /** What of it still tells of that moment. */
  at(nowMs: UnixMs): ReadingSource {
    const fresh = (name: string) => freshOf(this.#readings.get(name), nowMs);
    return {
      latest: (name) => fresh(name)?.value,
      perSecond(name) {
        const rate = fresh(name)?.perSecond ?? Number.NaN;
        return Number.isNaN(rate) ? undefined : rate;
      },
      pools: () =>
        [...this.#pools].flatMap(([name, pool]) =>
          freshOf(pool, nowMs) ? [[name, Object.fromEntries(pool.counts)] as const] : [],
        ),
    };
  }

  #noteReading(columns: MetricColumns, metric: OtlpMetric): void {
    const combine = WATCHED_METRICS.get(metric.name);
    if (combine === undefined) return;
    const values: number[] = [];
    let atMs = 0;
    let startMs = Number.POSITIVE_INFINITY;
    for (let point = metric.firstPoint; point < metric.firstPoint + metric.pointCount; point++) {
      const value =
        metric.kind === "gauge" || metric.kind === "sum" ? columns.value[point] : columns.sum[point];
      if (value === undefined || Number.isNaN(value)) continue;
      if (combine === "whole" && attributeIn(columns, point, HEAP_SPACE_KEYS) !== undefined) continue;
      values.push(value);
      atMs = Math.max(atMs, columns.timeMs[point] ?? 0);
      startMs = Math.min(startMs, columns.startTimeMs[point] ?? 0);
    }
    const known = this.#readings.get(metric.name);
    if (values.length === 0 || (known && atMs <= known.atMs)) return;
    const value = combine === "max" ? Math.max(...values) : values.reduce((sum, each) => sum + each, 0);
    const reading = { atMs, intervalMs: intervalOf(atMs, known), startMs, value, perSecond: Number.NaN };
    reading.perSecond =
      metric.temporality === "delta" ? addedPerSecond(reading, known) : growth(reading, known);
    this.#readings.set(metric.name, reading);
  }

  #notePools(what: keyof PoolReading | "byState", columns: MetricColumns, metric: OtlpMetric): void {
    const counts = new Map<string, Map<keyof PoolReading, number>>();
    let atMs = 0;
    for (let point = metric.firstPoint; point < metric.firstPoint + metric.pointCount; point++) {
      const value = columns.value[point];
      if (value === undefined || Number.isNaN(value)) continue;
      const name = attributeIn(columns, point, POOL_KEYS) ?? "";
      const state = attributeIn(columns, point, STATE_KEYS);
      const kind = what === "byState" ? (state === "idle" ? "idle" : "used") : what;
      const pool = counts.get(name) ?? new Map<keyof PoolReading, number>();
      pool.set(kind, (pool.get(kind) ?? 0) + value);
      counts.set(name, pool);
      atMs = Math.max(atMs, columns.timeMs[point] ?? 0);
    }
    for (const [name, added] of counts) {
      const pool = this.#pools.get(name) ?? { counts: new Map(), atMs: 0, intervalMs: 0 };
      if (atMs < pool.atMs) continue;
      if (!this.#pools.has(name) && this.#pools.size >= POOLS_KEPT) this.#forgetOldestPool();
      this.#pools.set(name, pool);
      // Its metrics come in one export and carry one time.
      if (atMs > pool.atMs) pool.intervalMs = intervalOf(atMs, pool);
      pool.atMs = atMs;
      for (const [kind, value] of added) pool.counts.set(kind, value);
    }
  }

  #forgetOldestPool(): void {
    const [oldest] = [...this.#pools].sort(([, a], [, b]) => a.atMs - b.atMs);
    if (oldest) this.#pools.delete(oldest[0]);
  }
}

function freshOf<T extends { atMs: UnixMs; intervalMs: number }>(
  reading: T | undefined,
  nowMs: UnixMs,
): T | undefined {
  if (!reading) return undefined;
  const patienceMs = Math.max(STALE_AT_SOONEST_MS, EXPORTS_MISSED * reading.intervalMs);
  return nowMs - reading.atMs <= Math.min(STALE_AT_LATEST_MS, patienceMs) ? reading : undefined;
}

function intervalOf(atMs: UnixMs, known: { atMs: UnixMs } | undefined): number {
  return known && known.atMs > 0 ? atMs - known.atMs : Number.POSITIVE_INFINITY;
}

/** Of a cumulative counter: a fall or a later start is a restart, and what it shows was all added since then. */
function growth({ value, atMs, startMs }: Reading, known: Reading | undefined): number {
  if (!known) return Number.NaN;
  const isReset = value < known.value || (known.startMs > 0 && startMs > known.atMs);
  if (!isReset) return ((value - known.value) * 1_000) / (atMs - known.atMs);
  return startMs > 0 && startMs < atMs ? (value * 1_000) / (atMs - startMs) : Number.NaN;
}

function addedPerSecond({ value, atMs, startMs }: Reading, known: Reading | undefined): number {
  const fromMs = startMs > 0 && startMs < atMs ? startMs : (known?.atMs ?? Number.NaN);
  return (value * 1_000) / (atMs - fromMs);
}

function newest(columns: MetricColumns, metric: OtlpMetric): UnixMs {
  let atMs = 0;
  for (let point = metric.firstPoint; point < metric.firstPoint + metric.pointCount; point++)
    atMs = Math.max(atMs, columns.timeMs[point] ?? 0);
  return atMs;
}

function attributeIn(
  { attributes }: MetricColumns,
  point: number,
  keys: ReadonlySet<string>,
): string | undefined {
  const end = attributes.first[point + 1] ?? 0;
  for (let index = attributes.first[point] ?? 0; index < end; index++) {
    if (keys.has(attributeKey(attributes, index))) return attributeText(attributes, index);
  }
  return undefined;
}
