import { nearestName, parseDuration, type UnixMs } from "@tocsin/model";
import type { AttributeFilter } from "../store/conditions.js";
import { type LogSearch, searchTerms } from "../store/logs/log.js";
import type { SpanKindName, SpanStatusName, TraceFilter } from "../store/traces/trace.js";

/** A query that cannot be understood; the message says which part and what to write. */
export class QueryProblem extends Error {}

/** The parameters of a request's URL, as express parses them. */
export type Query = Readonly<Record<string, unknown>>;

/** Parameters that traces and logs share. */
const COMMON = ["service", "attribute", "start", "end", "since", "limit", "cursor"];

export const TRACE_PARAMETERS = [
  ...COMMON,
  "operation",
  "route",
  "status",
  "kind",
  "min_duration",
  "max_duration",
];

export const LOG_PARAMETERS = [...COMMON, "q", "severity", "trace_id", "span_id"];

/** @throws {QueryProblem} */
export function traceFilter(query: Query, nowMs: UnixMs): TraceFilter {
  refuseUnknown(query, TRACE_PARAMETERS);
  const minimum = one(query, "min_duration");
  const maximum = one(query, "max_duration");
  return {
    ...timeRange(query, nowMs),
    ...optional("service", one(query, "service")),
    ...optional("operation", one(query, "operation")),
    ...optional("route", one(query, "route")),
    ...optional("status", choice<SpanStatusName>(query, "status", ["unset", "ok", "error"])),
    ...optional(
      "kind",
      choice<SpanKindName>(query, "kind", [
        "internal",
        "server",
        "client",
        "producer",
        "consumer",
        "unspecified",
      ]),
    ),
    ...optional("minDurationNanos", minimum && nanosOfDuration("min_duration", minimum)),
    ...optional("maxDurationNanos", maximum && nanosOfDuration("max_duration", maximum)),
    attributes: attributes(query),
  };
}

/** @throws {QueryProblem} */
export function logSearch(query: Query, nowMs: UnixMs): LogSearch {
  refuseUnknown(query, LOG_PARAMETERS);
  const severity = one(query, "severity");
  return {
    ...timeRange(query, nowMs),
    ...optional("service", one(query, "service")),
    ...optional("minSeverity", severity && severityNumber(severity)),
    ...optional("traceId", one(query, "trace_id")?.toLowerCase()),
    ...optional("spanId", one(query, "span_id")?.toLowerCase()),
    terms: searchTerms(one(query, "q") ?? ""),
    attributes: attributes(query),
  };
}

/** How many entries a page has, and where it begins. */
export function pageOf(
  query: Query,
  defaultLimit: number,
  maxLimit: number,
): { limit: number; cursor?: string } {
  const text = one(query, "limit") ?? String(defaultLimit);
  const limit = Number(text);
  if (!/^\d+$/.test(text) || limit < 1 || limit > maxLimit) {
    throw new QueryProblem(`limit=${text} is not a number from 1 to ${maxLimit}.`);
  }
  return { limit, ...optional("cursor", one(query, "cursor")) };
}

/**
 * `300ms`, `1.5s` or `1m30s` in nanoseconds.
 *
 * @throws {QueryProblem}
 */
export function nanosOfDuration(name: string, text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join("") !== text) {
    throw new QueryProblem(`${name}=${text} is not a duration. Write for instance 300ms, 1.5s or 2m.`);
  }
  const nanos = parts.reduce((sum, [, number, unit]) => sum + Number(number) * (NANOS[unit] ?? 0), 0);
  if (nanos > LONGEST_NANOS) throw new QueryProblem(`${name}=${text} is longer than any span.`);
  return nanos;
}

/** Three hundred days: more has no place in the store, and numbers stay exact. */
const LONGEST_NANOS = 300 * 86_400e9;

const NANOS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3_600e9,
};

/** `start` and `end`, or `since` (a duration before now); the last hour where nothing is said. */
function timeRange(query: Query, nowMs: UnixMs): { startMs: UnixMs; endMs: UnixMs } {
  const end = one(query, "end");
  const endMs = end === undefined ? nowMs : instant("end", end);
  const start = one(query, "start");
  const startMs =
    start === undefined ? Math.max(0, endMs - sinceMs(one(query, "since") ?? "1h")) : instant("start", start);
  if (startMs > endMs) throw new QueryProblem("start lies after end.");
  return { startMs, endMs };
}

