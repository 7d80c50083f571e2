/**
 * Prometheus's text format and OpenMetrics. One piece because they are one grammar with few differences: how time is
 * written, exemplars, units and the mark at the end.
 *
 * @see Prometheus, "Exposition formats"; OpenMetrics 1.0.
 */
import type { Labels, UnixMs } from "@tocsin/model";
import type { MetricType } from "../head/metadata.js";
import { ScrapeError } from "./errors.js";

export type ExpositionFormat = "text" | "openmetrics";

/** One sample line. */
export interface ExposedSample {
  /** Name and labels as written: equal texts are the same series, so that they need to be read only once. */
  readonly seriesText: string;
  readonly value: number;
  /** Undefined where the line has no time of its own. */
  readonly timeMs: UnixMs | undefined;
  readonly exemplar: ExposedExemplar | undefined;
}

export interface ExposedExemplar {
  readonly labels: Labels;
  readonly value: number;
  readonly timeMs: UnixMs | undefined;
}

/** What a page of metrics says of a family. */
export interface ExposedFamily {
  type: MetricType;
  help: string;
  unit: string;
}

export interface Exposition {
  readonly samples: readonly ExposedSample[];
  readonly families: ReadonlyMap<string, Readonly<ExposedFamily>>;
}

/**
 * Reads a whole page of metrics.
 *
 * @throws {ScrapeError} SCRAPE_MALFORMED with the line; a page with one bad line is refused whole, as Prometheus does
 */
export function parseExposition(text: string, format: ExpositionFormat): Exposition {
  const samples: ExposedSample[] = [];
  const families = new Map<string, ExposedFamily>();
  const isOpenMetrics = format === "openmetrics";
  let lineNumber = 0;
  let hasEnded = false;
  let start = 0;
  while (start < text.length) {
    lineNumber++;
    let end = text.indexOf("\n", start);
    if (end < 0) end = text.length;
    const line =
      text[end - 1] === "\r" && !isOpenMetrics ? text.slice(start, end - 1) : text.slice(start, end);
    start = end + 1;
    if (line === "") continue;
    if (hasEnded) throw malformed(lineNumber, line, "nothing after # EOF");
    const first = line.charCodeAt(0);
    if (first === HASH) hasEnded = readComment(line, families, isOpenMetrics, lineNumber);
    else if ((first !== SPACE && first !== TAB) || line.trim() !== "") {
      samples.push(readSample(line.trimStart(), isOpenMetrics, lineNumber));
    }
  }
  if (isOpenMetrics && !hasEnded)
    throw malformed(lineNumber, "", "a last line # EOF; the page may be cut off");
  return { samples, families };
}

const HASH = 35;
const SPACE = 32;
const TAB = 9;
const QUOTE = 34;
const BACKSLASH = 92;

/** @returns whether it is `# EOF` */
function readComment(
  line: string,
  families: Map<string, ExposedFamily>,
  isOpenMetrics: boolean,
  lineNumber: number,
): boolean {
  if (isOpenMetrics && line.trimEnd() === "# EOF") return true;
  const match = COMMENT.exec(line);
  if (match === null) return false;
  const [, keyword, written, rest = ""] = match;
  const name = written.startsWith('"') ? unescaped(written.slice(1, -1)) : written;
  let family = families.get(name);
  if (family === undefined) {
    family = { type: "unknown", help: "", unit: "" };
    families.set(name, family);
  }
  if (keyword === "HELP") family.help = unescaped(rest);
  else if (keyword === "UNIT") family.unit = isOpenMetrics ? rest.trim() : "";
  else family.type = metricType(rest.trim(), lineNumber, line);
  return false;
}

const COMMENT = /^#[ \t]+(HELP|TYPE|UNIT)[ \t]+("(?:[^"\\]|\\.)*"|[^\s]+)(?:[ \t](.*))?$/;

const TYPES: ReadonlySet<string> = new Set([
  "counter",
  "gauge",
  "histogram",
  "gaugehistogram",
  "summary",
  "info",
  "stateset",
  "unknown",
]);

function metricType(text: string, lineNumber: number, line: string): MetricType {
  if (text === "untyped") return "unknown";
  if (TYPES.has(text)) return text as MetricType;
  throw malformed(lineNumber, line, `a metric type, not "${text}"`);
}

function readSample(line: string, isOpenMetrics: boolean, lineNumber: number): ExposedSample {
  const end = seriesEnd(line, lineNumber);
  let rest = line.slice(end);
  let exemplar: ExposedExemplar | undefined;
  if (isOpenMetrics) {
    const mark = rest.indexOf(" # ");
    if (mark >= 0) {
      exemplar = readExemplar(rest.slice(mark + 3), lineNumber, line);
      rest = rest.slice(0, mark);
    }
  }
  const words = rest.trim().split(/[ \t]+/);
  if (words.length > 2) throw malformed(lineNumber, line, "a value and at most a timestamp");
  return {
    seriesText: line.slice(0, end).trimEnd(),
    value: readNumber(words[0], lineNumber, line),
    timeMs: words.length < 2 ? undefined : readTime(words[1], isOpenMetrics, lineNumber, line),
    exemplar,
  };
}

