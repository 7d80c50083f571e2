import type { Labels, UnixMs } from "@tocsin/model";
import type { HeadSeries } from "./series.js";

/** One observation that stands for many, usually with a `trace_id`. */
export interface Exemplar {
  readonly labels: Labels;
  readonly value: number;
  readonly timeMs: UnixMs;
}

/** Exemplars kept per series; the oldest give way. */
const MAX_PER_SERIES = 32;

/** The newest exemplars of each series, bounded in all. */
export class ExemplarStore {
  #bySeries = new Map<HeadSeries, Exemplar[]>();
  #count = 0;
  readonly #max: number;

  constructor(max = 100_000) {
    this.#max = max;
  }

  /** False when it was not newer than the newest of its series. */
  add(series: HeadSeries, exemplar: Exemplar): boolean {
    let list = this.#bySeries.get(series);
    if (list === undefined) {
      list = [];
    } else {
      if ((list.at(-1)?.timeMs ?? Number.NEGATIVE_INFINITY) >= exemplar.timeMs) return false;
      // Going to the end of the map's order makes the first entry the one that waited longest.
      this.#bySeries.delete(series);
    }
    this.#bySeries.set(series, list);
    list.push(exemplar);
    this.#count++;
    if (list.length > MAX_PER_SERIES) {
      list.shift();
      this.#count--;
    }
    while (this.#count > this.#max) this.#dropFirst();
    return true;
  }

  of(series: HeadSeries, startMs: UnixMs, endMs: UnixMs): readonly Exemplar[] {
    const list = this.#bySeries.get(series) ?? [];
    return list.filter(({ timeMs }) => timeMs >= startMs && timeMs <= endMs);
  }

  forget(gone: readonly HeadSeries[]): void {
    for (const series of gone) {
      this.#count -= this.#bySeries.get(series)?.length ?? 0;
      this.#bySeries.delete(series);
    }
  }

  #dropFirst(): void {
    const [first] = this.#bySeries;
    if (first === undefined) return;
    this.#bySeries.delete(first[0]);
    this.#count -= first[1].length;
  }
}
