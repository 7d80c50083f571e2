import {
  type Cancel,
  type Clock,
  every,
  type Labels,
  type Logger,
  labelsKey,
  silentLogger,
  type UnixMs,
} from "@tocsin/model";
import {
  type Histogram,
  type Matcher,
  type Querier,
  type SampleValue,
  type Series,
  STALE_MARKER,
  type Storage,
} from "@tocsin/promql";
import { Registry } from "prom-client";
import { type Exemplar, ExemplarStore } from "./exemplar-store.js";
import { type DropReason, type HeadMetrics, headMetrics } from "./head-metrics.js";
import type { HeadDeps, HeadOptions, HeadStatus } from "./head-options.js";
import { appendHistogram, truncateHistograms } from "./histogram-pieces.js";
import { LabelIndex } from "./label-index.js";
import { MetadataStore } from "./metadata.js";
import { RefusedSeriesLog } from "./refused-series.js";
import { SampleStore } from "./sample-store.js";
import { SelectedSeries } from "./selected-series.js";
import { type HeadSeries, newSeries, noteStart } from "./series.js";
import { type SeriesLimit, SeriesLimits } from "./series-limits.js";

/** A sample for `appendSamples`. */
export interface HeadSample {
  /** With `__name__`; empty values count as absent. */
  readonly labels: Labels;
  readonly timeMs: UnixMs;
  readonly value: SampleValue;
  /** When the counter behind the sample began; 0 or absent where unknown. */
  readonly startMs?: UnixMs;
}

/** What became of one sample. */
export type AppendResult = "stored" | "repeat" | DropReason;

/** How far ahead of the clock a sample may be. */
const MAX_AHEAD_MS = 600_000;
const TRUNCATE_EVERY_MS = 60_000;
const LOG_EVERY_MS = 60_000;

/**
 * The recent past of all series in memory.
 *
 * A sample counts once however often it is appended: an exact repeat changes nothing, so a spool may be replayed into
 * it. One process, one thread: a query sees what was appended before it began to read each series.
 */
export class Head implements Storage {
  readonly exemplars = new ExemplarStore();
  readonly metadata = new MetadataStore();
  readonly index = new LabelIndex();
  readonly samples = new SampleStore();
  readonly options: HeadOptions;
  readonly #clock: Clock;
  readonly #metrics: HeadMetrics;
  readonly #logger: Logger;
  readonly #limits: SeriesLimits;
  readonly #refused = new RefusedSeriesLog();
  readonly #byKey = new Map<string, HeadSeries>();
  #nextOrdinal = 0;
  #completeFromMs: UnixMs;
  /** How far samples have been copied to a store, and when that was said; undefined where nothing is copied. */
  #copied: { readonly toMs: UnixMs; readonly saidMs: UnixMs } | undefined;
  /** Series that got samples from before `#copied.toMs`, with the earliest of them. */
  #late = new Map<HeadSeries, UnixMs>();
  #stop: Cancel | undefined;

