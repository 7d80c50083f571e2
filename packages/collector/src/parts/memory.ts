import { join } from "node:path";
import type { Clock } from "@tocsin/model";
import { maskOf } from "@tocsin/model/config";
import { Engine, type Queryable, type Storage } from "@tocsin/promql";
import { revealHeaders, splitCredentials } from "../config/http-auth.js";
import type { WatchSetup } from "../config/watch-setup.js";
import { Head, HeadConsumer, refusedPoints } from "../head/index.js";
import type { MetricsEngineConfig } from "../metrics-engine/config.js";
import { RemotePrometheus } from "../metrics-engine/remote-prometheus.js";
import { decodeMetrics } from "../otlp/index.js";
import type { SeriesGate } from "../receive/index.js";
import { signalsOptions } from "../signals/config.js";
import { Signals } from "../signals/signals.js";
import { SloSampler } from "../slo/sampler.js";
import { SloTracker } from "../slo/tracker.js";
import type { Spool, SpoolConsumer } from "../spool/index.js";
import { recentAndHistory } from "../store/samples/recent-and-history.js";
import { forwardTargets } from "./forward-targets.js";
import { metricsEngineOf, remoteWriteTargets } from "./metrics-engine.js";
import type { PartContext } from "./parts.js";
import { createPublisher, type PublishSamples } from "./publish.js";

/** What a collector that watches knows without asking a store. */
export interface Memory {
  /** SLOs, rules and alerts at the start. */
  readonly setup: WatchSetup;
  readonly signals: Signals;
  readonly tracker: SloTracker;
  /** Reads the SLOs that no request tells. */
  readonly sampler: SloSampler;
  readonly head: Head;
  /** What answers PromQL: our engine over memory and store, or the configured metrics engine. */
  readonly queryable: Queryable;
  /** Takes series of our own making: recorded ones, alerts, signals. */
  readonly publish: PublishSamples;
}

export interface MemoryDeps {
  readonly setup: WatchSetup;
  readonly spool: Spool;
  /** Samples older than memory; undefined while there is no store. */
  readonly history: () => Storage | undefined;
  /** Why there is no store although one is wanted. */
  readonly storeFault: () => string | undefined;
}

/** Builds the stages that keep their state in memory. */
export function createMemory(
  context: PartContext,
  { setup, spool, history, storeFault }: MemoryDeps,
): Memory {
  const { config, clock, logger, registry } = context;
  const tracker = new SloTracker(setup.slos);
  const { metrics } = config;
  const head = new Head(
    {
      retentionMs: metrics.retention,
      outOfOrderMs: metrics.out_of_order,
      maxSeries: metrics.max_series,
      maxSeriesPerMetric: metrics.max_series_per_metric,
      maxSeriesPerMetricOfService: metrics.max_series_per_metric_of_service,
      maxLabels: metrics.max_labels,
    },
    { clock, registry, logger },
  );
  const engine = metricsEngineOf(config);
  const queryable =
    engine === undefined
      ? queryableOver(recentAndHistory(head, history, storeFault), clock)
      : remoteQueryable(engine.prometheus);
  const sampler = new SloSampler({
    tracker,
    queryable,
    saturation: (service, environment, nowMs) => signals.saturationRatio(service, environment, nowMs),
    clock,
    logger,
  });
  const signals = new Signals({ ...signalsOptions(config), sinks: [tracker, sampler] });
  const publish = createPublisher(context, head, spool);
  return { setup, signals, tracker, sampler, head, queryable, publish };
}

/** The configured server as something that answers PromQL. */
function remoteQueryable(engine: MetricsEngineConfig["prometheus"]): Queryable {
  const { url, headers } = splitCredentials(engine.query_url);
  const token = engine.bearer_token && { authorization: `Bearer ${engine.bearer_token.reveal()}` };
  return new RemotePrometheus({
    url,
    headers: { ...headers, ...revealHeaders(engine.headers), ...token },
    timeoutMs: engine.timeout,
    mask: maskOf(engine),
  });
}

/** PromQL over a storage. */
export function queryableOver(storage: Storage, clock: Clock): Queryable {
  const engine = new Engine({ clock });
  return {
    instantQuery: (query, tMs, options) => engine.instantQuery(storage, query, tMs, options),
    rangeQuery: (query, startMs, endMs, stepMs, options) =>
      engine.rangeQuery(storage, query, startMs, endMs, stepMs, options),
  };
}

/** Brings the head back from its snapshot, then fills it from the spool until the collector ends. */
export async function startHead(context: PartContext, head: Head, spool: SpoolConsumer): Promise<void> {
  const { clock, logger, closers } = context;
  const { snapshot_interval, classic_histograms, promote_resource_attributes } = context.config.metrics;
  const consumer = new HeadConsumer(
    {
      dir: join(context.dataDir, "head"),
      snapshotIntervalMs: snapshot_interval,
      classicHistograms: classic_histograms,
      promoteResourceAttributes: promote_resource_attributes,
    },
    { head, spool, clock, logger },
  );
  closers.add("head", consumer);
  await consumer.start();
}

/**
 * Tells at the door which points memory will refuse. Only where nobody else takes them: what is passed on is not refused.
 */
export function createSeriesGate({ config }: PartContext, head: Head): SeriesGate | undefined {
  if (forwardTargets(config).length + remoteWriteTargets(config).length > 0) return undefined;
  const { classic_histograms: classicHistograms, promote_resource_attributes: promoteResourceAttributes } =
    config.metrics;
  return {
    refused(body) {
      if (!head.isFull) return undefined;
      const found = refusedPoints(head, decodeMetrics(body), {
        classicHistograms,
        promoteResourceAttributes,
      });
      if (!found) return undefined;
      const reason = `metric ${found.metric} would have more series than metrics.${found.limit} allows`;
      return { points: found.points, reason };
    },
  };
}
