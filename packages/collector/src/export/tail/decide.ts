import { RANDOM_VALUES } from "../probability.js";
import type { Policy, TraceFacts } from "./policy.js";

/** What was decided about a trace. */
export interface Decision {
  /** Kept traces: the threshold that they passed, which tells their weight. Dropped ones: 2^53. */
  readonly threshold: number;
  /** Index of the policy that kept or dropped it; -1 where none wanted it. */
  readonly policy: number;
}

/** What rate limits have given away of a second; one number per policy. */
export type Granted = number[];

/** Whether a decision keeps its trace. */
export function isKept({ threshold }: Decision): boolean {
  return threshold < RANDOM_VALUES;
}

/**
 * Decides on traces that were first seen in the same second.
 *
 * Each policy comes down to a threshold that a trace's randomness has to reach: `keep` policies together ask for the
 * lowest of theirs, a `drop` raises it. A rate limit finds its threshold by looking at all that ask for it: the most
 * random ones are let in until its spans are given away, and the first one left out is the threshold. So whatever kept a
 * trace, the chance it had is known, and 1/chance is its weight.
 *
 * Traces that are certain to be kept anyway use nothing of a rate, and one that alone has more spans than a second allows
 * never fits.
 *
 * @param granted what the rates have given away of this second already; added to
 * @see Duffield, Lund, Thorup, "Priority sampling for estimation of arbitrary subset sums" (2007), for the threshold.
 */
export function decide(
  policies: readonly Policy[],
  traces: readonly TraceFacts[],
  granted: Granted,
): Decision[] {
  const candidates = traces.map((trace) => withoutRates(policies, trace));
  for (const [index, policy] of policies.entries()) {
    if (policy.spansPerSecond === Number.POSITIVE_INFINITY) continue;
    grant(index, policy, candidates, granted);
  }
  return candidates.map(decisionOf);
}

interface Candidate {
  readonly trace: TraceFacts;
  /** The lowest threshold of the policies that want the trace. */
  keepAt: number;
  keptBy: number;
  /** The highest threshold of the policies that drop it. */
  readonly dropBelow: number;
  readonly droppedBy: number;
}

function withoutRates(policies: readonly Policy[], trace: TraceFacts): Candidate {
  let [keepAt, keptBy, dropBelow, droppedBy] = [RANDOM_VALUES, -1, 0, -1];
  for (const [index, { kind, holds, threshold, spansPerSecond }] of policies.entries()) {
    if (spansPerSecond !== Number.POSITIVE_INFINITY || !holds(trace)) continue;
    if (kind === "keep" && threshold < keepAt) [keepAt, keptBy] = [threshold, index];
    if (kind === "drop" && threshold > dropBelow) [dropBelow, droppedBy] = [threshold, index];
  }
  return { trace, keepAt, keptBy, dropBelow, droppedBy };
}

function grant(index: number, policy: Policy, candidates: readonly Candidate[], granted: Granted): void {
  const left = policy.spansPerSecond - (granted[index] ?? 0);
  const asking = candidates
    .filter(
      ({ trace, keepAt, dropBelow }) =>
        keepAt > 0 &&
        trace.spans <= policy.spansPerSecond &&
        trace.randomness >= Math.max(policy.threshold, dropBelow) &&
        policy.holds(trace),
    )
    .sort((one, other) => other.trace.randomness - one.trace.randomness);
  let given = 0;
  let threshold = policy.threshold;
  for (const { trace } of asking) {
    if (given + trace.spans > left) {
      threshold = trace.randomness + 1;
      break;
    }
    given += trace.spans;
  }
  granted[index] = (granted[index] ?? 0) + given;
  for (const candidate of asking) {
    if (threshold < candidate.keepAt) [candidate.keepAt, candidate.keptBy] = [threshold, index];
  }
}

function decisionOf({ trace, keepAt, keptBy, dropBelow, droppedBy }: Candidate): Decision {
  if (trace.randomness < keepAt) return { threshold: RANDOM_VALUES, policy: -1 };
  if (trace.randomness < dropBelow) return { threshold: RANDOM_VALUES, policy: droppedBy };
  return { threshold: Math.max(keepAt, dropBelow), policy: keptBy };
}
