import type { Labels, Logger, UnixMs } from "@tocsin/model";
import { metricOf, type SeriesLimit, serviceOf } from "./series-limits.js";

/** A metric of a service whose new series are refused. */
export interface RefusedSeries {
  readonly metric: string;
  /** `job` of the series, or "". */
  readonly service: string;
  /** The key under `metrics` that stops it. */
  readonly limit: SeriesLimit;
  /** How often a series was asked for in vain; one that is sent again is asked for again. */
  readonly count: number;
  readonly lastAtMs: UnixMs;
}

/** Metrics of services that are remembered; beyond it the longest silent one is forgotten. */
const MAX_REMEMBERED = 100;

/** Remembers which metrics were stopped by a limit, and names them in the log when it is asked to. */
export class RefusedSeriesLog {
  readonly #remembered = new Map<string, RefusedSeries>();
  #fresh = new Map<string, number>();

  note(labels: Labels, limit: SeriesLimit, nowMs: UnixMs): void {
    const metric = metricOf(labels);
    const service = serviceOf(labels);
    const key = `${metric}\u0001${service}`;
    const count = (this.#remembered.get(key)?.count ?? 0) + 1;
    // Set anew, so that the map stays in order of the last refusal.
    this.#remembered.delete(key);
    this.#remembered.set(key, { metric, service, limit, count, lastAtMs: nowMs });
    if (this.#remembered.size > MAX_REMEMBERED)
      this.#remembered.delete(this.#remembered.keys().next().value ?? "");
    this.#fresh.set(key, (this.#fresh.get(key) ?? 0) + 1);
    if (this.#fresh.size > MAX_REMEMBERED) this.#fresh.delete(this.#fresh.keys().next().value ?? "");
  }

  /** The latest refusals, newest first. */
  list(): RefusedSeries[] {
    return [...this.#remembered.values()].reverse();
  }

  /** Names what was refused since the last time. */
  flush(logger: Logger): void {
    if (this.#fresh.size === 0) return;
    const refused = [...this.#fresh].flatMap(([key, count]) => {
      const known = this.#remembered.get(key);
      return known
        ? [{ metric: known.metric, service: known.service, limit: `metrics.${known.limit}`, count }]
        : [];
    });
    this.#fresh = new Map();
    logger.warn({ refused }, "new series were refused in the last minute");
  }
}
