/**
 * Wall-clock time with the resolution of the monotonic clock.
 *
 * Spans are timed by `performance.now()`, which neither jumps nor stops, and placed in time by an origin that is
 * compared with the wall clock once per batch: after a suspend or a clock step it is set anew.
 */
export class SpanClock {
  private originMs = performance.timeOrigin;

  /** Milliseconds of the monotonic clock. */
  now(): number {
    return performance.now();
  }

  /** Compares with the wall clock; called once per batch. */
  settle(): void {
    const driftMs = Date.now() - (this.originMs + performance.now());
    if (Math.abs(driftMs) > TOLERANCE_MS) this.originMs += driftMs;
  }

  /** Whole seconds since 1970 of a reading of {@link now}. */
  seconds(readingMs: number): number {
    return Math.floor((this.originMs + readingMs) / 1000);
  }

  /** Nanoseconds within the second of a reading of {@link now}. */
  nanoseconds(readingMs: number): number {
    const unixMs = this.originMs + readingMs;
    return Math.floor((unixMs - Math.floor(unixMs / 1000) * 1000) * 1e6);
  }

  /** The same as OpenTelemetry's pair. */
  hrTime(readingMs: number): [number, number] {
    return [this.seconds(readingMs), this.nanoseconds(readingMs)];
  }

  /** A reading for a given wall-clock time, for callers who pass their own. */
  reading(unixMs: number): number {
    return unixMs - this.originMs;
  }
}

const TOLERANCE_MS = 50;
