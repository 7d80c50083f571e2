import { type Cancel, type Labels, messageOf } from "@tocsin/model";
import type { Registry } from "prom-client";
import type { TargetsView } from "../api/prometheus/rules-view.js";
import type { ScrapeConfig } from "./config.js";
import type { Discovery, DiscoveryDeps } from "./discovery/discovery.js";
import { dnsDiscovery } from "./discovery/dns.js";
import { fileDiscovery } from "./discovery/file.js";
import { httpDiscovery } from "./discovery/http.js";
import { kubernetesDiscovery } from "./discovery/kubernetes.js";
import { staticDiscovery } from "./discovery/static.js";
import { type Relabel, relabelling } from "./relabel.js";
import { type JobSettings, type ScrapeDeps, ScrapeLoop } from "./scrape-loop.js";
import { type ScrapeMetrics, scrapeMetrics } from "./scrape-metrics.js";
import { type DroppedTarget, makeTarget, type Target } from "./target.js";

export interface ScrapeManagerDeps extends DiscoveryDeps, Omit<ScrapeDeps, "metrics"> {
  readonly registry: Registry;
}

/** Dropped targets that are shown; the rest are only counted. */
const MAX_SHOWN_DROPPED = 500;

/** Finds targets and keeps one loop for each. */
export class ScrapeManager {
  readonly #deps: ScrapeManagerDeps;
  readonly #metrics: ScrapeMetrics;
  #jobs: Job[] = [];

  constructor(deps: ScrapeManagerDeps) {
    this.#deps = deps;
    this.#metrics = scrapeMetrics(deps.registry, () =>
      this.#jobs.reduce((sum, job) => sum + job.loops.size, 0),
    );
  }

  /** Begins with these jobs, or changes to them: targets that stay go on without a gap. */
  async apply(configs: readonly ScrapeConfig[]): Promise<void> {
    const before = new Map(this.#jobs.map((job) => [job.name, job]));
    const jobs: Job[] = [];
    for (const config of configs) {
      const old = before.get(config.job_name);
      before.delete(config.job_name);
      const job = new Job(config, { ...this.#deps, metrics: this.#metrics }, old?.handOver());
      jobs.push(job);
    }
    this.#jobs = jobs;
    await Promise.all([
      ...[...before.values()].map((job) => job.stop(true)),
      ...jobs.map((job) => job.start()),
    ]);
  }

  /** What `/api/v1/targets` shows. */
  view(): TargetsView {
    return {
      active: () => this.#jobs.flatMap((job) => [...job.loops.values()].map((loop) => loop.view())),
      dropped: () => this.#jobs.flatMap((job) => job.dropped),
    };
  }

  /** Stops without ending series: after a restart they go on. */
  async close(): Promise<void> {
    await Promise.all(this.#jobs.map((job) => job.stop(false)));
    this.#jobs = [];
    this.#deps.http.close();
  }
}

class Job {
  readonly name: string;
  loops: Map<string, ScrapeLoop>;
  dropped: readonly DroppedTarget[] = [];
  readonly #settings: JobSettings;
  readonly #relabelTargets: Relabel;
  readonly #discoveries: readonly Discovery[];
  readonly #found: (readonly Labels[])[];
  readonly #deps: DiscoveryDeps & ScrapeDeps;
  readonly #stopping = new AbortController();
  readonly #timers = new Set<Cancel>();
  #syncing: Promise<void> = Promise.resolve();

  constructor(config: ScrapeConfig, deps: DiscoveryDeps & ScrapeDeps, loops = new Map<string, ScrapeLoop>()) {
    this.name = config.job_name;
    this.loops = loops;
    this.#deps = deps;
    this.#settings = { config, relabelMetrics: relabelling(config.metric_relabel_configs) };
    this.#relabelTargets = relabelling(config.relabel_configs);
    this.#discoveries = [
      ...(config.static_configs.length > 0 ? [staticDiscovery(config.static_configs)] : []),
      ...config.file_sd_configs.map((one) => fileDiscovery(one, deps)),
      ...config.dns_sd_configs.map((one) => dnsDiscovery(one, deps)),
      ...config.http_sd_configs.map((one) => httpDiscovery(one, deps)),
      ...config.kubernetes_sd_configs.map((one) => kubernetesDiscovery(one, deps)),
    ];
    this.#found = this.#discoveries.map(() => []);
  }

  async start(): Promise<void> {
    for (const loop of this.loops.values()) loop.use(this.#settings);
    await Promise.all(this.#discoveries.map((_, index) => this.#discover(index)));
    await this.#sync();
  }

  /** Gives its loops to the job that takes its place. */
  handOver(): Map<string, ScrapeLoop> {
    const { loops } = this;
    this.loops = new Map();
    this.#end();
    return loops;
  }

  async stop(endsSeries: boolean): Promise<void> {
    this.#end();
    await this.#syncing;
    await Promise.all([...this.loops.values()].map((loop) => loop.stop(endsSeries)));
    this.loops.clear();
  }

  #end(): void {
    this.#stopping.abort();
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }

  /** Asks one discovery, and again after its interval. What it cannot tell stays as it was. */
  async #discover(index: number): Promise<void> {
    const discovery = this.#discoveries[index];
    try {
      this.#found[index] = await discovery.find(this.#stopping.signal);
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      this.#deps.metrics.discoveryFailures.inc({ job: this.name });
      const fields = { job: this.name, discovery: discovery.name, error: messageOf(error) };
      this.#deps.logger.warn(fields, "targets could not be found, the last known ones are kept");
    }
    if (this.#stopping.signal.aborted || !Number.isFinite(discovery.refreshMs)) return;
    const cancel = this.#deps.clock.after(discovery.refreshMs, () => {
      this.#timers.delete(cancel);
      void this.#discover(index).then(() => this.#sync());
    });
    this.#timers.add(cancel);
  }

  /** Starts loops of new targets and ends those of targets that are gone. One at a time. */
  #sync(): Promise<void> {
    this.#syncing = this.#syncing.then(async () => {
      if (this.#stopping.signal.aborted) return;
      const { wanted, dropped } = this.#targets();
      this.dropped = dropped.slice(0, MAX_SHOWN_DROPPED);
      const gone = [...this.loops].filter(([key]) => !wanted.has(key));
      for (const [key] of gone) this.loops.delete(key);
      await Promise.all(gone.map(([, loop]) => loop.stop(true)));
      for (const [key, target] of wanted) {
        if (this.loops.has(key)) continue;
        const loop = new ScrapeLoop(target, this.#settings, this.#deps);
        this.loops.set(key, loop);
        loop.start();
      }
    });
    return this.#syncing;
  }

  #targets(): { wanted: Map<string, Target>; dropped: DroppedTarget[] } {
    const { config } = this.#settings;
    const wanted = new Map<string, Target>();
    const dropped: DroppedTarget[] = [];
    for (const labels of this.#found.flat()) {
      const made = makeTarget(labels, config, this.#relabelTargets);
      if ("dropped" in made) dropped.push(made.dropped);
      else wanted.set(made.target.key, made.target);
    }
    if (config.target_limit > 0 && wanted.size > config.target_limit) {
      const fields = { job: this.name, targets: wanted.size, limit: config.target_limit };
      this.#deps.logger.error(fields, "job has more targets than its target_limit and is not scraped");
      wanted.clear();
    }
    return { wanted, dropped };
  }
}
