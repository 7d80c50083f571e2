import type { UnixMs } from "@tocsin/model";

/** The steps at which something is evaluated: the query's own, or those of a subquery. */
export interface Frame {
  readonly startMs: UnixMs;
  readonly stepMs: number;
  readonly count: number;
}

/** Time of a step. */
export function stepTime(frame: Frame, step: number): UnixMs {
  return frame.startMs + step * frame.stepMs;
}

/** Time of the last step. */
export function lastTime(frame: Frame): UnixMs {
  return stepTime(frame, frame.count - 1);
}
