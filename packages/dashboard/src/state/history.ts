import { signal } from "@preact/signals";
import type { Service } from "./api-types.js";
import { ask } from "./collector.js";

/** One look at a service. */
export interface Sample {
  readonly atMs: number;
  readonly trafficPerSecond: number | null;
  readonly errorRatio: number | null;
  readonly p95Seconds: number | null;
}

/** How far charts reach back. */
const HISTORY_MS = 10 * 60_000;
/** The collector writes its series down this often. */
const STEP_SECONDS = 10;

/** Of each service by name: what the collector has kept, and behind it what this page has seen. */
export const history = signal<ReadonlyMap<string, readonly Sample[]>>(new Map());

/** How often each service was asked for; a collector that never answers is not asked for ever. */
const asked = new Map<string, number>();
const MAX_ASKED = 5;

/** Adds the current figures of every service. */
export function remember(services: readonly Service[], atMs: number): void {
  const next = new Map(history.value);
  for (const name of new Set(services.map(({ service }) => service))) {
    // Of a service in several environments the first is shown, here as in its numbers.
    const found = services.find(({ service }) => service === name);
    if (!found) continue;
    const { trafficPerSecond, errorRatio, latencySeconds } = found;
    const sample = { atMs, trafficPerSecond, errorRatio, p95Seconds: latencySeconds?.p95 ?? null };
    const kept = (next.get(name) ?? []).filter((each) => atMs - each.atMs <= HISTORY_MS);
    next.set(name, [...kept, sample]);
  }
  history.value = next;
}

/**
 * Puts what the collector has kept of a service before what this page has seen of it; once per service. A collector that
 * cannot tell leaves the charts as they are: they then begin when the page was opened.
 */
export async function fillHistory(service: string, environment: string, nowMs: number): Promise<void> {
  const key = `${service}\n${environment}`;
  const times = asked.get(key) ?? 0;
  if (times >= MAX_ASKED) return;
  asked.set(key, MAX_ASKED);
  const of = `{service=${JSON.stringify(service)},environment=${JSON.stringify(environment)}}`;
  const requests = `sum(rate(tocsin_service_requests_total${of}[1m]))`;
  const errors = `sum(rate(tocsin_service_errors_total${of}[1m]))`;
  const latency = `max(tocsin_service_latency_seconds${of.replace("}", ',quantile="0.95"}')})`;
  try {
    const [rates, ratios, latencies] = await Promise.all(
      [requests, `${errors} / ${requests}`, latency].map((query) => pointsOf(query, nowMs)),
    );
    const samples = new Map<number, Sample>();
    for (const atMs of [...(rates?.keys() ?? []), ...(latencies?.keys() ?? [])]) {
      samples.set(atMs, {
        atMs,
        trafficPerSecond: rates?.get(atMs) ?? null,
        errorRatio: ratios?.get(atMs) ?? null,
        p95Seconds: latencies?.get(atMs) ?? null,
      });
    }
    const seen = history.value.get(service) ?? [];
    const firstSeenMs = seen[0]?.atMs ?? Number.POSITIVE_INFINITY;
    const kept = [...samples.values()]
      .filter(({ atMs }) => atMs < firstSeenMs)
      .sort((a, b) => a.atMs - b.atMs);
    history.value = new Map(history.value).set(service, [...kept, ...seen]);
  } catch {
    // The collector may be starting; the next look at this service asks again.
    asked.set(key, times + 1);
  }
}

/** Values by instant; what is no number is left out. */
async function pointsOf(query: string, nowMs: number): Promise<ReadonlyMap<number, number>> {
  // On whole steps, so that three queries answer for the same instants.
  const end = Math.floor(nowMs / 1_000 / STEP_SECONDS) * STEP_SECONDS;
  const range = `start=${end - HISTORY_MS / 1_000}&end=${end}&step=${STEP_SECONDS}`;
  const answer = await ask(`/prometheus/api/v1/query_range?query=${encodeURIComponent(query)}&${range}`);
  const result = (answer as { data?: { result?: unknown } }).data?.result;
  const [series] = Array.isArray(result) ? (result as { values?: unknown }[]) : [];
  const points = new Map<number, number>();
  for (const [seconds, text] of Array.isArray(series?.values) ? (series.values as [number, string][]) : []) {
    const value = Number(text);
    if (Number.isFinite(value)) points.set(seconds * 1_000, value);
  }
  return points;
}
