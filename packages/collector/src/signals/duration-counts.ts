/** Upper bounds that OpenTelemetry advises for durations of requests, in seconds. */
export const DURATION_BOUNDS_SECONDS: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
];

/** Durations counted between fixed bounds since the beginning: what becomes a histogram series. */
export class DurationCounts {
  /** Per bucket, not added up; the last has no upper bound. */
  readonly counts = new Float64Array(DURATION_BOUNDS_SECONDS.length + 1);
  count = 0;
  sumSeconds = 0;

  /** @param weight how many durations this one stands for */
  record(seconds: number, weight: number): void {
    let index = 0;
    // An upper bound belongs to its bucket.
    while (index < DURATION_BOUNDS_SECONDS.length && seconds > (DURATION_BOUNDS_SECONDS[index] ?? 0)) index++;
    this.counts[index] = (this.counts[index] ?? 0) + weight;
    this.count += weight;
    this.sumSeconds += seconds * weight;
  }

  toJSON(): DurationCountsState {
    return [this.count, this.sumSeconds, ...this.counts];
  }

  load([count, sumSeconds, ...counts]: DurationCountsState): void {
    if (counts.length !== this.counts.length) return;
    this.count = count;
    this.sumSeconds = sumSeconds;
    this.counts.set(counts);
  }
}

export type DurationCountsState = [count: number, sumSeconds: number, ...counts: number[]];
