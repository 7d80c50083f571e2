// What the window arithmetic demands: the moment at which both windows of a pair are strictly over the limit.

/**
 * @param requests of one route, in order: {atMs, bad}
 * @param pair {shortMs, longMs, limit}: limit is the error ratio (burn rate times error budget) to exceed
 * @returns when, as Unix milliseconds; undefined while the pair does not fire
 */
export function demandedAt(requests, { shortMs, longMs, limit }) {
  const over = (endMs, windowMs) => {
    const inside = requests.filter(({ atMs }) => atMs > endMs - windowMs && atMs <= endMs);
    return inside.filter(({ bad }) => bad).length > limit * inside.length;
  };
  // The ratio of a window grows only when a bad request ends or a good one leaves. While all that ends is bad, the
  // first of these moments at which both are over is found among the ends of the bad ones, to one request's distance.
  return requests.find(({ atMs, bad }) => bad && over(atMs, shortMs) && over(atMs, longMs))?.atMs;
}
