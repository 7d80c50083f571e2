import { type AggregationTemporality, MetricReader, type ScopeMetrics } from "@opentelemetry/sdk-metrics";
import type { MetricSource } from "./metric-data.js";

/** What the reader needs. */
export interface ReaderDeps {
  readonly intervalMs: number;
  /** The agent's own metrics. */
  readonly sources: readonly MetricSource[];
  /** Metrics that can only be read asynchronously, prom-client's. */
  readonly gather: (nowMs: number) => Promise<readonly ScopeMetrics[]>;
  readonly send: (scopes: readonly ScopeMetrics[]) => void;
  readonly temporality: AggregationTemporality;
  readonly now: () => number;
}

/**
 * Exports on a timer that does not keep the process alive: what users record by the Metrics API, what the agent
 * measures itself, and prom-client's registries, in one request.
 */
export class AgentMetricReader extends MetricReader {
  private readonly deps: ReaderDeps;
  private timer: NodeJS.Timeout | undefined;

  constructor(deps: ReaderDeps) {
    super({ aggregationTemporalitySelector: () => deps.temporality });
    this.deps = deps;
  }

  protected override onInitialized(): void {
    this.timer = setInterval(() => void this.export().catch(ignore), this.deps.intervalMs);
    this.timer.unref();
  }

  protected override async onForceFlush(): Promise<void> {
    await this.export();
  }

  protected override async onShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.export();
  }

  /** The last export, from an `exit` handler: only what can be read at once. */
  exportSync(): void {
    const nowMs = this.deps.now();
    this.deps.send(this.deps.sources.flatMap((source) => source.collect(nowMs)));
  }

  private async export(): Promise<void> {
    const { resourceMetrics } = await this.collect();
    const nowMs = this.deps.now();
    const gathered = await this.deps.gather(nowMs);
    const own = this.deps.sources.flatMap((source) => source.collect(nowMs));
    this.deps.send([...own, ...gathered, ...resourceMetrics.scopeMetrics]);
  }
}

function ignore(): void {}
