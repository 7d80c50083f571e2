import type { UnixMs } from "@tocsin/model";
import type { RequestClass } from "./requests.js";

/** Under which name an attribute of a service is chosen for: its metrics often lack what its spans carry. */
export function groupSubject(service: string, key: string): string {
  return `${service}\u0002${key}`;
}

/** How metrics came: as OTLP, or as samples by remote write or a scrape. */
export type MetricOrigin = "otlp" | "samples";

/** Without a metric for this long a service counts by its spans again. */
export const METRICS_GONE_AFTER_MS = 180_000;

/** Processes per service that are remembered until its metrics appear. */
const INSTANCES_KEPT = 1_000;

interface Choice {
  lastMetricMs: UnixMs;
  /** Instances whose spans were counted before the service's metrics appeared, and where each changed over. */
  readonly changeoverMs: Map<string, UnixMs>;
}

/**
 * Decides whether a service is counted by its spans or by its metrics, so that no request counts twice.
 *
 * Metrics win, since they are never sampled. An instance whose spans were already counted changes over at the time of its
 * first metric point: what ended until then was counted by span, later requests by metric. All other instances of a
 * service with metrics are counted by metrics from their start.
 */
export class SourceChoice {
  readonly #spanInstances = new Map<string, Set<string>>();
  readonly #choices = new Map<string, Choice>();
  /** Services whose spans tell how messages are processed, not only how they are fetched. */
  readonly #processing = new Set<string>();
  /** By which way each service's metrics come, and when they did last. */
  readonly #origins = new Map<string, { origin: MetricOrigin; lastMs: UnixMs }>();

  /** Whether a span that ended then counts. */
  countsSpan(kind: RequestClass, service: string, instance: string, endMs: UnixMs): boolean {
    const key = `${kind}\u0001${service}`;
    const choice = this.#choices.get(key);
    if (choice && endMs - choice.lastMetricMs > METRICS_GONE_AFTER_MS) this.#choices.delete(key);
    else if (choice) {
      const changeoverMs = choice.changeoverMs.get(instance);
      return changeoverMs !== undefined && endMs <= changeoverMs;
    }
    const instances = this.#spanInstances.get(key);
    if (instances) {
      if (instances.size >= INSTANCES_KEPT) forgetFirst(instances, instance);
      instances.add(instance);
    } else this.#spanInstances.set(key, new Set([instance]));
    return true;
  }

  /** Whether metrics that come by this way count: those that came first do, until no more of them come. */
  countsOrigin(kind: RequestClass, service: string, origin: MetricOrigin, timeMs: UnixMs): boolean {
    const key = `${kind}\u0001${service}`;
    const chosen = this.#origins.get(key);
    if (chosen && chosen.origin !== origin && timeMs - chosen.lastMs <= METRICS_GONE_AFTER_MS) return false;
    if (chosen?.origin === origin) chosen.lastMs = Math.max(chosen.lastMs, timeMs);
    else this.#origins.set(key, { origin, lastMs: timeMs });
    return true;
  }

  /**
   * Is told of every metric point and says from when on its requests count: later than `afterMs`.
   * `-Infinity` counts all of them.
   */
  countsMetricAfter(kind: RequestClass, service: string, instance: string, timeMs: UnixMs): UnixMs {
    const key = `${kind}\u0001${service}`;
    let choice = this.#choices.get(key);
    if (!choice) {
      const instances = this.#spanInstances.get(key) ?? new Set();
      // Infinity: spans go on counting until the instance's own first point comes.
      const changeoverMs = new Map([...instances].map((each) => [each, Number.POSITIVE_INFINITY]));
      choice = { lastMetricMs: timeMs, changeoverMs };
      this.#choices.set(key, choice);
      this.#spanInstances.delete(key);
    }
    choice.lastMetricMs = Math.max(choice.lastMetricMs, timeMs);
    const changeoverMs = choice.changeoverMs.get(instance);
    if (changeoverMs === undefined) return Number.NEGATIVE_INFINITY;
    if (changeoverMs !== Number.POSITIVE_INFINITY) return changeoverMs;
    choice.changeoverMs.set(instance, timeMs);
    return timeMs;
  }

  /** Whether nothing but jobs was ever seen of a service. */
  runsJobsOnly(service: string): boolean {
    return this.sourceOf("server", service) === undefined && this.sourceOf("consumer", service) === undefined;
  }

  noteProcessing(service: string): void {
    this.#processing.add(service);
  }

  processesMessages(service: string): boolean {
    return this.#processing.has(service);
  }

  /** What a service is counted by; undefined when neither was seen. */
  sourceOf(kind: RequestClass, service: string): "metrics" | "spans" | undefined {
    const key = `${kind}\u0001${service}`;
    if (this.#choices.has(key)) return "metrics";
    return this.#spanInstances.has(key) ? "spans" : undefined;
  }

  toJSON(): SourceChoiceState {
    return {
      spans: [...this.#spanInstances].map(([key, instances]) => [key, [...instances]]),
      metrics: [...this.#choices].map(([key, { lastMetricMs, changeoverMs }]) => [
        key,
        lastMetricMs,
        // JSON has no infinity.
        [...changeoverMs].map(([instance, atMs]) => [instance, Number.isFinite(atMs) ? atMs : null]),
      ]),
      processing: [...this.#processing],
      origins: [...this.#origins].map(([key, { origin, lastMs }]) => [key, origin, lastMs]),
    };
  }

  load({ spans, metrics, processing = [], origins = [] }: SourceChoiceState): void {
    this.#origins.clear();
    for (const [key, origin, lastMs] of origins) this.#origins.set(key, { origin, lastMs });
    this.#spanInstances.clear();
    this.#choices.clear();
    this.#processing.clear();
    for (const service of processing) this.#processing.add(service);
    for (const [key, instances] of spans) this.#spanInstances.set(key, new Set(instances));
    for (const [key, lastMetricMs, changeovers] of metrics) {
      const changeoverMs = new Map(
        changeovers.map(([instance, atMs]) => [instance, atMs ?? Number.POSITIVE_INFINITY] as const),
      );
      this.#choices.set(key, { lastMetricMs, changeoverMs });
    }
  }
}

/** Makes room in a set that keeps the order of insertion, unless the newcomer is in it. */
function forgetFirst(instances: Set<string>, newcomer: string): void {
  if (instances.has(newcomer)) return;
  const [oldest] = instances;
  if (oldest !== undefined) instances.delete(oldest);
}

export interface SourceChoiceState {
  /** Absent in what an older version wrote. */
  processing?: string[];
  /** Absent too. */
  origins?: [key: string, origin: MetricOrigin, lastMs: UnixMs][];
  spans: [key: string, instances: string[]][];
  metrics: [key: string, lastMetricMs: UnixMs, changeovers: [instance: string, atMs: UnixMs | null][]][];
}
