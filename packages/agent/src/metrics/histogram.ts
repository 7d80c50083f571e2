import { ExponentialDurations } from "./exponential.js";

/** Boundaries that semantic conventions advise for request durations, in seconds. */
export const DURATION_BOUNDS_SECONDS: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
];

/** Counts per bucket of durations; one instance per set of attributes. */
export class DurationHistogram {
  readonly counts: number[] = new Array(DURATION_BOUNDS_SECONDS.length + 1).fill(0);
  count = 0;
  sumSeconds = 0;
  minSeconds = Number.POSITIVE_INFINITY;
  maxSeconds = Number.NEGATIVE_INFINITY;
  /** In place of `counts`, where exponential histograms were asked for. */
  readonly exponential: ExponentialDurations | undefined;

  constructor(isExponential = false) {
    this.exponential = isExponential ? new ExponentialDurations() : undefined;
  }

  /** Adds one duration. An upper boundary belongs to its bucket. */
  record(seconds: number): void {
    if (this.exponential === undefined) {
      let index = 0;
      while (index < BOUND_COUNT && seconds > (DURATION_BOUNDS_SECONDS[index] as number)) index++;
      this.counts[index] = (this.counts[index] as number) + 1;
    } else this.exponential.record(seconds);
    this.count++;
    this.sumSeconds += seconds;
    if (seconds < this.minSeconds) this.minSeconds = seconds;
    if (seconds > this.maxSeconds) this.maxSeconds = seconds;
  }
}

const BOUND_COUNT = DURATION_BOUNDS_SECONDS.length;
