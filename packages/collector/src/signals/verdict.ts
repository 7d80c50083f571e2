import type { RequestFigures } from "./request-window.js";

/** What a deployment did to the error ratio and the latency that most requests feel. */
export type ChangeVerdict = "better" | "same" | "worse" | "too little data";

/** z of a one-sided test at 95 %. */
const Z = 1.645;
const LEAST_REQUESTS = 30;
const LATENCY_FACTOR = 1.25;

/**
 * Compares two sets of figures: worse or better when the error ratios differ by more than chance explains (a one-sided
 * two-proportion test at 95 %), or, with equal errors, when p95 differs by over a quarter.
 */
export function compareFigures(before: RequestFigures | null, after: RequestFigures | null): ChangeVerdict {
  if (!before || !after || before.requests < LEAST_REQUESTS || after.requests < LEAST_REQUESTS)
    return "too little data";
  const pooled = (before.errors + after.errors) / (before.requests + after.requests);
  const deviation = Math.sqrt(pooled * (1 - pooled) * (1 / before.requests + 1 / after.requests));
  const difference = after.errors / after.requests - before.errors / before.requests;
  if (deviation > 0 && difference / deviation > Z) return "worse";
  if (deviation > 0 && difference / deviation < -Z) return "better";
  const [slow, fast] = [after.latencySeconds.p95 ?? 0, before.latencySeconds.p95 ?? 0];
  if (fast > 0 && slow / fast > LATENCY_FACTOR) return "worse";
  return fast > 0 && fast / slow > LATENCY_FACTOR ? "better" : "same";
}
