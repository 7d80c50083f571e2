import { Conditions, nanosOf } from "../conditions.js";
import { formatCursor, parseCursor } from "../page-cursor.js";
import type { Shards } from "../shards.js";
import type { Page } from "../traces/trace.js";
import type { LogFilter, LogPage, LogSearch, StoredLog } from "./log.js";

/** Reads log records back. */
export class LogReader {
  readonly #shards: Shards;

  constructor(shards: Shards) {
    this.#shards = shards;
  }

  /** Records from new to old. */
  async search(search: LogSearch, page: Page): Promise<LogPage> {
    const cursor = page.cursor === undefined ? undefined : parseCursor(page.cursor);
    const skip = cursor ? Number.parseInt(cursor.tie, 16) : 0;
    const conditions = logConditions(search)
      .add("Timestamp >= fromUnixTimestamp64Nano(?)", "Int64", nanosOf(search.startMs))
      .add("Timestamp <= fromUnixTimestamp64Nano(?)", "Int64", cursor?.nanos ?? nanosOf(search.endMs))
      // The table is ordered and cut by whole seconds.
      .add("TimestampTime >= toDateTime(?)", "Int64", Math.floor(search.startMs / 1000))
      .add("TimestampTime <= toDateTime(?)", "Int64", lastSecond(search.endMs, cursor?.nanos));
    const rows = await this.#shards.query<LogRow>(
      `${LOG_SELECT} WHERE ${conditions.where}
ORDER BY Timestamp DESC, cityHash64(ServiceName, Body, SpanId) DESC LIMIT ${page.limit + skip + 1}`,
      { params: conditions.params, signal: page.signal },
    );
    const logs = rows
      .map(logOfRow)
      .sort((a, b) => compareText(b.timeUnixNano, a.timeUnixNano))
      .slice(skip);
    const shown = logs.slice(0, page.limit);
    const last = shown.at(-1);
    if (last === undefined || logs.length <= page.limit) return { logs: shown, nextCursor: undefined };
    return {
      logs: shown,
      nextCursor: cursorAfter(shown, last, cursor?.nanos === last.timeUnixNano ? skip : 0),
    };
  }
}

/** Many records may have the time of the last one; the next page leaves out as many of them as were seen. */
function cursorAfter(shown: readonly StoredLog[], last: StoredLog, skippedBefore: number): string {
  const seen = shown.filter((log) => log.timeUnixNano === last.timeUnixNano).length + skippedBefore;
  return formatCursor({ nanos: last.timeUnixNano, tie: seen.toString(16) });
}

/** What records must fulfil, besides their time. The same as `matchesLog` says of one record. */
export function logConditions(filter: LogFilter): Conditions {
  const conditions = new Conditions()
    .addIf("ServiceName = ?", "String", filter.service)
    .addIf("SeverityNumber >= ?", "UInt8", filter.minSeverity)
    .addIf("TraceId = ?", "String", filter.traceId)
    .addIf("SpanId = ?", "String", filter.spanId);
  for (const term of filter.terms ?? [])
    conditions.add("positionCaseInsensitiveUTF8(Body, ?) > 0", "String", term);
  for (const attribute of filter.attributes ?? []) {
    conditions.addAttribute(attribute, ["LogAttributes", "ResourceAttributes"]);
  }
  return conditions;
}

interface LogRow {
  readonly time: string;
  readonly service: string;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly body: string;
  readonly eventName: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly resourceAttributes: Readonly<Record<string, string>>;
  readonly scope: string;
}

const LOG_SELECT = `SELECT toString(toUnixTimestamp64Nano(Timestamp)) AS time, ServiceName AS service,
  SeverityNumber AS severityNumber, SeverityText AS severityText, Body AS body, EventName AS eventName,
  TraceId AS traceId, SpanId AS spanId, LogAttributes AS attributes, ResourceAttributes AS resourceAttributes, ScopeName AS scope
FROM otel_logs`;

function logOfRow({ time, ...rest }: LogRow): StoredLog {
  return { timeUnixNano: time, ...rest };
}

function lastSecond(endMs: number, nanos: string | undefined): number {
  return nanos === undefined ? Math.ceil(endMs / 1000) : Number(BigInt(nanos) / 1_000_000_000n) + 1;
}

function compareText(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}
