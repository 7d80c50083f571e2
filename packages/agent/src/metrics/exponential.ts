import type { ExponentialHistogram } from "@opentelemetry/sdk-metrics";

/**
 * A base-2 exponential histogram of durations: at most 160 buckets, each as fine as the range of what was seen allows.
 *
 * @see https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram
 */
export class ExponentialDurations {
  private scale = SCALE_MAX;
  private readonly buckets = new Map<number, number>();
  private lowest = Number.POSITIVE_INFINITY;
  private highest = Number.NEGATIVE_INFINITY;
  private zeroCount = 0;

  record(seconds: number): void {
    if (!(seconds > 0)) {
      this.zeroCount++;
      return;
    }
    let index = this.indexOf(seconds);
    while (Math.max(this.highest, index) - Math.min(this.lowest, index) >= BUCKETS_MAX) {
      this.halve();
      index = this.indexOf(seconds);
    }
    this.buckets.set(index, (this.buckets.get(index) ?? 0) + 1);
    this.lowest = Math.min(this.lowest, index);
    this.highest = Math.max(this.highest, index);
  }

  /** Scale, zero count and buckets, as OpenTelemetry's point has them. */
  read(): Pick<ExponentialHistogram, "scale" | "zeroCount" | "positive" | "negative"> {
    const isEmpty = this.buckets.size === 0;
    const offset = isEmpty ? 0 : this.lowest;
    const length = isEmpty ? 0 : this.highest - this.lowest + 1;
    return {
      scale: this.scale,
      zeroCount: this.zeroCount,
      positive: {
        offset,
        bucketCounts: Array.from({ length }, (_, at) => this.buckets.get(offset + at) ?? 0),
      },
      negative: { offset: 0, bucketCounts: [] },
    };
  }

  /** Bucket i holds what is above base^i and up to base^(i+1), where base is 2^(2^-scale). */
  private indexOf(seconds: number): number {
    return Math.ceil(Math.log2(seconds) * 2 ** this.scale) - 1;
  }

  /** Joins each two buckets into one. */
  private halve(): void {
    const old = Array.from(this.buckets);
    this.buckets.clear();
    for (const [index, count] of old)
      this.buckets.set(index >> 1, (this.buckets.get(index >> 1) ?? 0) + count);
    this.lowest >>= 1;
    this.highest >>= 1;
    this.scale--;
  }
}

/** Finer than a clock's resolution is of no use: at scale 10 a bucket is 0.07 % wide. */
const SCALE_MAX = 10;
const BUCKETS_MAX = 160;
