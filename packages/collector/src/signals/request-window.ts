import type { UnixMs } from "@tocsin/model";
import { ExponentialHistogram } from "./exponential-histogram.js";
import { ExplicitLatencies, type Observation } from "./observation.js";

/** Traffic, errors and latency of some stretch of time. */
export interface RequestFigures {
  readonly requests: number;
  readonly errors: number;
  readonly trafficPerSecond: number;
  /** 0–1; null when there were no requests. */
  readonly errorRatio: number | null;
  /** null where there were no requests. */
  readonly latencySeconds: {
    readonly p50: number | null;
    readonly p95: number | null;
    readonly p99: number | null;
  };
  /**
   * How far each quantile may be off, as a share of the value shown: under 5 % where values were measured or came in
   * fine exponential buckets, else what the sender's buckets allow. null where there is no quantile, and where it lies
   * beyond the last bound of the buckets: the value is then known to be this great at least.
   */
  readonly latencyRelativeErrors: {
    readonly p50: number | null;
    readonly p95: number | null;
    readonly p99: number | null;
  };
  /** The greatest of them; null where one is null. */
  readonly latencyRelativeError: number | null;
}

/** What was counted, before it is divided by time. */
export interface RequestTotals {
  requests: number;
  errors: number;
  latencies: ExponentialHistogram;
}

interface Slot extends RequestTotals {
  /** Number of this stretch of `slotSeconds` since the epoch. */
  index: number;
}

export function emptyTotals(): RequestTotals {
  return { requests: 0, errors: 0, latencies: new ExponentialHistogram() };
}

/** Requests of the recent past in slots of equal length; older slots are written over. */
export class RequestWindow {
  readonly slotSeconds: number;
  readonly #slots: (Slot | undefined)[];

  constructor(slotSeconds: number, slotCount: number) {
    this.slotSeconds = slotSeconds;
    this.#slots = new Array(slotCount).fill(undefined);
  }

  /** Adds requests, each slot getting its share of the seconds over which they are spread. */
  add(observation: Observation): void {
    const { fromSecond, toSecond } = observation;
    const seconds = toSecond - fromSecond + 1;
    const last = Math.floor(toSecond / this.slotSeconds);
    const first = Math.max(Math.floor(fromSecond / this.slotSeconds), last - this.#slots.length + 1);
    for (let index = first; index <= last; index++) {
      const slot = this.#slot(index);
      if (!slot) continue;
      const start = Math.max(fromSecond, index * this.slotSeconds);
      const end = Math.min(toSecond + 1, (index + 1) * this.slotSeconds);
      addShare(slot, observation, (end - start) / seconds);
    }
  }

  /** Adds the slots that begin at `fromSecond` or later, and before `toSecond`, to `totals`. */
  addTo(totals: RequestTotals, fromSecond: number, toSecond: number): void {
    for (const slot of this.#slots) {
      if (!slot) continue;
      const start = slot.index * this.slotSeconds;
      if (start < fromSecond || start >= toSecond) continue;
      totals.requests += slot.requests;
      totals.errors += slot.errors;
      totals.latencies.merge(slot.latencies);
    }
  }

  /** The slots that begin at `fromSecond` or later, in the order of time. */
  slotsSince(fromSecond: number): readonly (RequestTotals & { readonly index: number })[] {
    return this.#slots
      .filter((slot) => slot !== undefined)
      .filter(({ index }) => index * this.slotSeconds >= fromSecond)
      .sort((a, b) => a.index - b.index);
  }

  /** Adds what a slot counted before. */
  restore(index: number, { requests, errors, latencies }: RequestTotals): void {
    const slot = this.#slot(index);
    if (!slot) return;
    slot.requests += requests;
    slot.errors += errors;
    slot.latencies.merge(latencies);
  }

  /** The slot to write to; undefined when it was written over already. */
  #slot(index: number): Slot | undefined {
    const place = index % this.#slots.length;
    const slot = this.#slots[place];
    if (slot?.index === index) return slot;
    if (slot && slot.index > index) return undefined;
    const fresh: Slot = { index, ...emptyTotals() };
    this.#slots[place] = fresh;
    return fresh;
  }
}

/**
 * Divides totals by time.
 *
 * @param seconds length of the stretch, over 0
 */
export function figuresOf({ requests, errors, latencies }: RequestTotals, seconds: number): RequestFigures {
  const quantile = (q: number) => latencies.quantile(q) ?? null;
  const errorOf = (q: number) => {
    const error = latencies.quantileError(q);
    return error === undefined || !Number.isFinite(error) ? null : error;
  };
  const [p50, p95, p99] = [errorOf(0.5), errorOf(0.95), errorOf(0.99)];
  return {
    requests,
    errors,
    trafficPerSecond: requests / seconds,
    errorRatio: requests > 0 ? errors / requests : null,
    latencySeconds: { p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99) },
    latencyRelativeErrors: { p50, p95, p99 },
    latencyRelativeError: p50 === null || p95 === null || p99 === null ? null : Math.max(p50, p95, p99),
  };
}

/**
 * The stretch that current figures are of: the last 60 s of what has been received, in whole slots at its start. It ends
 * at the newest data rather than now, so that the time between two exports of a sender does not look like less
 * traffic; a sender that has been quiet for 30 s no longer holds time up.
 */
export function currentStretch(
  slotSeconds: number,
  firstSeenMs: UnixMs,
  lastSeenMs: UnixMs,
  nowMs: UnixMs,
): { fromSecond: number; toSecond: number; seconds: number } {
  const endMs = nowMs - lastSeenMs <= QUIET_AFTER_MS ? Math.min(nowMs, lastSeenMs) : nowMs;
  const end = endMs / 1_000;
  const fromSecond = (Math.floor(end / slotSeconds) - FIGURE_SECONDS / slotSeconds + 1) * slotSeconds;
  const since = Math.max(fromSecond, firstSeenMs / 1_000);
  return { fromSecond, toSecond: Math.ceil(end + 1e-9), seconds: Math.max(1, end - since) };
}

const FIGURE_SECONDS = 60;
const QUIET_AFTER_MS = 30_000;

/** Adds a share of observed requests. */
export function addShare(totals: RequestTotals, observation: Observation, share: number): void {
  const count = observation.count * share;
  totals.requests += count;
  if (observation.isError) totals.errors += count;
  const { latencies } = observation;
  if (latencies instanceof ExponentialHistogram) totals.latencies.merge(latencies, share);
  else if (latencies instanceof ExplicitLatencies) {
    const { counts, bounds } = latencies;
    totals.latencies.recordExplicit(
      bounds,
      Float64Array.from(counts, (each) => each * share),
    );
  } else if (!Number.isNaN(observation.latencySeconds))
    totals.latencies.record(observation.latencySeconds, count);
}
