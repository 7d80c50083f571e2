import type { UnixMs } from "@tocsin/model";
import type { AttributeFilter } from "../conditions.js";

/** A log record as it is read back. */
export interface StoredLog {
  /** Nanoseconds since the epoch, as text: they do not fit into a number. */
  readonly timeUnixNano: string;
  readonly service: string;
  /** OpenTelemetry's numbers: 1–4 trace, 5–8 debug, 9–12 info, 13–16 warn, 17–20 error, 21–24 fatal, 0 unknown. */
  readonly severityNumber: number;
  readonly severityText: string;
  readonly body: string;
  readonly eventName: string;
  /** "" when the record belongs to no trace. */
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly resourceAttributes: Readonly<Record<string, string>>;
  readonly scope: string;
}

/** What of a log record is looked for, wherever it is: in the store or passing by. */
export interface LogFilter {
  readonly service?: string;
  /** The least severity, 1 to 24. */
  readonly minSeverity?: number;
  /** Each of these is part of the body; upper and lower case are the same. */
  readonly terms?: readonly string[];
  readonly traceId?: string;
  readonly spanId?: string;
  /** Of the record or its resource. */
  readonly attributes?: readonly AttributeFilter[];
}

export interface LogSearch extends LogFilter {
  readonly startMs: UnixMs;
  readonly endMs: UnixMs;
}

export interface LogPage {
  /** From new to old. */
  readonly logs: readonly StoredLog[];
  /** Where the next page begins; undefined on the last one. */
  readonly nextCursor: string | undefined;
}

/** Words of a search text; what stands in double quotes stays together. */
export function searchTerms(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? "").filter(Boolean);
}

/** The filter as a function, for records that pass by. The same as `logConditions` says in SQL. */
export function matchesLog(filter: LogFilter, log: StoredLog): boolean {
  const body = filter.terms?.length ? log.body.toLowerCase() : "";
  return (
    (filter.service === undefined || log.service === filter.service) &&
    (filter.minSeverity === undefined || log.severityNumber >= filter.minSeverity) &&
    (filter.traceId === undefined || log.traceId === filter.traceId) &&
    (filter.spanId === undefined || log.spanId === filter.spanId) &&
    (filter.terms ?? []).every((term) => body.includes(term.toLowerCase())) &&
    (filter.attributes ?? []).every((wanted) =>
      [log.attributes, log.resourceAttributes].some(
        (attributes) =>
          Object.hasOwn(attributes, wanted.key) &&
          (wanted.value === undefined || attributes[wanted.key] === wanted.value),
      ),
    )
  );
}
