/** Why two answers of the HTTP API's `data` form differ; undefined when they agree. Order of series does not count. */
export function difference(ours, theirs, tolerance) {
  if (ours.resultType !== theirs.resultType) return `type ${ours.resultType}, theirs ${theirs.resultType}`;
  if (ours.resultType === "scalar") return points([ours.result], [theirs.result], tolerance, "scalar");
  if (ours.resultType === "string") return ours.result[1] === theirs.result[1] ? undefined : "string";
  const left = byLabels(ours.result);
  const right = byLabels(theirs.result);
  for (const key of left.keys()) if (!right.has(key)) return `series only ours: ${key}`;
  for (const [key, series] of right) {
    const own = left.get(key);
    if (own === undefined) return `series only theirs: ${key}`;
    const why = points(own.values ?? [own.value], series.values ?? [series.value], tolerance, key);
    if (why !== undefined) return why;
  }
  return undefined;
}

function byLabels(list) {
  return new Map(list.map((series) => [JSON.stringify(Object.entries(series.metric).sort()), series]));
}

function points(ours, theirs, tolerance, key) {
  if (ours.length !== theirs.length) return `${key}: ${ours.length} points, theirs ${theirs.length}`;
  for (let i = 0; i < ours.length; i++) {
    if (Math.round(ours[i][0] * 1000) !== Math.round(theirs[i][0] * 1000))
      return `${key}: time ${ours[i][0]}, theirs ${theirs[i][0]}`;
    if (!near(number(ours[i][1]), number(theirs[i][1]), tolerance)) {
      return `${key} at ${ours[i][0]}: ${ours[i][1]}, theirs ${theirs[i][1]}`;
    }
  }
  return undefined;
}

function number(text) {
  return text === "+Inf"
    ? Number.POSITIVE_INFINITY
    : text === "-Inf"
      ? Number.NEGATIVE_INFINITY
      : Number(text);
}

function near(a, b, tolerance) {
  if (Object.is(a, b) || a === b) return true;
  return Math.abs(a - b) <= tolerance * Math.max(Math.abs(a), Math.abs(b));
}
