import type { Verdict } from "./run.js";
import type { SliReading } from "./sli-reader.js";

/** A verdict with the sentence that justifies it, and what was seen afterwards. */
export interface Judgement {
  readonly verdict: Verdict;
  readonly reason: string;
  readonly after: SliReading | null;
}

/** Fewer events than this on either side prove nothing. */
const MIN_EVENTS = 10;

/** Two-sided 99 %: one claim in a hundred may be chance. */
const SIGNIFICANT_Z = 2.576;

/**
 * Compares an indicator before and after an action.
 *
 * The two error ratios are compared with the pooled two-proportion z-test at 99 %. "Helped" also asks that the
 * errors at least halved, and "worse" that they grew by a quarter: with much traffic a difference can be sure
 * and yet too small to speak of.
 *
 * @see Fleiss, Levin and Paik, "Statistical Methods for Rates and Proportions", ch. 3.
 */
export function judge(before: SliReading | undefined, after: SliReading | undefined): Judgement {
  if (!before || before.total < MIN_EVENTS) return tooLittle("before", before);
  if (!after || after.total < MIN_EVENTS) return tooLittle("after", after);
  const numbers = `error ratio ${percent(before)} → ${percent(after)} (${counts(before)}, then ${counts(after)})`;
  const z = zScore(before, after);
  const hasHalved = before.errorRatio > 0 && after.errorRatio <= before.errorRatio / 2;
  if (hasHalved && z >= SIGNIFICANT_Z) return { verdict: "helped", reason: numbers, after };
  // Calling this "no effect" would be as much of a guess as calling it help.
  if (hasHalved) return { verdict: "too little data", reason: `${numbers}, which may be chance`, after };
  if (z <= -SIGNIFICANT_Z && after.errorRatio >= before.errorRatio * 1.25) {
    return { verdict: "worse", reason: numbers, after };
  }
  return { verdict: "no effect", reason: numbers, after };
}

/** Without an SLO, all that can be said is whether the alert went away. */
export function judgeByAlert(isFiring: boolean): Judgement {
  return isFiring
    ? { verdict: "no effect", reason: "the alert is still firing", after: null }
    : { verdict: "helped", reason: "the alert has resolved", after: null };
}

/** How many standard errors the ratio fell; positive is better. */
function zScore(before: SliReading, after: SliReading): number {
  const pooled = (before.total - before.good + (after.total - after.good)) / (before.total + after.total);
  const deviation = Math.sqrt(pooled * (1 - pooled) * (1 / before.total + 1 / after.total));
  return deviation === 0 ? 0 : (before.errorRatio - after.errorRatio) / deviation;
}

function tooLittle(side: "before" | "after", reading: SliReading | undefined): Judgement {
  const seen = reading ? `only ${reading.total} events` : "no data";
  const reason = `${seen} ${side} the action, ${MIN_EVENTS} are needed`;
  return { verdict: "too little data", reason, after: side === "after" ? (reading ?? null) : null };
}

function percent({ errorRatio }: SliReading): string {
  return `${Number((errorRatio * 100).toPrecision(3))} %`;
}

function counts({ good, total }: SliReading): string {
  return `${total - good} bad of ${total}`;
}
