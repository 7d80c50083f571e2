/** The labels of a series, its name under `__name__`. A label with the empty value counts as absent. */
export type Labels = Readonly<Record<string, string>>;

/** A string that is equal for equal label sets, whatever the order of their names. */
export function labelsKey(labels: Labels): string {
  const names = Object.keys(labels).sort();
  let key = "";
  for (const name of names) key += `${name}\u0001${labels[name]}\u0002`;
  return key;
}

/** Labels in Prometheus's own notation: `http_requests_total{job="api"}`. */
export function formatLabels(labels: Labels): string {
  const { __name__: name = "", ...rest } = labels;
  const pairs = Object.keys(rest)
    .sort()
    .map((label) => `${isPlainName(label) ? label : JSON.stringify(label)}=${JSON.stringify(rest[label])}`);
  if (name !== "" && !/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name)) pairs.unshift(JSON.stringify(name));
  else if (pairs.length === 0) return name === "" ? "{}" : name;
  else return `${name}{${pairs.join(", ")}}`;
  return `{${pairs.join(", ")}}`;
}

function isPlainName(label: string): boolean {
  return /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(label);
}
