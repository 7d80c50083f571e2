import cluster from "node:cluster";
import { guarded } from "../trace/guarded.js";
import { heldBy } from "./prom-held.js";
import type { PromMetric } from "./prom-metrics.js";

/** The part of a prom-client metric that is used here. */
interface LiveMetric {
  readonly name: string;
  get(): Promise<PromMetric> | PromMetric;
}

/** The part of a prom-client registry that is used here. */
export interface PromRegistry {
  readonly contentType: string;
  getMetricsAsArray(): readonly LiveMetric[];
  getMetricsAsString(metric: LiveMetric): Promise<string>;
  metrics(): Promise<string>;
  /** Private in prom-client, and there in all of its versions. */
  readonly _defaultLabels?: Readonly<Record<string, string>>;
  setDefaultLabels(labels: Readonly<Record<string, string>>): void;
}

/** Metrics in a form for scraping. */
export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

/** What the registries need; the timer is a parameter. */
interface RegistriesDeps {
  /** Told once of each metric that cannot be read, and why. */
  readonly onUnreadable: (name: string, why: string) => void;
  /** Loads prom-client, which sets `aggregator`, where the service has not done so itself. */
  readonly load?: () => unknown;
  /** How long a metric's own `collect` may take. */
  readonly timeoutMs?: number;
}

/**
 * Every registry of the process that holds metrics: prom-client's default one, and those that the service made.
 *
 * A metric whose `collect` fails, or does not end, is left out and told of; all others go on.
 */
export class PromRegistries {
  private readonly registries = new Set<WeakRef<PromRegistry>>();
  private readonly known = new WeakSet<PromRegistry>();
  private readonly told = new Set<string>();
  private readonly deps: RegistriesDeps;

  /** prom-client's own summing up of a cluster's workers, once it is loaded. */
  aggregator: { clusterMetrics(): Promise<string> } | undefined;

  constructor(deps: RegistriesDeps) {
    this.deps = deps;
  }

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

  /** All metrics. One that is in several registries is told once; those that only share a name are put together. */
  async gather(hasExemplars = true): Promise<PromMetric[]> {
    const read = await Promise.all(
      this.unique().map(({ registry, metric }) =>
        this.bounded(metric, async () => withLabels(await metric.get(), registry._defaultLabels ?? {})),
      ),
    );
    return merged(read, hasExemplars);
  }

  /** The same without waiting, for the end of the process: what can be read only by waiting is left out. */
  gatherNow(hasExemplars = true): PromMetric[] {
    const read = this.unique().map(({ registry, metric }) =>
      guarded(() => {
        const held = heldBy(metric);
        return held && withLabels(held, registry._defaultLabels ?? {});
      }),
    );
    return merged(read, hasExemplars);
  }

  /**
   * All metrics for scraping; in the primary process of a cluster, those of its workers summed up. A single registry
   * answers in its own form, which may be OpenMetrics; several are put together in Prometheus's.
   */
  async exposition(): Promise<Exposition> {
    if (cluster.isPrimary && Object.keys(cluster.workers ?? {}).length > 0) {
      if (this.aggregator === undefined) this.deps.load?.();
      if (this.aggregator !== undefined)
        return { contentType: TEXT, text: await this.aggregator.clusterMetrics() };
    }
    const [first, ...others] = this.list().filter((registry) => registry.getMetricsAsArray().length > 0);
    if (first === undefined) return { contentType: TEXT, text: "" };
    if (others.length === 0) {
      const whole = await this.bounded({ name: "" }, () => first.metrics());
      if (whole !== undefined) return { contentType: first.contentType, text: whole };
    }
    const blocks = await Promise.all(
      this.unique().map(({ registry, metric }) =>
        this.bounded(metric, () => inPrometheusForm(registry).getMetricsAsString(metric)),
      ),
    );
    return { contentType: TEXT, text: grouped(blocks.filter((block) => block !== undefined)) };
  }

  /** Each metric once, with the first registry that it is in. */
  private unique(): { readonly registry: PromRegistry; readonly metric: LiveMetric }[] {
    const seen = new Set<LiveMetric>();
    return this.list().flatMap((registry) =>
      registry.getMetricsAsArray().flatMap((metric) => {
        if (seen.has(metric)) return [];
        seen.add(metric);
        return { registry, metric };
      }),
    );
  }

  /** What `read` gives; nothing when it fails or takes too long, which is told once by the metric's name, if it has one. */
  private async bounded<T>({ name }: { name: string }, read: () => Promise<T>): Promise<T | undefined> {
    const { timeoutMs = TIMEOUT_MS, onUnreadable } = this.deps;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      const why = `its collect() has not ended after ${timeoutMs / 1000} s`;
      timer = setTimeout(() => reject(new Error(why)), timeoutMs);
      timer.unref();
    });
    try {
      return await Promise.race([read(), late]);
    } catch (error) {
      if (name !== "" && !this.told.has(name)) {
        this.told.add(name);
        onUnreadable(name, error instanceof Error ? error.message : String(error));
      }
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }
}

const TIMEOUT_MS = 1000;
const TEXT = "text/plain; version=0.0.4; charset=utf-8";

/** Those that were read; of one name there is one. */
function merged(read: readonly (PromMetric | undefined)[], hasExemplars: boolean): PromMetric[] {
  const byName = new Map<string, PromMetric>();
  for (const metric of read) {
    if (metric === undefined) continue;
    const same = byName.get(metric.name);
    byName.set(metric.name, same === undefined ? metric : joined(same, metric));
  }
  const metrics = Array.from(byName.values());
  return hasExemplars ? metrics : metrics.map(withoutExemplars);
}

function withLabels(metric: PromMetric, labels: Readonly<Record<string, string>>): PromMetric {
  if (Object.keys(labels).length === 0) return metric;
  const values = metric.values.map((value) => ({ ...value, labels: { ...labels, ...value.labels } }));
  return { ...metric, values };
}

/** The values of both; of two with the same labels, those of the first. */
function joined(first: PromMetric, second: PromMetric): PromMetric {
  if (first.type !== second.type) return first;
  const known = new Set(first.values.map(keyOf));
  return {
    ...first,
    values: [...first.values, ...second.values.filter((value) => !known.has(keyOf(value)))],
  };
}

function keyOf({ metricName, labels }: PromMetric["values"][number]): string {
  return JSON.stringify([metricName, Object.entries(labels).sort()]);
}

function withoutExemplars(metric: PromMetric): PromMetric {
  return { ...metric, values: metric.values.map(({ exemplar: _, ...value }) => value) };
}

/** A registry that writes as Prometheus reads it, with the labels of this one. */
function inPrometheusForm(registry: PromRegistry): PromRegistry {
  if (registry.contentType === TEXT) return registry;
  const plain = new (registry.constructor as new () => PromRegistry)();
  plain.setDefaultLabels(registry._defaultLabels ?? {});
  return plain;
}

/** Blocks of `# HELP`, `# TYPE` and samples; those of one name stand together under one head, as the format asks. */
function grouped(blocks: readonly string[]): string {
  const byHead = new Map<string, string[]>();
  for (const block of blocks) {
    const lines = block.split("\n");
    const type = lines.findIndex((line) => line.startsWith("# TYPE "));
    const head = lines[type] ?? "";
    const group = byHead.get(head);
    if (group === undefined) byHead.set(head, lines);
    else group.push(...lines.slice(type + 1).filter((line) => !group.includes(line)));
  }
  return `${Array.from(byHead.values(), (lines) => lines.join("\n")).join("\n\n")}\n`;
}
