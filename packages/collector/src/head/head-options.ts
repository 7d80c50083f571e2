import type { Clock, Logger } from "@tocsin/model";
import type { Registry } from "prom-client";
import type { RefusedSeries } from "./refused-series.js";
import type { SeriesLimitOptions } from "./series-limits.js";

export interface HeadOptions extends SeriesLimitOptions {
  /** How long samples are kept. */
  readonly retentionMs: number;
  /** How far behind now a sample may be when its series has newer ones. */
  readonly outOfOrderMs: number;
  readonly maxLabels: number;
}

export interface HeadDeps {
  readonly clock: Clock;
  /** Takes `tocsin_head_*`. */
  readonly registry?: Registry;
  readonly logger?: Logger;
}

/** What the head says of itself. */
export interface HeadStatus {
  readonly series: number;
  readonly maxSeries: number;
  /** Metrics whose new series are refused, the latest first. */
  readonly refused: readonly RefusedSeries[];
}
