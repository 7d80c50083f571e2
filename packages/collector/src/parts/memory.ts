import { join } from "node:path";
import type { Clock } from "@tocsin/model";
import { Engine, type Queryable, type Storage } from "@tocsin/promql";
import { Head, HeadConsumer } from "../head/index.js";
import { Signals } from "../signals/signals.js";
import { SloSampler } from "../slo/sampler.js";
import { SloTracker } from "../slo/tracker.js";
import type { SpoolConsumer } from "../spool/index.js";
import type { PartContext } from "./parts.js";

/** What the collector knows without asking a store. */
export interface Memory {
  readonly signals: Signals;
  readonly tracker: SloTracker;
  /** Reads the SLOs that no request tells. */
  readonly sampler: SloSampler;
  readonly head: Head;
  /** PromQL over the head. */
  readonly queryable: Queryable;
}

/** Builds the stages that keep their state in memory. */
export function createMemory({ setup, config, clock, logger, registry }: PartContext): Memory {
  const tracker = new SloTracker(setup.slos);
  const { metrics } = config;
  const head = new Head(
    {
      retentionMs: metrics.retention,
      outOfOrderMs: metrics.out_of_order,
      maxSeries: metrics.max_series,
      maxLabels: metrics.max_labels,
    },
    { clock, registry },
  );
  const queryable = queryableOver(head, clock);
  const sampler = new SloSampler({
    tracker,
    queryable,
    saturation: (service, environment, nowMs) => signals.saturationRatio(service, environment, nowMs),
    clock,
    logger,
  });
  const signals = new Signals({ sinks: [tracker, sampler] });
  return { signals, tracker, sampler, head, queryable };
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
