/**
 * Is there enough evidence that the true error ratio is over a limit? With few events one failure is a large ratio
 * and small evidence. The gate asks for the exact (Clopper–Pearson) one-sided lower bound of the ratio to exceed the
 * limit too.
 */

/** How sure the gate must be. */
export const CONFIDENCE = 0.95;

/**
 * Probability of seeing at least `bad` bad events among `total` when each is bad with probability `ratio`.
 * This is the regularised incomplete beta function I_ratio(bad, total − bad + 1).
 */
export function probabilityOfAtLeast(bad: number, total: number, ratio: number): number {
  if (bad <= 0) return 1;
  if (bad > total || ratio <= 0) return 0;
  if (ratio >= 1) return 1;
  return incompleteBeta(ratio, bad, total - bad + 1);
}

/** Bad events that are evidence in themselves: the exact bound then lies within 5 % of the ratio. */
export const PLENTY = 1_000;

/**
 * Whether the exact lower bound of the error ratio, at 95 %, is over `limit`. Costs one tail probability.
 *
 * Where a service at the limit would have a thousand bad events or more in the window, the ratio alone decides: the
 * bound would only hold back what is certain to follow, by the seconds that a few per cent take.
 */
export function isEvident(bad: number, total: number, limit: number): boolean {
  if (total * limit >= PLENTY || bad <= total * limit) return bad > total * limit;
  // Most of what burns does so beyond doubt, and two logarithms tell (Chernoff's bound of the same probability).
  if (total * divergence(bad / total, limit) > SURELY) return true;
  return probabilityOfAtLeast(bad, total, limit) < 1 - CONFIDENCE;
}

/** A little over −ln 0.05. */
const SURELY = 3;

/** Kullback–Leibler divergence of a coin that shows heads at `ratio` from one that does at `limit`. */
function divergence(ratio: number, limit: number): number {
  const tails = ratio < 1 ? (1 - ratio) * Math.log((1 - ratio) / (1 - limit)) : 0;
  return ratio * Math.log(ratio / limit) + tails;
}

/** The exact one-sided 95 % lower bound of the error ratio, 0–1; for people, since the gate needs no inversion. */
export function lowerBound(bad: number, total: number): number {
  if (bad <= 0 || total <= 0) return 0;
  const rest = total - bad + 1;
  // The logarithm of the tail is concave in the logarithm of the ratio, so Newton's steps approach from below and
  // never leave the range; from where the normal approximation says they need three or four.
  let logRatio = Math.log(startingPoint(bad, total));
  for (let step = 0; step < 60; step++) {
    const ratio = Math.exp(logRatio);
    const tail = incompleteBeta(ratio, bad, rest);
    const slope = Math.exp(logFront(ratio, bad, rest)) / (1 - ratio) / tail;
    const change = Math.log((1 - CONFIDENCE) / tail) / slope;
    logRatio += change;
    if (Math.abs(change) < 1e-14) break;
  }
  return Math.exp(logRatio);
}

/** Wilson's lower bound. */
function startingPoint(bad: number, total: number): number {
  const z = 1.645;
  const ratio = bad / total;
  const middle = ratio + z ** 2 / (2 * total);
  const spread = z * Math.sqrt((ratio * (1 - ratio)) / total + z ** 2 / (4 * total ** 2));
  return (middle - spread) / (1 + z ** 2 / total);
}

/** I_x(a, b) by Lentz's continued fraction, on the side where it converges fast. */
function incompleteBeta(x: number, a: number, b: number): number {
  const front = Math.exp(logFront(x, a, b));
  return x < (a + 1) / (a + b + 2)
    ? (front * betaFraction(x, a, b)) / a
    : 1 - (front * betaFraction(1 - x, b, a)) / b;
}

/** ln of x^a (1 − x)^b / B(a, b). */
function logFront(x: number, a: number, b: number): number {
  return logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x);
}

function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  let c = 1;
  let d = 1 / nonZero(1 - ((a + b) * x) / (a + 1));
  let result = d;
  // Needs about sqrt(max(a, b)) steps; the bound only guards against a loop without end.
  for (let m = 1; m <= 200_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / nonZero(1 + even * d);
    c = nonZero(1 + even / c);
    result *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / nonZero(1 + odd * d);
    c = nonZero(1 + odd / c);
    const step = d * c;
    result *= step;
    if (Math.abs(step - 1) < 1e-15) break;
  }
  return result;

  function nonZero(value: number): number {
    return Math.abs(value) < tiny ? tiny : value;
  }
}

/** ln Γ(x) for x > 0 by Stirling's series, after moving x where the series is exact to the last bits. */
function logGamma(x: number): number {
  let shift = 0;
  let z = x;
  while (z < 12) {
    shift -= Math.log(z);
    z += 1;
  }
  const inverse = 1 / z;
  const square = inverse * inverse;
  const series =
    inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1_260 - square * (1 / 1_680 - square / 1_188))));
  return shift + (z - 0.5) * Math.log(z) - z + 0.5 * Math.log(2 * Math.PI) + series;
}
