import type { UnixMs } from "@tocsin/model";
import type { InstantResult, RangeResult } from "./result.js";

/** Per-query options that every source of answers understands. */
export interface QueryOptions {
  /** Gives the query up when aborted. */
  readonly signal?: AbortSignal;
  /** Gives the query up after this time. */
  readonly timeoutMs?: number;
}

/**
 * Something that answers PromQL: this engine over a storage, or a Prometheus server over HTTP.
 *
 * @throws {PromQLError} from both methods, by `kind`.
 */
export interface Queryable {
  /** Evaluates `query` at `tMs`. */
  instantQuery(query: string, tMs: UnixMs, options?: QueryOptions): Promise<InstantResult>;
  /** Evaluates `query` at `startMs`, `startMs + stepMs`, … up to `endMs`. */
  rangeQuery(
    query: string,
    startMs: UnixMs,
    endMs: UnixMs,
    stepMs: number,
    options?: QueryOptions,
  ): Promise<RangeResult>;
}
