import { Conditions, nanosOf } from "../conditions.js";
import { compareWhole, formatCursor, invalidCursor, parseCursor } from "../page-cursor.js";
import type { Shards } from "../shards.js";
import type { Page } from "../traces/trace.js";
import type { LogFilter, LogPage, LogSearch, StoredLog } from "./log.js";

/** A search looks at the newest part of its range first and goes on to ever longer older parts until the page is full. */
const FIRST_SLICE_MS = 30_000;
const SLICE_GROWTH = 8;

/** Reads log records back. */
export class LogReader {
  readonly #shards: Shards;

  constructor(shards: Shards) {
    this.#shards = shards;
  }

  /** Records from new to old. */
  async search(search: LogSearch, page: Page): Promise<LogPage> {
    const cursor = page.cursor === undefined ? undefined : parseLogCursor(page.cursor);
    const found: LogRow[] = [];
    let newest = cursor?.nanos ?? nanosOf(search.endMs);
    for (let sliceMs = FIRST_SLICE_MS; found.length <= page.limit; sliceMs *= SLICE_GROWTH) {
      const oldest = laterOf(nanosOf(search.startMs), String(BigInt(newest) - BigInt(sliceMs) * 1_000_000n));
      found.push(...(await this.#slice(search, { oldest, newest }, cursor, page)));
      if (oldest === nanosOf(search.startMs)) break;
      newest = String(BigInt(oldest) - 1n);
    }
    const shown = found.slice(0, page.limit);
    return {
      logs: shown.map(logOfRow),
      nextCursor: found.length > page.limit ? cursorAfter(shown, cursor) : undefined,
    };
  }

  /** The newest records between two instants, both included, that come after the cursor. */
  async #slice(
    search: LogSearch,
    { oldest, newest }: { readonly oldest: string; readonly newest: string },
    cursor: LogCursor | undefined,
    page: Page,
  ): Promise<LogRow[]> {
    const conditions = logConditions(search)
      .add("Timestamp >= fromUnixTimestamp64Nano(?)", "Int64", oldest)
      .add("Timestamp <= fromUnixTimestamp64Nano(?)", "Int64", newest)
      // The table is ordered and cut by whole seconds.
      .add("TimestampTime >= toDateTime(?)", "Int64", secondOf(oldest))
      .add("TimestampTime <= toDateTime(?)", "Int64", secondOf(newest));
    if (cursor !== undefined) {
      const nanos = conditions.value(cursor.nanos, "Int64", (place) => `fromUnixTimestamp64Nano(${place})`);
      conditions.add(`(Timestamp < ${nanos} OR ${TIE} <= ?)`, "UInt64", cursor.hash);
    }
    const skip = cursor?.nanos === newest ? cursor.seen : 0;
    const rows = await this.#shards.query<LogRow>(
      // Said outright, because the engine would read every column that the order needs before it looks at a condition.
      `${LOG_SELECT} PREWHERE ${conditions.where}
ORDER BY Timestamp DESC, tie DESC LIMIT ${page.limit + skip + 1}`,
      { params: conditions.params, signal: page.signal },
    );
    rows.sort((a, b) => compareWhole(b.time, a.time) || compareWhole(b.hash, a.hash));
    return rows.slice(skip);
  }
}

/**
 * Records have no id. Their order is that of their time and, within the same nanosecond, of a hash of their content; of
 * records that are alike in everything the cursor says how many were handed out. So a page neither repeats nor leaves
 * out any, also while others arrive.
 */
interface LogCursor {
  readonly nanos: string;
  /** Hash of the last record that was handed out, a whole number of 64 bits. */
  readonly hash: string;
  readonly seen: number;
}

const TIE =
  "cityHash64(ServiceName, SeverityNumber, Body, TraceId, SpanId, LogAttributes, ResourceAttributes)";

function cursorAfter(shown: readonly LogRow[], before: LogCursor | undefined): string | undefined {
  const last = shown.at(-1);
  if (last === undefined) return undefined;
  const isLikeLast = ({ time, hash }: LogRow) => time === last.time && hash === last.hash;
  const seenBefore = before?.nanos === last.time && before.hash === last.hash ? before.seen : 0;
  const seen = shown.filter(isLikeLast).length + seenBefore;
  const hash = BigInt(last.hash).toString(16).padStart(16, "0");
  return formatCursor({ nanos: last.time, tie: `${hash}${seen.toString(16)}` });
}

function parseLogCursor(text: string): LogCursor {
  const { nanos, tie } = parseCursor(text);
  const match = /^([0-9a-f]{16})([0-9a-f]{1,6})$/.exec(tie);
  if (!match) throw invalidCursor(text);
  return { nanos, hash: String(BigInt(`0x${match[1]}`)), seen: Number.parseInt(match[2], 16) };
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

interface LogRow extends Omit<StoredLog, "timeUnixNano"> {
  readonly time: string;
  readonly hash: string;
}

const LOG_SELECT = `SELECT toString(toUnixTimestamp64Nano(Timestamp)) AS time, ${TIE} AS tie, toString(tie) AS hash,
  ServiceName AS service, SeverityNumber AS severityNumber, SeverityText AS severityText, Body AS body,
  EventName AS eventName, TraceId AS traceId, SpanId AS spanId, LogAttributes AS attributes,
  ResourceAttributes AS resourceAttributes, ScopeName AS scope
FROM otel_logs`;

function logOfRow(row: LogRow): StoredLog {
  const { time, service, severityNumber, severityText, body, eventName, traceId, spanId } = row;
  const { attributes, resourceAttributes, scope } = row;
  return {
    timeUnixNano: time,
    service,
    severityNumber,
    severityText,
    body,
    eventName,
    traceId,
    spanId,
    attributes,
    resourceAttributes,
    scope,
  };
}

function laterOf(a: string, b: string): string {
  return BigInt(a) > BigInt(b) ? a : b;
}

function secondOf(nanos: string): string {
  return String(BigInt(nanos) / 1_000_000_000n);
}
