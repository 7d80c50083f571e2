import type { Labels, UnixMs } from "@tocsin/model";

/** A sample that a rule writes: a recorded series, `ALERTS` or `ALERTS_FOR_STATE`. */
export interface RuleSample {
  /** With `__name__`. */
  readonly labels: Labels;
  readonly tMs: UnixMs;
  /** `"stale"` ends the series: queries do not see it after `tMs`. */
  readonly value: number | "stale";
}

/** Takes what rules write. Later rules of the same group must see it, so it is awaited. */
export type SampleSink = (samples: readonly RuleSample[]) => void | Promise<void>;
