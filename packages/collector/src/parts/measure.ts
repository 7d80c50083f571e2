import { every } from "@tocsin/model";
import { signalSeries, sloSeries } from "../signals/series.js";
import type { Memory } from "./memory.js";
import type { PartContext } from "./parts.js";

/** How often signals and SLOs are written down as series. */
const PUBLISH_EVERY_MS = 10_000;

/** Looks at the SLOs that are read from time to time, and publishes signals and SLOs as series, until the end. */
export function startMeasuring({ clock, closers }: PartContext, memory: Memory): void {
  const { sampler, signals, tracker, publish } = memory;
  closers.add("sampled SLOs", sampler).start();
  const cancel = every(clock, PUBLISH_EVERY_MS, () => {
    const nowMs = clock.now();
    publish(signalSeries(signals, nowMs));
    publish(sloSeries(tracker.statuses(nowMs), nowMs));
  });
  closers.add("published series", { close: cancel });
}