  constructor(options: HeadOptions, { clock, registry = new Registry(), logger = silentLogger }: HeadDeps) {
    this.options = options;
    this.#logger = logger;
    this.#limits = new SeriesLimits(options);
    this.#clock = clock;
    this.#completeFromMs = clock.now();
    this.#metrics = headMetrics(registry, {
      series: () => this.index.size,
      sizeBytes: () => this.samples.sizeBytes,
      oldestMs: () => this.completeFromMs,
    });
  }

  /** Begins to drop what is older than the retention, and to name what is refused, once a minute. */
  start(): void {
    if (this.#stop) return;
    const stops = [
      every(this.#clock, TRUNCATE_EVERY_MS, () => this.truncate()),
      every(this.#clock, LOG_EVERY_MS, () => this.#refused.flush(this.#logger)),
    ];
    this.#stop = () => {
      for (const stop of stops) stop();
    };
  }

  async close(): Promise<void> {
    this.#stop?.();
    this.#stop = undefined;
  }

  /** From here on the head knows everything that was received; earlier times are the store's. */
  get completeFromMs(): UnixMs {
    // What is held because it has no copy yet is asked for here: the store does not have it.
    return Math.max(this.#completeFromMs, this.#horizonMs(this.#clock.now()));
  }

  /** Says that everything since `timeMs` is in the head, after a snapshot was loaded. */
  setCompleteFrom(timeMs: UnixMs): void {
    this.#completeFromMs = timeMs;
  }

  /**
   * Says that samples are copied to a store. From now on what has no copy outlives the retention, so that neither a store
   * that is away nor a long stop makes a hole in its history; once nothing was heard of copies for as long as the
   * retention, it goes.
   */
  holdUntilCopied(): void {
    this.#copied = { toMs: Number.NEGATIVE_INFINITY, saidMs: this.#clock.now() };
  }

  /** Says that everything up to `timeMs` has been copied, but for what `takeLate` gives. */
  setCopiedTo(timeMs: UnixMs): void {
    this.#copied = { toMs: timeMs, saidMs: this.#clock.now() };
  }

  /** Samples that came after their time had been copied; each is given once. */
  takeLate(): readonly Series[] {
    const endMs = this.#copied?.toMs ?? Number.NEGATIVE_INFINITY;
    const late = [...this.#late].filter(([series]) => !series.isGone);
    this.#late = new Map();
    return late.map(([series, startMs]) => new SelectedSeries(series, this.samples, { startMs, endMs }));
  }

  /**
   * The series with these labels, made when it is new. Keep it to append without a look-up, until `isGone`.
   *
   * @returns why not, when labels or limits forbid it; the caller reports the samples it could not append
   */
  series(labels: Labels): HeadSeries | "series_limit" | "series_per_metric" | "invalid_labels" {
    const key = labelsKey(labels);
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const shared = this.index.intern(labels);
    const names = Object.keys(shared);
    if (names.length === 0 || names.length > this.options.maxLabels) return "invalid_labels";
    const canonical = labelsKey(shared);
    const same = canonical === key ? undefined : this.#byKey.get(canonical);
    if (same !== undefined) return same;
    const limit = this.#limits.exceeded(shared);
    if (limit !== undefined) {
      this.#refused.note(shared, limit, this.#clock.now());
      return limit === "max_series" ? "series_limit" : "series_per_metric";
    }
    const series = newSeries(shared, this.#nextOrdinal++, this.samples.takeSlot());
    this.#byKey.set(canonical, series);
    this.index.add(series);
    this.#limits.add(shared);
    this.#metrics.seriesMade.inc();
    return series;
  }

  /** Whether a limit is reached, so that new series may be refused. */
  get isFull(): boolean {
    return this.#limits.isAnyReached;
  }

  /** The limit that keeps a series with these labels out; undefined when it is there, or could be made. */
  limitFor(labels: Labels): SeriesLimit | undefined {
    if (this.#byKey.has(labelsKey(labels))) return undefined;
    const shared = this.index.intern(labels);
    return this.#byKey.has(labelsKey(shared)) ? undefined : this.#limits.exceeded(shared);
  }

  status(): HeadStatus {
    return { series: this.index.size, maxSeries: this.options.maxSeries, refused: this.#refused.list() };
  }

  /** Adds one sample to a series that `series()` gave. Counted, whatever comes of it. */
  append(series: HeadSeries, timeMs: UnixMs, value: SampleValue, startMs: UnixMs = 0): AppendResult {
    const result = this.#append(series, timeMs, value, startMs);
    if (result === "stored") this.#metrics.appended.inc();
    else if (result === "repeat") this.#metrics.repeated.inc();
    else this.countDropped(result);
    return result;
  }

  /** Adds samples by their labels; returns how many were refused, by reason. */
  appendSamples(samples: Iterable<HeadSample>): ReadonlyMap<DropReason, number> {
    const dropped = new Map<DropReason, number>();
    for (const { labels, timeMs, value, startMs } of samples) {
      const series = this.series(labels);
      let result: AppendResult;
      if (typeof series === "string") {
        result = series;
        this.countDropped(series);
      } else {
        result = this.append(series, timeMs, value, startMs);
      }
      if (result !== "stored" && result !== "repeat") dropped.set(result, (dropped.get(result) ?? 0) + 1);
    }
    return dropped;
  }

  /** Adds an exemplar to a series. */
  appendExemplar(series: HeadSeries, exemplar: Exemplar): boolean {
    return this.exemplars.add(series, exemplar);
  }

  countDropped(reason: DropReason, count = 1): void {
    this.#metrics.dropped.inc({ reason }, count);
  }

  querier(minMs: UnixMs, maxMs: UnixMs): Querier {
    return {
      select: (matchers, hints) => {
        const cut =
          hints.startMs >= minMs && hints.endMs <= maxMs
            ? hints
            : { ...hints, startMs: Math.max(minMs, hints.startMs), endMs: Math.min(maxMs, hints.endMs) };
        return this.index.select(matchers).map((series) => new SelectedSeries(series, this.samples, cut));
      },
    };
  }

  /** The series that fulfil all conditions and may have samples in the range; for the label APIs. */
  find(matchers: readonly Matcher[], startMs: UnixMs): readonly HeadSeries[] {
    return this.index.select(matchers).filter((series) => series.lastMs >= startMs);
  }

  /** Drops what is older than the retention (or another horizon), and series without samples left. */
  truncate(horizonMs = this.#horizonMs(this.#clock.now())): void {
    const gone: HeadSeries[] = [];
    for (const series of this.index.all()) {
      const hasFloats = this.samples.truncate(series, horizonMs);
      const hasHistograms = truncateHistograms(series, this.samples.arena, horizonMs);
      if (hasFloats || hasHistograms) continue;
      series.isGone = true;
      gone.push(series);
      this.#byKey.delete(labelsKey(series.labels));
      this.#limits.remove(series.labels);
      this.#late.delete(series);
      this.samples.release(series);
    }
    this.index.sweep(gone);
    this.exemplars.forget(gone);
    this.#metrics.seriesGone.inc(gone.length);
  }

  #append(series: HeadSeries, timeMs: UnixMs, value: SampleValue, startMs: UnixMs): AppendResult {
    const nowMs = this.#clock.now();
    if (!Number.isSafeInteger(timeMs) || timeMs < 0) return "invalid_time";
    if (timeMs > nowMs + MAX_AHEAD_MS) return "too_far_ahead";
    if (timeMs < this.#horizonMs(nowMs)) return "too_old";
    if (startMs !== 0) this.#noteStart(series, timeMs, value, startMs);
    const result = this.#store(series, timeMs, value, nowMs - this.options.outOfOrderMs);
    if (result === "stored" && this.#copied !== undefined && timeMs <= this.#copied.toMs) {
      this.#late.set(series, Math.min(timeMs, this.#late.get(series) ?? timeMs));
    }
    return result;
  }

  /** Samples before this are not kept. */
  #horizonMs(nowMs: UnixMs): UnixMs {
    const { retentionMs } = this.options;
    if (this.#copied === undefined || nowMs - this.#copied.saidMs > retentionMs) return nowMs - retentionMs;
    return Math.min(nowMs - retentionMs, this.#copied.toMs);
  }

  #store(series: HeadSeries, timeMs: UnixMs, value: SampleValue, oldestMs: UnixMs): AppendResult {
    const isNewest = timeMs > series.lastMs;
    const isStale = value === STALE_MARKER;
    const result =
      typeof value === "number" || isStale
        ? this.samples.append(series, timeMs, isStale ? Number.NaN : value, isStale, oldestMs)
        : appendHistogram(series, this.samples.arena, timeMs, value as Histogram);
    if (isNewest && result === "stored") series.isStale = isStale;
    return result;
  }

  /**
   * A counter that began at a known time was zero then: saying so lets `rate` see its first increments, and a restart
   * between two samples.
   */
  #noteStart(series: HeadSeries, timeMs: UnixMs, value: SampleValue, startMs: UnixMs): void {
    if (!noteStart(series, timeMs, startMs)) return;
    const horizonMs = this.#clock.now() - this.options.retentionMs;
    if (typeof value !== "number" || !Number.isSafeInteger(startMs)) return;
    if (startMs > series.lastMs && startMs >= horizonMs) this.#store(series, startMs, 0, horizonMs);
  }
}
