import cluster from "node:cluster";
import type { PromMetric } from "../metrics/prom-metrics.js";
import type { ModuleHook } from "./module-hook.js";

/** The part of a prom-client registry that is used here. */
export interface PromRegistry {
  getMetricsAsJSON(): Promise<unknown[]>;
  metrics(): Promise<string>;
  readonly contentType: string;
}

/** Every registry of the process that holds metrics: the default one, and those that the service made. */
export class PromRegistries {
  private readonly registries = new Set<WeakRef<PromRegistry>>();
  private readonly known = new WeakSet<PromRegistry>();

  /** prom-client's own summing up of a cluster's workers, once it is loaded. */
  aggregator: { clusterMetrics(): Promise<string> } | undefined;

  add(registry: PromRegistry): void {
    if (this.known.has(registry)) return;
    this.known.add(registry);
    this.registries.add(new WeakRef(registry));
  }

  /** Those that are still in use. */
  list(): PromRegistry[] {
    return Array.from(this.registries).flatMap((reference) => {
      const registry = reference.deref();
      if (registry === undefined) this.registries.delete(reference);
      return registry ?? [];
    });
  }

  /** All metrics; one that is in several registries is told once. */
  async gather(hasExemplars = true): Promise<PromMetric[]> {
    const lists = await Promise.all(
      this.list().map((registry) => registry.getMetricsAsJSON().catch(() => []) as Promise<PromMetric[]>),
    );
    const byName = new Map<string, PromMetric>();
    for (const metric of lists.flat()) if (!byName.has(metric.name)) byName.set(metric.name, metric);
    const metrics = Array.from(byName.values());
    return hasExemplars ? metrics : metrics.map(withoutExemplars);
  }

  /** All metrics in Prometheus's text form; in the primary process of a cluster, those of its workers summed up. */
  async text(): Promise<string> {
    if (cluster.isPrimary && Object.keys(cluster.workers ?? {}).length > 0 && this.aggregator !== undefined)
      return this.aggregator.clusterMetrics();
    const texts = await Promise.all(this.list().map((registry) => registry.metrics()));
    return `${texts.map((text) => text.trimEnd()).join("\n")}\n`;
  }
}

function withoutExemplars(metric: PromMetric): PromMetric {
  return { ...metric, values: metric.values.map(({ exemplar: _, ...value }) => value) };
}

/** Learns of registries as metrics are put into them. */
export function watchPromClient(
  hook: ModuleHook,
  registries: PromRegistries,
  patched: (name: string) => void,
): void {
  hook.on("prom-client", (exports, { file }) => {
    if (file === "lib/cluster.js" && typeof exports === "function") {
      // Made in workers too, where it answers what the primary asks.
      const Aggregator = exports as new () => { clusterMetrics(): Promise<string> };
      registries.aggregator = new Aggregator();
    }
    if (file !== "lib/registry.js" || typeof exports !== "function") return;
    const prototype = exports.prototype as {
      registerMetric?: (this: PromRegistry, metric: unknown) => unknown;
    };
    const original = prototype.registerMetric;
    if (typeof original !== "function") return;
    prototype.registerMetric = function registerMetric(metric) {
      registries.add(this);
      return original.call(this, metric);
    };
    patched("prom-client");
  });
}
