import type { Clock, UnixMs } from "@tocsin/model";
import { type SampleValue, STALE_MARKER } from "@tocsin/promql";
import type { WireSample } from "../remote-write/write-request-writer.js";
import { type AppendResult, Head } from "./head.js";
import type { DropReason } from "./head-metrics.js";
import type { HeadSeries } from "./series.js";

/** What a series of deltas must remember: its last sample and a little time around it. */
const MEMORY_MS = 900_000;
/** Exporters catch up after a long outage of their target; the spool will not hold more than this. */
const OLDEST_MS = 30 * 86_400_000;

/**
 * A head that hands on what is appended to it, for those who send samples elsewhere: it knows series and adds up
 * deltas as the head does, and keeps just enough for that.
 */
export class CapturingHead extends Head {
  readonly #captured = new Map<HeadSeries, WireSample[]>();
  readonly #leftOut = new Map<DropReason | "repeat", number>();
  #newestMs = 0;

  constructor(limits: { readonly maxSeries: number; readonly maxLabels: number }, clock: Clock) {
    super({ ...limits, retentionMs: OLDEST_MS, outOfOrderMs: OLDEST_MS }, { clock });
  }

  override append(series: HeadSeries, timeMs: UnixMs, value: SampleValue, startMs: UnixMs = 0): AppendResult {
    const result = super.append(series, timeMs, value, startMs);
    if (result === "repeat") this.#leaveOut(result, 1);
    if (result !== "stored") return result;
    const list = this.#captured.get(series);
    const sample: WireSample = { timeMs, value: value === STALE_MARKER ? "stale" : value };
    if (list === undefined) this.#captured.set(series, [sample]);
    else list.push(sample);
    this.#newestMs = Math.max(this.#newestMs, timeMs);
    return result;
  }

  override countDropped(reason: DropReason, count = 1): void {
    super.countDropped(reason, count);
    this.#leaveOut(reason, count);
  }

  /** Samples that are not among those taken since the last call, by reason. */
  takeLeftOut(): readonly (readonly [DropReason | "repeat", number])[] {
    const taken = [...this.#leftOut];
    this.#leftOut.clear();
    return taken;
  }

  #leaveOut(reason: DropReason | "repeat", count: number): void {
    this.#leftOut.set(reason, (this.#leftOut.get(reason) ?? 0) + count);
  }

  /** What was appended since the last call. */
  take(): readonly (readonly [HeadSeries, readonly WireSample[]])[] {
    const taken = [...this.#captured];
    this.#captured.clear();
    return taken;
  }

  /** Forgets samples, and series that had none for a while. */
  trim(): void {
    this.truncate(this.#newestMs - MEMORY_MS);
  }
}
