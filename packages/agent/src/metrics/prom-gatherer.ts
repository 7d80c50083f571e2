import type { EncodableScope } from "../otlp/encode-metrics.js";
import { type PromMetric, promToScopeMetrics } from "./prom-metrics.js";
import type { PromRegistries } from "./prom-registries.js";

/** What gathering needs. */
interface PromGathererDeps {
  readonly registries: PromRegistries;
  /** When the process began to count. */
  readonly startMs: number;
  readonly hasExemplars: boolean;
}

/**
 * Reads prom-client's registries for an export: every few seconds, as they are larger than the agent's own metrics and less
 * urgent, and for the last export in any case.
 */
export class PromGatherer {
  private readonly deps: PromGathererDeps;
  private lastMs = Number.NEGATIVE_INFINITY;

  constructor(deps: PromGathererDeps) {
    this.deps = deps;
  }

  /** Nothing when it is not their turn, unless it is the last. */
  async gather(nowMs: number, isLast = false): Promise<EncodableScope[]> {
    const { registries, hasExemplars } = this.deps;
    if ((!isLast && nowMs - this.lastMs < INTERVAL_MS) || registries.list().length === 0) return [];
    this.lastMs = nowMs;
    return this.scopes(await registries.gather(hasExemplars), nowMs);
  }

  /** What can be read without waiting, at the end of the process. */
  gatherNow(nowMs: number): EncodableScope[] {
    return this.scopes(this.deps.registries.gatherNow(this.deps.hasExemplars), nowMs);
  }

  private scopes(metrics: readonly PromMetric[], nowMs: number): EncodableScope[] {
    if (metrics.length === 0) return [];
    return [promToScopeMetrics({ name: "prom-client" }, metrics, this.deps.startMs, nowMs)];
  }
}

const INTERVAL_MS = 5000;
