import { every } from "@tocsin/model";
import { signalSeries, sloSeries } from "../signals/series.js";
import type { Signals } from "../signals/signals.js";
import type { Spool } from "../spool/index.js";
import type { Memory } from "./memory.js";
import type { PartContext } from "./parts.js";
import { createPublisher } from "./publish.js";

/** How often signals and SLOs are written down as series. */
const PUBLISH_EVERY_MS = 10_000;

/** Publishes signals and SLOs as series until the end, and looks at the SLOs that are read from time to time. */
export function startMeasuring(
  context: PartContext,
  parts: { readonly signals: Signals; readonly memory: Memory | undefined; readonly spool: Spool },
): void {
  const { clock, closers } = context;
  const { signals, memory, spool } = parts;
  const publish = memory?.publish ?? createPublisher(context, undefined, spool);
  if (memory) closers.add("sampled SLOs", memory.sampler).start();
  const cancel = every(clock, PUBLISH_EVERY_MS, () => {
    const nowMs = clock.now();
    publish(signalSeries(signals, nowMs));
    if (memory) publish(sloSeries(memory.tracker.statuses(nowMs), nowMs));
  });
  closers.add("published series", { close: cancel });
}
