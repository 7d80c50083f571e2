const COUNTS_CHANGES = /\b(?:changes|resets|count_values)\b/;
const INEXACT = /\b(?:atan2|exp|ln|log2|log10|a?(?:sin|cos|tan)h?|avg\w*|std\w+|quantile\w*)\b/;

/**
 * Differences between Prometheus 2.42 and 3 that are meant, each told narrowly enough that nothing else hides behind it.
 *
 * @returns the explanation, or undefined
 */
export function explanationOf({ query, start }, why, ours, theirs) {
  const isStepped = start !== undefined || /:\w*\]/.test(query);
  if (
    /\batan2\b/.test(query) &&
    ours.data !== undefined &&
    theirs.data !== undefined &&
    namesApart(ours, theirs)
  ) {
    return "atan2 drops the metric name since 3.0";
  }
  if (isStepped && /\bpredict_linear\(.*@/.test(query)) {
    return "predict_linear of a range fixed by @: 2.42 lets the range move with the steps";
  }
  if (isStepped && /\bcount_values by \(\w+,/.test(query) && /^series only/.test(why)) {
    return "count_values by several labels: 2.42 forgets some of them after the first step";
  }
  if (COUNTS_CHANGES.test(query) && INEXACT.test(query)) {
    return "counting changes of inexact values: their last bit depends on the mathematics library and the order of sums";
  }
  if (query.includes(" % ") && INEXACT.test(query)) {
    return "the remainder of a large inexact value keeps few of its digits";
  }
  return undefined;
}

/** Whether the series differ, and only by metric names that theirs have. */
function namesApart(ours, theirs) {
  const keys = (answer, withName) =>
    answer.data.result
      .map(({ metric }) => Object.entries(metric).filter(([name]) => withName || name !== "__name__"))
      .map((labels) => JSON.stringify(labels.sort()))
      .sort()
      .join();
  return keys(ours, false) === keys(theirs, false) && keys(ours, true) !== keys(theirs, true);
}
