import { UsageError } from "./command.js";

/**
 * Turns the words of a filter into parameters of the API: `service=checkout status=error duration>300ms http.route=/pay`.
 * A key that the API does not know by itself is an attribute.
 *
 * @param known parameters of the API that may be written as `key=value`
 * @param words where plain words go (the full-text parameter); undefined where they make no sense
 * @throws {UsageError}
 */
export function filterParameters(
  filter: readonly string[],
  known: readonly string[],
  words: string | undefined,
): URLSearchParams {
  const parameters = new URLSearchParams();
  const plain: string[] = [];
  for (const word of filter) {
    const duration = /^duration(>=?|<=?)(.+)$/.exec(word);
    const pair = /^([\w.:-]+)=(.*)$/s.exec(word);
    if (duration && known.includes("min_duration")) {
      parameters.set(duration[1].startsWith(">") ? "min_duration" : "max_duration", duration[2]);
    } else if (pair && known.includes(pair[1])) parameters.set(pair[1], pair[2]);
    else if (pair) parameters.append("attribute", word);
    else if (words !== undefined) plain.push(/\s/.test(word) ? `"${word}"` : word);
    else {
      throw new UsageError(
        `"${word}" is not part of a filter. Write for instance service=checkout status=error duration>300ms http.route=/pay.`,
      );
    }
  }
  if (words !== undefined && plain.length > 0) parameters.set(words, plain.join(" "));
  return parameters;
}

/** Time of day with milliseconds, with the date when it is not today's. */
export function timeText(unixNano: string, nowMs: number): string {
  const time = new Date(Number(BigInt(unixNano) / 1_000_000n)).toISOString();
  const today = new Date(nowMs).toISOString().slice(0, 10);
  return time.slice(0, 10) === today ? time.slice(11, 23) : time.slice(0, 23).replace("T", " ");
}

/** A duration with three significant digits: `212 ms`, `1.23 s`. */
export function nanosText(nanos: number): string {
  const units = [
    ["s", 1e9],
    ["ms", 1e6],
    ["µs", 1e3],
  ] as const;
  for (const [unit, size] of units) {
    if (nanos >= size) return `${Number((nanos / size).toPrecision(3))} ${unit}`;
  }
  return `${nanos} ns`;
}
