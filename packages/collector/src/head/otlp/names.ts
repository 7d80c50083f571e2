/**
 * Names of series made from OpenTelemetry names.
 *
 * @see OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility": metric names, units, attributes.
 */

/** Words for the UCUM units that instruments use. */
const UNIT_WORDS: Readonly<Record<string, string>> = {
  d: "days",
  h: "hours",
  min: "minutes",
  s: "seconds",
  ms: "milliseconds",
  us: "microseconds",
  ns: "nanoseconds",
  By: "bytes",
  KiBy: "kibibytes",
  MiBy: "mebibytes",
  GiBy: "gibibytes",
  TiBy: "tibibytes",
  KBy: "kilobytes",
  kBy: "kilobytes",
  MBy: "megabytes",
  GBy: "gigabytes",
  TBy: "terabytes",
  bit: "bits",
  m: "meters",
  V: "volts",
  A: "amperes",
  J: "joules",
  W: "watts",
  g: "grams",
  Cel: "celsius",
  Hz: "hertz",
  "%": "percent",
  $: "dollars",
};

/** Words after "per", in the singular. */
const PER_WORDS: Readonly<Record<string, string>> = {
  s: "second",
  m: "minute",
  min: "minute",
  h: "hour",
  d: "day",
  w: "week",
  mo: "month",
  y: "year",
};

/** What decides the suffix of a name. */
export type NameKind = "counter" | "gauge" | "other";

/**
 * `http.server.request.duration` in `s` becomes `http_server_request_duration_seconds`: words joined by underscores,
 * then the unit unless the name says it already, then `total` for counters and `ratio` for gauges of unit 1.
 */
export function metricName(name: string, unit: string, kind: NameKind): string {
  let words = wordsOf(name);
  for (const word of unitWords(unit)) {
    if (word !== "per" && words.includes(word)) continue;
    words.push(word);
  }
  if (words.at(-1) === "per") words.pop();
  if (kind === "counter") words = [...words.filter((word) => word !== "total"), "total"];
  if (kind === "gauge" && unit === "1") words = [...words.filter((word) => word !== "ratio"), "ratio"];
  const joined = words.join("_");
  return /^\d/.test(joined) ? `_${joined}` : joined;
}

/** The unit in words, for metadata: `By/s` is `bytes_per_second`. */
export function unitName(unit: string): string {
  return unitWords(unit).join("_");
}

/** `http.route` becomes `http_route`; what would begin with a digit or an underscore gets a prefix. */
export function labelName(key: string): string {
  const name = key.replace(/[^a-zA-Z0-9_]/g, "_");
  if (/^\d/.test(name)) return `key_${name}`;
  return name.startsWith("_") && !name.startsWith("__") ? `key${name}` : name;
}

function unitWords(unit: string): string[] {
  const slash = unit.indexOf("/");
  const main = (slash < 0 ? unit : unit.slice(0, slash)).trim();
  const per = slash < 0 ? "" : unit.slice(slash + 1).trim();
  // Braces hold remarks such as {request}; they are no unit.
  const mainWords = main.includes("{") || main === "1" ? [] : wordsOf(UNIT_WORDS[main] ?? main);
  const perWords = per.includes("{") ? [] : wordsOf(PER_WORDS[per] ?? per);
  return perWords.length === 0 ? mainWords : [...mainWords, "per", ...perWords];
}

function wordsOf(text: string): string[] {
  return text.split(/[^a-zA-Z0-9:]+/).filter((word) => word !== "");
}
