import type { UnixMs } from "@tocsin/model";
import { coarsened, FINEST_SCALE } from "./exponential-points.js";

/** What a cumulative point added since the last one, and over which time. */
export interface PointDelta {
  readonly fromMs: UnixMs;
  readonly toMs: UnixMs;
  /** In the order of the point's values. Never negative. */
  readonly values: Float64Array;
  /** Of exponential buckets, see `ExponentialValues`. */
  readonly scale: number;
}

interface SeriesState {
  timeMs: UnixMs;
  values: Float64Array;
  scale: number;
}

/** How long a series that sends nothing is remembered. */
export const FORGET_SERIES_AFTER_MS = 3_600_000;

/**
 * Turns cumulative points into what was added between them. A reset (a restart of the sender) never shows as a
 * negative or a huge value:
 *
 * - a value that fell, or a later start time, is a reset: the new value is the whole increase since then
 * - the first point of a series whose sender started after we began to listen counts in whole
 * - so does a new series of a sender that already sent others: it began after the sender's last export
 * - any other first point is only a base line, because its count began before our time
 * - a sender that lowers the scale of its buckets has counted nothing anew
 * - a point that is not newer than the last one (a repeat) adds nothing
 */
export class SeriesDeltas {
  #series = new Map<string, SeriesState>();
  /** When a sender last exported a metric. */
  #exports = new Map<string, { timeMs: UnixMs; beforeMs: UnixMs }>();
  #sinceMs: UnixMs;

  /** @param sinceMs when we began to listen; infinity until it is known */
  constructor(sinceMs: UnixMs = Number.POSITIVE_INFINITY) {
    this.#sinceMs = sinceMs;
  }

  /** Says when we began to listen, unless that is known already. */
  listenFrom(nowMs: UnixMs): void {
    if (this.#sinceMs === Number.POSITIVE_INFINITY) this.#sinceMs = nowMs;
  }

  /**
   * @param sender identifies the process and the metric; all its series are exported together
   * @param series identifies the series within the sender
   * @param startMs start time of the point, 0 when not sent
   * @param scale of exponential buckets, see `ExponentialValues`
   * @returns undefined when nothing can be said to have been added
   */
  next(
    sender: string,
    series: string,
    startMs: UnixMs,
    timeMs: UnixMs,
    values: Float64Array,
    scale = FINEST_SCALE,
  ): PointDelta | undefined {
    const lastExportMs = this.#noteExport(sender, timeMs);
    // The start time is part of the key: two processes that call themselves the same are still told apart.
    const key = `${sender}\u0001${startMs}\u0001${series}`;
    const state = this.#series.get(key);
    if (!state) {
      this.#series.set(key, { timeMs, values: values.slice(), scale });
      if (lastExportMs !== undefined)
        return { fromMs: Math.max(startMs, lastExportMs), toMs: timeMs, values, scale };
      const isOurs = startMs > 0 && startMs >= this.#sinceMs;
      return isOurs ? { fromMs: startMs, toMs: timeMs, values, scale } : undefined;
    }
    if (timeMs <= state.timeMs) return undefined;
    const fromMs = state.timeMs;
    const common = Math.min(scale, state.scale);
    const before = state.scale > common ? coarsened(state.values, common) : state.values;
    const now = scale > common ? coarsened(values, common) : values;
    const isReset = now.length !== before.length || now.some((value, index) => value < (before[index] ?? 0));
    state.timeMs = timeMs;
    state.values = values.slice();
    state.scale = scale;
    return isReset
      ? { fromMs, toMs: timeMs, values, scale }
      : {
          fromMs,
          toMs: timeMs,
          values: now.map((value, index) => value - (before[index] ?? 0)),
          scale: common,
        };
  }

  /** Drops series that have sent nothing for an hour. */
  forget(nowMs: UnixMs): void {
    for (const [key, { timeMs }] of this.#series) {
      if (nowMs - timeMs > FORGET_SERIES_AFTER_MS) this.#series.delete(key);
    }
    for (const [key, { timeMs }] of this.#exports) {
      if (nowMs - timeMs > FORGET_SERIES_AFTER_MS) this.#exports.delete(key);
    }
  }

  get seriesCount(): number {
    return this.#series.size;
  }

  toJSON(): SeriesDeltasState {
    return {
      sinceMs: Number.isFinite(this.#sinceMs) ? this.#sinceMs : null,
      series: [...this.#series].map(([key, { timeMs, values, scale }]) => [key, timeMs, [...values], scale]),
      exports: [...this.#exports].map(([key, { timeMs, beforeMs }]) => [
        key,
        timeMs,
        Number.isFinite(beforeMs) ? beforeMs : null,
      ]),
    };
  }

  load({ sinceMs, series, exports }: SeriesDeltasState): void {
    this.#sinceMs = sinceMs ?? Number.POSITIVE_INFINITY;
    this.#series = new Map(
      series.map(([key, timeMs, values, scale = FINEST_SCALE]) => [
        key,
        { timeMs, values: Float64Array.from(values), scale },
      ]),
    );
    this.#exports = new Map(
      exports.map(([key, timeMs, beforeMs]) => [key, { timeMs, beforeMs: beforeMs ?? Number.NaN }]),
    );
  }

  /** When the sender exported before the export that this point belongs to. */
  #noteExport(sender: string, timeMs: UnixMs): UnixMs | undefined {
    const known = this.#exports.get(sender);
    if (!known) {
      this.#exports.set(sender, { timeMs, beforeMs: Number.NaN });
      return undefined;
    }
    if (timeMs > known.timeMs) {
      known.beforeMs = known.timeMs;
      known.timeMs = timeMs;
    }
    // Points of one export carry one time; the first export has none before it.
    return Number.isNaN(known.beforeMs) ? undefined : known.beforeMs;
  }
}

export interface SeriesDeltasState {
  sinceMs: UnixMs | null;
  /** The scale is absent in what an older version wrote. */
  series: [key: string, timeMs: UnixMs, values: number[], scale?: number][];
  exports: [key: string, timeMs: UnixMs, beforeMs: UnixMs | null][];
}
