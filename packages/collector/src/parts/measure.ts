import { every } from "@tocsin/model";
import { signalSeries, sloSeries } from "../signals/series.js";
import type { Signals } from "../signals/signals.js";
import type { Spool } from "../spool/index.js";
import type { Memory } from "./memory.js";
import type { PartContext } from "./parts.js";
import { createPublisher } from "./publish.js";

/** How often signals and SLOs are written down as series. */
const PUBLISH_EVERY_MS = 10_000;

/**
 * Publishes signals and SLOs as series until the end, and looks at the SLOs that are read from time to time.
 *
 * Nothing is published before the pipeline has read what had been received when the collector started: until then
 * counters are below what was published before the restart, which would look like a reset.
 */
export function startMeasuring(
  context: PartContext,
  parts: {
    readonly signals: Signals;
    readonly memory: Memory | undefined;
    readonly spool: Spool;
    readonly pipeline: { readonly hasCaughtUp: boolean };
  },
): void {
  const { clock, closers, config } = context;
  const { signals, memory, spool, pipeline } = parts;
  const classicHistograms = config.metrics.classic_histograms;
  const publish = memory?.publish ?? createPublisher(context, undefined, spool);
  if (memory) closers.add("sampled SLOs", memory.sampler).start();
  const cancel = every(clock, PUBLISH_EVERY_MS, () => {
    if (!pipeline.hasCaughtUp) return;
    const nowMs = clock.now();
    publish(signalSeries(signals, nowMs, { classicHistograms }));
    if (memory) publish(sloSeries(memory.tracker.statuses(nowMs), nowMs));
  });
  closers.add("published series", { close: cancel });
}
