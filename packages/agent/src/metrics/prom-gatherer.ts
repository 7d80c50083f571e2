import type { EncodableScope } from "../otlp/encode-metrics.js";
import { promToScopeMetrics } from "./prom-metrics.js";
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
export function promGatherer({ registries, startMs, hasExemplars }: PromGathererDeps) {
  let lastMs = Number.NEGATIVE_INFINITY;
  return async (nowMs: number, isLast = false): Promise<EncodableScope[]> => {
    if ((!isLast && nowMs - lastMs < INTERVAL_MS) || registries.list().length === 0) return [];
    lastMs = nowMs;
    const metrics = await registries.gather(hasExemplars);
    return [promToScopeMetrics({ name: "prom-client" }, metrics, startMs, nowMs)];
  };
}

const INTERVAL_MS = 5000;
