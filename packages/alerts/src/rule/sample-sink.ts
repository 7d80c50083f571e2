import type { Labels, UnixMs } from "@tocsin/model";
import type { SampleValue } from "@tocsin/promql";

/** A sample that a rule writes: a recorded series, `ALERTS` or `ALERTS_FOR_STATE`. */
export interface RuleSample {
  /** With `__name__`. */
  readonly labels: Labels;
  readonly tMs: UnixMs;
  /** `STALE_MARKER` ends the series: queries do not see it after `tMs`. */
  readonly value: SampleValue;
}

/** Takes what rules write. Later rules of the same group must see it, so it is awaited. */
export type SampleSink = (samples: readonly RuleSample[]) => void | Promise<void>;
