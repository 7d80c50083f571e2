import type { UnixMs } from "@tocsin/model";

const DAY_MS = 86_400_000;

/** The instants for which rows are kept; others would make a partition of their own for every wild clock. */
export class TimeWindow {
  readonly #minMs: UnixMs;
  readonly #maxMs: UnixMs;

  /** From the end of the retention to a day ahead of now, for clocks that run fast. */
  constructor(nowMs: UnixMs, retentionMs: number) {
    this.#minMs = nowMs - retentionMs;
    this.#maxMs = nowMs + DAY_MS;
  }

  contains(timeMs: UnixMs): boolean {
    return timeMs >= this.#minMs && timeMs <= this.#maxMs;
  }
}
