import type { UnixMs } from "@tocsin/model";
import type { MetricColumns, OtlpResource, SpanColumns } from "../otlp/index.js";

/** How a sender's clock stands against ours. */
export interface SenderClock {
  readonly service: string;
  /** `service.instance.id`, or "". */
  readonly instance: string;
  /** Positive: ahead. A sender with a right clock is a little behind: it collects before it sends. */
  readonly clockSkewSeconds: number;
}

interface Entry {
  readonly service: string;
  readonly instance: string;
  /** Newest instant sent less the time it came, the largest of this period and of the one before. */
  currentMs: number;
  previousMs: number;
  periodEndMs: UnixMs;
}

/** The freshest of what came in one to two such periods decides: what waited for a retry says nothing of a clock. */
const PERIOD_MS = 300_000;
const MAX_SENDERS = 2_000;

/**
 * Compares the times that senders write with the times at which they come. Nothing a sender has just ended can lie in
 * the future, and something fresh comes every few minutes: so the freshest item of a sender tells how its clock stands.
 */
export class SenderClocks {
  readonly #senders = new Map<string, Entry>();

  /** Looks at one request. Traces tell by the ends of spans, metrics by the times of points. */
  observe(columns: SpanColumns | MetricColumns, receivedAtMs: UnixMs): void {
    const newest = columns.signal === "traces" ? newestSpans(columns) : newestPoints(columns);
    columns.resources.forEach((resource, index) => {
      if (newest[index] > 0) this.#note(resource, newest[index] - receivedAtMs, receivedAtMs);
    });
  }

  /** Senders by service and instance, the largest difference first. */
  list(): SenderClock[] {
    return [...this.#senders.values()]
      .map(({ service, instance, currentMs, previousMs }) => ({
        service,
        instance,
        clockSkewSeconds: Math.round(Math.max(currentMs, previousMs)) / 1_000,
      }))
      .sort((a, b) => Math.abs(b.clockSkewSeconds) - Math.abs(a.clockSkewSeconds));
  }

  #note({ serviceName, serviceInstanceId }: OtlpResource, differenceMs: number, nowMs: UnixMs): void {
    const key = `${serviceName}\u0001${serviceInstanceId}`;
    let entry = this.#senders.get(key);
    if (!entry) {
      const never = Number.NEGATIVE_INFINITY;
      entry = {
        service: serviceName,
        instance: serviceInstanceId,
        currentMs: never,
        previousMs: never,
        periodEndMs: nowMs + PERIOD_MS,
      };
      this.#senders.set(key, entry);
      if (this.#senders.size > MAX_SENDERS) this.#senders.delete(this.#senders.keys().next().value ?? "");
    }
    if (nowMs >= entry.periodEndMs) {
      entry.previousMs = entry.currentMs;
      entry.currentMs = Number.NEGATIVE_INFINITY;
      entry.periodEndMs = nowMs + PERIOD_MS;
    }
    if (differenceMs > entry.currentMs) entry.currentMs = differenceMs;
  }
}

/** By resource; 0 where there is no span. */
function newestSpans({ resources, scopes, rowCount, scope, endTimeMs }: SpanColumns): Float64Array {
  const newest = new Float64Array(resources.length);
  for (let row = 0; row < rowCount; row++) {
    const { resource } = scopes[scope[row]];
    if (endTimeMs[row] > newest[resource]) newest[resource] = endTimeMs[row];
  }
  return newest;
}

/** By resource; 0 where there is no point. */
function newestPoints({ resources, metrics, timeMs }: MetricColumns): Float64Array {
  const newest = new Float64Array(resources.length);
  for (const { resource, firstPoint, pointCount } of metrics) {
    // The points of one metric are collected together.
    if (pointCount > 0 && timeMs[firstPoint] > newest[resource]) newest[resource] = timeMs[firstPoint];
  }
  return newest;
}
