import type { Labels, UnixMs } from "@tocsin/model";
import type { Matcher } from "./matcher.js";
import type { SampleBuffer } from "./sample-buffer.js";

/** Where samples come from: a head in memory, a database, both. The engine never writes. */
export interface Storage {
  /**
   * A view for one query. Everything selected lies within `minMs`…`maxMs`, so that a store can pick its parts once.
   */
  querier(minMs: UnixMs, maxMs: UnixMs): Querier;
}

/** What one query asks its storage. */
export interface Querier {
  /**
   * Every series that fulfils all conditions and may have samples in the range; each label set at most once.
   * A promise may be returned where data is fetched.
   */
  select(matchers: readonly Matcher[], hints: SelectHints): readonly Series[] | Promise<readonly Series[]>;
  /** What an answer from these samples lacks, such as a time that could not be read; shown beside it as warnings. */
  warnings?(): readonly string[];
  /** Called once when the query has ended, however it ended. */
  close?(): void;
}

/** Which samples a selector needs. Giving more does no harm, giving fewer is wrong. */
export interface SelectHints {
  /** First time of interest, inclusive. */
  readonly startMs: UnixMs;
  /** Last time of interest, inclusive. */
  readonly endMs: UnixMs;
  /** Set when only the newest sample at or before `endMs` will be looked at, staleness markers included. */
  readonly latestOnly?: boolean;
  /** Distance of the steps of a range query; absent for instant queries. */
  readonly stepMs?: number;
  /** Function that the selector is an argument of, such as `rate`; lets a storage answer from something coarser. */
  readonly function?: string;
  /** Aborted when the query is given up. */
  readonly signal?: AbortSignal;
}

/** One series as handed out by a storage. Cheap to make: nothing is decoded before `read`. */
export interface Series {
  /** With the metric name under `__name__`, no empty values. Not changed after it was handed out. */
  readonly labels: Labels;
  /** Appends the samples asked for to `into`, in rising order of time. Called at most once. */
  read(into: SampleBuffer): void;
}
