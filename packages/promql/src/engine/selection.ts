import type { UnixMs } from "@tocsin/model";
import { createMatcher, type Matcher } from "../matcher.js";
import type { AtTime, Duration, LabelMatcher } from "../syntax/ast.js";
import { durationMs } from "../syntax/duration-value.js";
import type { Context } from "./context.js";
import { type Frame, lastTime } from "./frame.js";

/** The compiled conditions of a selector, the one for its name first. */
export function matchersOf(selector: {
  name: string | undefined;
  matchers: readonly LabelMatcher[];
}): Matcher[] {
  const written = selector.matchers.map(({ name, operator, value }) => createMatcher(name, operator, value));
  return selector.name === undefined ? written : [createMatcher("__name__", "=", selector.name), ...written];
}

/** Milliseconds of a duration in this query. @throws {PromQLError} PROMQL_PARSE, PROMQL_EVAL */
export function resolveMs(
  duration: Duration,
  context: Pick<Context, "startMs" | "endMs" | "stepMs">,
  allowNegative = false,
): number {
  const rangeMs = context.endMs - context.startMs;
  return durationMs(duration, { stepMs: context.stepMs, rangeMs }, allowNegative);
}

/** The times that a selector with `offset` and `@` looks at instead of the frame's own. */
export interface Shifted {
  readonly firstMs: UnixMs;
  readonly lastMs: UnixMs;
  readonly stepMs: number;
}

/** Where `offset` and `@` move the steps of a frame; with `@` all steps look at one time. */
export function shifted(
  { offset, at }: { offset: Duration | undefined; at: AtTime | undefined },
  frame: Frame,
  context: Pick<Context, "startMs" | "endMs" | "stepMs">,
): Shifted {
  const offsetMs = offset === undefined ? 0 : resolveMs(offset, context, true);
  if (at === undefined) {
    return { firstMs: frame.startMs - offsetMs, lastMs: lastTime(frame) - offsetMs, stepMs: frame.stepMs };
  }
  const fixedMs = at.kind === "time" ? at.tMs : at.kind === "start" ? context.startMs : context.endMs;
  return { firstMs: fixedMs - offsetMs, lastMs: fixedMs - offsetMs, stepMs: 0 };
}
