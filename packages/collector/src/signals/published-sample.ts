import type { Labels, UnixMs } from "@tocsin/model";
import type { Histogram } from "@tocsin/promql";

/** A sample as the head takes it. */
export interface PublishedSample {
  /** With `__name__`. */
  readonly labels: Labels;
  readonly timeMs: UnixMs;
  readonly value: number | Histogram;
  /** When the counter behind the sample began. */
  readonly startMs?: UnixMs;
}
