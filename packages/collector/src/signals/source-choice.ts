import type { UnixMs } from "@tocsin/model";

/** Requests that are told apart because a service may measure one kind and only trace the other. */
export type RequestClass = "server" | "consumer";

/** Without a metric for this long a service counts by its spans again. */
export const METRICS_GONE_AFTER_MS = 180_000;

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
    if (instances) instances.add(instance);
    else this.#spanInstances.set(key, new Set([instance]));
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
    };
  }

  load({ spans, metrics }: SourceChoiceState): void {
    this.#spanInstances.clear();
    this.#choices.clear();
    for (const [key, instances] of spans) this.#spanInstances.set(key, new Set(instances));
    for (const [key, lastMetricMs, changeovers] of metrics) {
      const changeoverMs = new Map(
        changeovers.map(([instance, atMs]) => [instance, atMs ?? Number.POSITIVE_INFINITY] as const),
      );
      this.#choices.set(key, { lastMetricMs, changeoverMs });
    }
  }
}

export interface SourceChoiceState {
  spans: [key: string, instances: string[]][];
  metrics: [key: string, lastMetricMs: UnixMs, changeovers: [instance: string, atMs: UnixMs | null][]][];
}