/** Where name and labels end: after the closing brace, else at the first blank. */
function seriesEnd(line: string, lineNumber: number): number {
  for (let index = 0; index < line.length; index++) {
    const code = line.charCodeAt(index);
    if (code === 123) return bracesEnd(line, index + 1, lineNumber);
    if (code !== SPACE && code !== TAB) continue;
    // A blank may stand between name and braces.
    let next = index;
    while (line.charCodeAt(next) === SPACE || line.charCodeAt(next) === TAB) next++;
    return line.charCodeAt(next) === 123 ? bracesEnd(line, next + 1, lineNumber) : index;
  }
  throw malformed(lineNumber, line, "a value after the name");
}

function bracesEnd(line: string, from: number, lineNumber: number): number {
  let isQuoted = false;
  for (let index = from; index < line.length; index++) {
    const code = line.charCodeAt(index);
    if (isQuoted && code === BACKSLASH) index++;
    else if (code === QUOTE) isQuoted = !isQuoted;
    else if (code === 125 && !isQuoted) return index + 1;
  }
  throw malformed(lineNumber, line, "a closing brace");
}

const SERIES = /^([a-zA-Z_:][a-zA-Z0-9_:]*)?[ \t]*(?:\{([\s\S]*)\})?$/;
const PAIR =
  /[ \t]*(?:("(?:[^"\\]|\\[\s\S])*"|[a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\[\s\S])*)"|"((?:[^"\\]|\\[\s\S])*)")[ \t]*(,|$)/y;

/**
 * Reads the name and labels of a sample line. A quoted text without a value is the name: `{"http.requests",code="200"}`.
 *
 * @throws {ScrapeError} SCRAPE_MALFORMED
 */
export function readSeriesText(text: string): Record<string, string> {
  const match = SERIES.exec(text);
  if (match === null) throw malformed(0, text, 'name{label="value"}');
  const labels: Record<string, string> = {};
  if (match[1] !== undefined) labels.__name__ = match[1];
  const inside = match[2] ?? "";
  PAIR.lastIndex = 0;
  while (PAIR.lastIndex < inside.length) {
    const pair = PAIR.exec(inside);
    if (pair === null) {
      if (inside.trim() === "") break;
      throw malformed(0, text, 'label="value" pairs with commas between');
    }
    const [, written, value, quotedName] = pair;
    const name =
      written === undefined
        ? "__name__"
        : written.startsWith('"')
          ? unescaped(written.slice(1, -1))
          : written;
    if (labels[name] !== undefined) throw malformed(0, text, `the label "${name}" once`);
    labels[name] = unescaped(written === undefined ? quotedName : value);
    if (inside.slice(PAIR.lastIndex).trim() === "") break;
  }
  if (labels.__name__ === undefined) throw malformed(0, text, "a metric name");
  return labels;
}

function readExemplar(text: string, lineNumber: number, line: string): ExposedExemplar {
  if (!text.startsWith("{")) throw malformed(lineNumber, line, "exemplar labels in braces");
  const end = bracesEnd(text, 1, lineNumber);
  const { __name__: _, ...labels } = readSeriesText(`exemplar${text.slice(0, end)}`);
  const words = text.slice(end).trim().split(/ +/);
  return {
    labels,
    value: readNumber(words[0], lineNumber, line),
    timeMs: words[1] === undefined ? undefined : readTime(words[1], true, lineNumber, line),
  };
}

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

function readNumber(text: string | undefined, lineNumber: number, line: string): number {
  if (text !== undefined && DECIMAL.test(text)) return Number(text);
  switch (text?.toLowerCase()) {
    case "+inf":
    case "inf":
    case "+infinity":
    case "infinity":
      return Number.POSITIVE_INFINITY;
    case "-inf":
    case "-infinity":
      return Number.NEGATIVE_INFINITY;
    case "nan":
      return Number.NaN;
    default:
      if (text !== undefined && /^0x[0-9a-f]+$/i.test(text)) return Number(text);
      throw malformed(lineNumber, line, `a number, not "${text ?? ""}"`);
  }
}

function readTime(text: string, isSeconds: boolean, lineNumber: number, line: string): UnixMs {
  if (isSeconds) return Math.round(readNumber(text, lineNumber, line) * 1_000);
  if (/^[+-]?\d+$/.test(text)) return Number(text);
  throw malformed(lineNumber, line, `a timestamp in whole milliseconds, not "${text}"`);
}

function unescaped(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(/\\([\\"n])/g, (_, code: string) => (code === "n" ? "\n" : code));
}

function malformed(lineNumber: number, line: string, expected: string): ScrapeError {
  const place = lineNumber > 0 ? `Line ${lineNumber} of the page` : "A line of the page";
  const shown = line.length > 120 ? `${line.slice(0, 120)}…` : line;
  return new ScrapeError(
    "SCRAPE_MALFORMED",
    `${place} is not Prometheus's format: expected ${expected} in ${JSON.stringify(shown)}.`,
  );
}