function sinceMs(text: string): number {
  try {
    return parseDuration(text);
  } catch {
    throw new QueryProblem(`since=${text} is not a duration. Write for instance 15m, 6h or 2d.`);
  }
}

/** Milliseconds or seconds since the epoch, or ISO 8601. */
function instant(name: string, text: string): UnixMs {
  const number = Number(text);
  // Seconds of this century have ten digits, milliseconds thirteen.
  if (/^\d+(\.\d+)?$/.test(text)) return checkedInstant(name, text, number < 1e11 ? number * 1000 : number);
  // Left to itself it would read "-1" as a year.
  const time = /^\d{4}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) {
    throw new QueryProblem(
      `${name}=${text} is not a time. Write 2026-01-31T14:05:00Z or milliseconds since 1970.`,
    );
  }
  return checkedInstant(name, text, time);
}

/** Nanoseconds of later times do not fit into 64 bits. */
const LAST_MS = Date.UTC(2261, 0);

/** @throws {QueryProblem} for an instant that the store has no number for */
export function checkedInstant(name: string, text: string, timeMs: UnixMs): UnixMs {
  if (timeMs >= 0 && timeMs <= LAST_MS) return timeMs;
  throw new QueryProblem(`${name}=${text} is not a time from 1970 to 2260.`);
}

/** OpenTelemetry's numbers, by the names that people use. */
export const SEVERITIES: Readonly<Record<string, number>> = {
  trace: 1,
  debug: 5,
  info: 9,
  warn: 13,
  error: 17,
  fatal: 21,
};

function severityNumber(text: string): number {
  const number = SEVERITIES[text.toLowerCase()] ?? Number(text);
  if (Number.isInteger(number) && number >= 1 && number <= 24) return number;
  throw new QueryProblem(
    `severity=${text} is none of ${Object.keys(SEVERITIES).join(", ")}, nor a number from 1 to 24.`,
  );
}

/** `attribute=key=value` or `attribute=key`, any number of times. */
function attributes(query: Query): AttributeFilter[] {
  return many(query, "attribute").map((text) => {
    const at = text.indexOf("=");
    if (at === 0 || text === "")
      throw new QueryProblem(`attribute=${text} has no name. Write attribute=http.route=/pay.`);
    return at < 0 ? { key: text } : { key: text.slice(0, at), value: text.slice(at + 1) };
  });
}

function choice<T extends string>(query: Query, name: string, choices: readonly T[]): T | undefined {
  const text = one(query, name);
  if (text === undefined) return undefined;
  const found = choices.find((word) => word === text.toLowerCase());
  if (found === undefined) throw new QueryProblem(`${name}=${text} is none of ${choices.join(", ")}.`);
  return found;
}

/** A parameter that may come once; undefined when it is missing or empty. */
export function one(query: Query, name: string): string | undefined {
  const values = many(query, name);
  if (values.length > 1) throw new QueryProblem(`${name} is given ${values.length} times; once is enough.`);
  return values[0] || undefined;
}

/** A parameter that may come several times. */
export function many(query: Query, name: string): string[] {
  const value = query[name];
  if (value === undefined) return [];
  return (Array.isArray(value) ? value : [value]).map((text) => {
    if (typeof text !== "string") throw new QueryProblem(`${name} is not a plain text.`);
    return text;
  });
}

function refuseUnknown(query: Query, known: readonly string[]): void {
  for (const name of Object.keys(query)) {
    if (known.includes(name)) continue;
    const nearest = nearestName(name, known);
    throw new QueryProblem(
      `There is no parameter "${name}".${nearest ? ` Did you mean "${nearest}"?` : ` Known: ${known.join(", ")}.`}`,
    );
  }
}

function optional<K extends string, V>(key: K, value: V | undefined | ""): { [P in K]?: V } {
  return value === undefined || value === "" ? {} : ({ [key]: value } as { [P in K]: V });
}
