import type { HrTime } from "@opentelemetry/api";
import type { MetricData, MetricProducer, ScopeMetrics } from "@opentelemetry/sdk-metrics";
import { hrTimeOf } from "./metric-data.js";

/**
 * What the instruments of the Metrics API have counted, for the last export of a process that ends without another turn of
 * its event loop: the SDK's own `collect()` answers by a promise alone. Observable instruments, whose callbacks may be
 * asynchronous, tell what they told last.
 */
export function collectNow(producer: MetricProducer | undefined, nowMs: number): ScopeMetrics[] {
  const { _sharedState } = (producer ?? {}) as Partial<Collector>;
  return Array.from(_sharedState?.meterSharedStates.values() ?? [], (meter) => ({
    scope: meter._instrumentationScope,
    metrics: meter.metricStorageRegistry
      .getStorages(producer)
      .flatMap((storage) => storage.collect(producer, hrTimeOf(nowMs)) ?? []),
  })).filter(({ metrics }) => metrics.length > 0);
}

/** The parts of the SDK's collector that are private to it; the SDK is inside this package, at the version that this was written for. */
interface Collector {
  readonly _sharedState: {
    readonly meterSharedStates: ReadonlyMap<
      string,
      {
        readonly _instrumentationScope: ScopeMetrics["scope"];
        readonly metricStorageRegistry: { getStorages(collector: unknown): readonly Storage[] };
      }
    >;
  };
}

interface Storage {
  collect(collector: unknown, time: HrTime): MetricData | undefined;
}
