import {
  AggregationTemporality,
  AggregationType,
  InstrumentType,
  type MetricProducer,
  MetricReader,
} from "@opentelemetry/sdk-metrics";
import type { EncodableScope } from "../otlp/encode-metrics.js";
import type { Temporality } from "../settings/settings.js";
import { collectNow } from "./collect-now.js";
import { DeltaConverter } from "./delta.js";
import type { MetricSource } from "./metric-data.js";
import type { PromGatherer } from "./prom-gatherer.js";

/** What the reader needs. */
export interface ReaderDeps {
  readonly intervalMs: number;
  /** The agent's own metrics. */
  readonly sources: readonly MetricSource[];
  /** Reads prom-client's metrics. */
  readonly prom: Pick<PromGatherer, "gather" | "gatherNow">;
  readonly send: (scopes: readonly EncodableScope[]) => void;
  readonly temporality: Temporality;
  /** Whether histograms of the Metrics API are exponential unless a view says otherwise. */
  readonly isExponential: boolean;
  readonly now: () => number;
}

/**
 * Exports on a timer that does not keep the process alive: what users record by the Metrics API, what the agent
 * measures itself, and prom-client's registries, in one request.
 */
export class AgentMetricReader extends MetricReader {
  private readonly deps: ReaderDeps;
  private readonly deltas: DeltaConverter | undefined;
  private timer: NodeJS.Timeout | undefined;
  private producer: MetricProducer | undefined;

  constructor(deps: ReaderDeps) {
    super({
      aggregationTemporalitySelector: (type) => temporalityOf(type, deps.temporality),
      aggregationSelector: (type) => ({
        type:
          deps.isExponential && type === InstrumentType.HISTOGRAM
            ? AggregationType.EXPONENTIAL_HISTOGRAM
            : AggregationType.DEFAULT,
      }),
    });
    this.deps = deps;
    this.deltas = deps.temporality === "cumulative" ? undefined : new DeltaConverter();
  }

  override setMetricProducer(producer: MetricProducer): void {
    this.producer = producer;
    super.setMetricProducer(producer);
  }

  protected override onInitialized(): void {
    this.timer = setInterval(() => void this.export().catch(ignore), this.deps.intervalMs);
    this.timer.unref();
  }

  protected override async onForceFlush(): Promise<void> {
    await this.export(true);
  }

  protected override async onShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.export(true);
  }

  /** The last export, from an `exit` handler: what can be read at once. */
  exportSync(): void {
    const nowMs = this.deps.now();
    this.deps.send([
      ...this.own(nowMs, this.deps.prom.gatherNow(nowMs)),
      ...collectNow(this.producer, nowMs),
    ]);
  }

  private own(nowMs: number, gathered: readonly EncodableScope[]): readonly EncodableScope[] {
    const scopes: EncodableScope[] = [
      ...this.deps.sources.flatMap((source) => source.collect(nowMs)),
      ...gathered,
    ];
    return this.deltas?.convert(scopes) ?? scopes;
  }

  private async export(isLast = false): Promise<void> {
    const { resourceMetrics } = await this.collect();
    const nowMs = this.deps.now();
    const gathered = await this.deps.prom.gather(nowMs, isLast);
    this.deps.send([...this.own(nowMs, gathered), ...resourceMetrics.scopeMetrics]);
  }
}

/** What may fall is always told whole; "lowmemory" tells what is observed whole, too. */
function temporalityOf(type: InstrumentType, preference: Temporality): AggregationTemporality {
  const isDelta =
    preference !== "cumulative" &&
    (type === InstrumentType.COUNTER ||
      type === InstrumentType.HISTOGRAM ||
      (type === InstrumentType.OBSERVABLE_COUNTER && preference === "delta"));
  return isDelta ? AggregationTemporality.DELTA : AggregationTemporality.CUMULATIVE;
}

function ignore(): void {}
