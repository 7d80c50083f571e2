import type { PromRegistries, PromRegistry } from "../metrics/prom-registries.js";
import type { ModuleHook, Patched } from "./module-hook.js";

/** Learns of registries as metrics are put into them. */
export function watchPromClient(hook: ModuleHook, registries: PromRegistries, patched: Patched): void {
  hook.on("prom-client", (exports, loaded) => {
    const { file } = loaded;
    if (typeof exports !== "function") return;
    if (file === "lib/cluster.js") sumUp(exports as unknown as Aggregators, registries);
    if (file !== "lib/registry.js") return;
    const prototype = exports.prototype as {
      registerMetric?: (this: PromRegistry, metric: unknown) => unknown;
    };
    const original = prototype.registerMetric;
    if (typeof original !== "function") return;
    prototype.registerMetric = function registerMetric(metric) {
      registries.add(this);
      return original.call(this, metric);
    };
    // What was registered before the agent came is in the default registry as a rule.
    const { globalRegistry } = exports as { globalRegistry?: PromRegistry };
    if (loaded.isLate && globalRegistry !== undefined) registries.add(globalRegistry);
    patched("prom-client", loaded);
  });
}

/** prom-client's class that sums up a cluster's workers. */
interface Aggregators {
  new (): { clusterMetrics(): Promise<string> };
  setRegistries?(registries: readonly object[]): void;
}

/**
 * Has the workers of a cluster answer with all of their registries, where prom-client would with the default one. A service
 * that says which (`AggregatorRegistry.setRegistries`) does so later and is heeded.
 */
function sumUp(Aggregator: Aggregators, registries: PromRegistries): void {
  // Made in workers too, where it answers what the primary asks.
  registries.aggregator = new Aggregator();
  const Registry = Object.getPrototypeOf(Aggregator) as new () => {
    getMetricsAsJSON?: () => Promise<unknown>;
  };
  const all = new Registry();
  all.getMetricsAsJSON = () => registries.gather();
  Aggregator.setRegistries?.([all]);
}
