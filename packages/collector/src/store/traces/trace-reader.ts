import { CollectorError } from "../../errors.js";
import { Conditions, nanosOf } from "../conditions.js";
import { compareWhole, formatCursor, type PageCursor, parseCursor } from "../page-cursor.js";
import type { Shards } from "../shards.js";
import { SPAN_SELECT, type SpanRow, spanOfRow } from "./span-row.js";
import type { Page, StoredSpan, StoredTrace, TraceFilter, TracePage, TraceSummary } from "./trace.js";

/** Spans of one trace that are handed out at most. */
const MAX_SPANS = 10_000;
/** Spans of several traces that are read at most. */
const MAX_SPANS_IN_ALL = 100_000;
/** A search looks at the newest part of its range first and widens it until the page is full. */
const FIRST_SLICE_MS = 60_000;
const SLICE_GROWTH = 8;
/** How far spans of one trace may lie apart from the span that was found. */
const TRACE_SPREAD_MS = 3_600_000;

/** Reads traces back. Every query has the limits of the engine's client. */
export class TraceReader {
  readonly #shards: Shards;

  constructor(shards: Shards) {
    this.#shards = shards;
  }

  /** A trace with all its spans; undefined when the store has none of them. */
  async byId(traceId: string, signal?: AbortSignal): Promise<StoredTrace | undefined> {
    return (await this.byIds([traceId], signal))[0] ?? (await this.#anywhere(traceId, signal));
  }

  /**
   * Several traces, whole, in the order of their ids; those that the store does not have are left out.
   *
   * @throws {CollectorError} STORE_QUERY_LIMIT when they have too many spans for one answer
   */
  async byIds(traceIds: readonly string[], signal?: AbortSignal): Promise<StoredTrace[]> {
    const ids = traceIds.map((traceId) => traceId.toLowerCase().padStart(32, "0"));
    const ranges = await this.#shards.query<{ first: number; last: number; n: number }>(
      `SELECT toUnixTimestamp(min(Start)) AS first, toUnixTimestamp(max(End)) AS last, count() AS n
FROM otel_traces_trace_id_ts WHERE TraceId IN {ids:Array(String)}`,
      { params: { ids }, signal },
    );
    const found = ranges.filter((range) => range.n > 0);
    if (found.length === 0) return [];
    const rows = await this.#shards.query<SpanRow>(
      `${SPAN_SELECT} WHERE TraceId IN {ids:Array(String)}
  AND Timestamp >= toDateTime64({first:Int64}, 9) AND Timestamp < toDateTime64({last:Int64}, 9)
ORDER BY Timestamp LIMIT ${MAX_SPANS + 1} BY TraceId LIMIT ${MAX_SPANS_IN_ALL + 1}`,
      {
        signal,
        params: {
          ids,
          first: Math.min(...found.map((range) => range.first)),
          last: Math.max(...found.map((range) => range.last)) + 1,
        },
      },
    );
    if (rows.length > MAX_SPANS_IN_ALL) {
      throw new CollectorError(
        "STORE_QUERY_LIMIT",
        `The ${ids.length} traces have more than ${MAX_SPANS_IN_ALL} spans. Ask for fewer at a time.`,
      );
    }
    const spans = new Map<string, StoredSpan[]>();
    for (const row of rows) {
      const others = spans.get(row.traceId);
      if (others) others.push(spanOfRow(row));
      else spans.set(row.traceId, [spanOfRow(row)]);
    }
    return ids.flatMap((traceId) => traceOf(traceId, spans.get(traceId) ?? []) ?? []);
  }

  /** Traces from the one with the newest matching span to the oldest. */
  async search(filter: TraceFilter, page: Page): Promise<TracePage> {
    const cursor = page.cursor === undefined ? undefined : parseCursor(page.cursor);
    // Later pages see the time of the first one: a trace that goes on meanwhile would move to a page that has passed.
    const endMs = cursor?.endMs ?? Math.ceil(filter.endMs);
    const matches = await this.#matches({ ...filter, endMs }, cursor, page);
    const shown = matches.slice(0, page.limit);
    const last = shown.at(-1);
    if (last === undefined) return { traces: [], nextCursor: undefined };
    const summaries = await this.#summaries(shown, page.signal);
    return {
      traces: shown.flatMap((match) => {
        const summary = summaries.get(match.TraceId);
        return summary ? [{ ...summary, matchCount: match.matches }] : [];
      }),
      nextCursor:
        matches.length > page.limit
          ? formatCursor({ nanos: last.newest, tie: last.TraceId, endMs })
          : undefined,
    };
  }

  /** A trace whose time is not known: an engine that was killed may have lost that note, but not the spans. */
  async #anywhere(traceId: string, signal?: AbortSignal): Promise<StoredTrace | undefined> {
    const id = traceId.toLowerCase().padStart(32, "0");
    const rows = await this.#shards.query<SpanRow>(
      `${SPAN_SELECT} WHERE TraceId = {id:String} ORDER BY Timestamp LIMIT ${MAX_SPANS + 1}`,
      { params: { id }, signal },
    );
    return traceOf(id, rows.map(spanOfRow));
  }

  async #matches(filter: TraceFilter, cursor: PageCursor | undefined, page: Page): Promise<Match[]> {
    const newestMs = cursor ? Number(BigInt(cursor.nanos) / 1_000_000n) : filter.endMs;
    for (let sliceMs = FIRST_SLICE_MS; ; sliceMs *= SLICE_GROWTH) {
      const startMs = Math.max(filter.startMs, newestMs - sliceMs);
      // A trace belongs to the page of its newest match, so the slice always reaches to the end of the range.
      const matches = await this.#newestMatches(spanConditions({ ...filter, startMs }), cursor, page);
      if (matches.length > page.limit || startMs <= filter.startMs) return matches;
    }
  }

  /** Traces with a matching span, by their newest one, after the cursor: one more than the page has, if there are. */
  async #newestMatches(
    { where, params }: Conditions,
    cursor: PageCursor | undefined,
    { limit, signal }: Page,
  ): Promise<Match[]> {
    const matches: Match[] = [];
    for (let after = cursor && { newest: cursor.nanos, TraceId: cursor.tie }; ; ) {
      const answers = await this.#shards.queryEach<Match>(
        `${MATCH_SELECT} WHERE ${where}
GROUP BY TraceId ${after ? "HAVING (newest_nanos, TraceId) < ({nanos:Int64}, {tie:String})" : ""}
ORDER BY newest_nanos DESC, TraceId DESC LIMIT ${limit + 1}`,
        { signal, params: { ...params, ...(after && { nanos: after.newest, tie: after.TraceId }) } },
      );
      if (answers.length === 1) return answers.flat();
      // A shard that gave all it may has more behind its last; down to the newest of those the lists are complete.
      const [horizon] = answers.flatMap((rows) => (rows.length > limit ? rows.slice(-1) : [])).sort(byNewest);
      const whole = await this.#overShards(answers.flat(), { where, params }, signal);
      matches.push(
        ...whole.filter(
          (match) =>
            (after === undefined || byNewest(match, after) > 0) &&
            (horizon === undefined || byNewest(match, horizon) <= 0),
        ),
      );
      if (horizon === undefined || matches.length > limit) return matches;
      after = horizon;
    }
  }

  /**
   * The newest match and the count of some traces over all shards. Our own spans of one trace lie together; those that
   * something else wrote, or that came while a shard was added, may not.
   */
  async #overShards(
    found: readonly Match[],
    { where, params }: Pick<Conditions, "where" | "params">,
    signal: AbortSignal | undefined,
  ): Promise<Match[]> {
    if (found.length === 0) return [];
    const rows = await this.#shards.query<Match>(
      `${MATCH_SELECT} WHERE ${where} AND TraceId IN {found:Array(String)} GROUP BY TraceId`,
      { signal, params: { ...params, found: [...new Set(found.map((match) => match.TraceId))] } },
    );
    return mergeMatches(rows);
  }

  async #summaries(matches: readonly Match[], signal?: AbortSignal): Promise<Map<string, TraceSummary>> {
    const times = matches.map((match) => Number(BigInt(match.newest) / 1_000_000n));
    const rows = await this.#shards.query<SummaryRow>(
      `SELECT TraceId AS traceId,
  toString(min(toUnixTimestamp64Nano(Timestamp))) AS start,
  toString(max(toUnixTimestamp64Nano(Timestamp) + Duration)) AS end,
  argMin((ServiceName, SpanName), (ParentSpanId != '', Timestamp)) AS root,
  min(ParentSpanId != '') AS rootIsMissing,
  count() AS spanCount, countIf(StatusCode = 'Error') AS errorCount,
  groupUniqArray(50)(ServiceName) AS services
FROM otel_traces
WHERE TraceId IN {ids:Array(String)}
  AND Timestamp >= fromUnixTimestamp64Nano({from:Int64}) AND Timestamp <= fromUnixTimestamp64Nano({to:Int64})
GROUP BY TraceId`,
      {
        signal,
        params: {
          ids: matches.map((match) => match.TraceId),
          from: nanosOf(Math.min(...times) - TRACE_SPREAD_MS),
          to: nanosOf(Math.max(...times) + TRACE_SPREAD_MS),
        },
      },
    );
    return mergeSummaries(rows);
  }
}

interface Match {
  readonly TraceId: string;
  readonly newest: string;
  readonly matches: number;
}

const MATCH_SELECT = `SELECT TraceId, max(toUnixTimestamp64Nano(Timestamp)) AS newest_nanos,
  toString(newest_nanos) AS newest, count() AS matches
FROM otel_traces`;

function byNewest(a: Pick<Match, "TraceId" | "newest">, b: Pick<Match, "TraceId" | "newest">): number {
  return compareWhole(b.newest, a.newest) || (a.TraceId < b.TraceId ? 1 : a.TraceId > b.TraceId ? -1 : 0);
}

interface SummaryRow {
  readonly traceId: string;
  readonly start: string;
  readonly end: string;
  readonly root: readonly [string, string];
  readonly rootIsMissing: number;
  readonly spanCount: number;
  readonly errorCount: number;
  readonly services: readonly string[];
}

function traceOf(traceId: string, spans: StoredSpan[]): StoredTrace | undefined {
  if (spans.length === 0) return undefined;
  spans.sort((a, b) => compareWhole(a.startTimeUnixNano, b.startTimeUnixNano));
  return { traceId, spans: spans.slice(0, MAX_SPANS), isTruncated: spans.length > MAX_SPANS };
}

/** What spans must fulfil. */
export function spanConditions(filter: TraceFilter): Conditions {
  const conditions = new Conditions()
    .add("Timestamp >= fromUnixTimestamp64Nano(?)", "Int64", nanosOf(filter.startMs))
    .add("Timestamp <= fromUnixTimestamp64Nano(?)", "Int64", nanosOf(filter.endMs))
    .addIf("ServiceName = ?", "String", filter.service)
    .addIf("SpanName = ?", "String", filter.operation)
    .addIf("StatusCode = ?", "String", filter.status && capitalised(filter.status))
    .addIf("SpanKind = ?", "String", filter.kind && capitalised(filter.kind))
    .addIf("Duration >= ?", "UInt64", filter.minDurationNanos && Math.round(filter.minDurationNanos))
    .addIf("Duration <= ?", "UInt64", filter.maxDurationNanos && Math.round(filter.maxDurationNanos));
  if (filter.route !== undefined)
    conditions.addAttribute({ key: "http.route", value: filter.route }, ["SpanAttributes"]);
  for (const attribute of filter.attributes ?? []) {
    conditions.addAttribute(attribute, ["SpanAttributes", "ResourceAttributes"]);
  }
  return conditions;
}

/** Several shards may hold parts of one trace. */
function mergeMatches(rows: readonly Match[]): Match[] {
  const byTrace = new Map<string, Match>();
  for (const row of rows) {
    const other = byTrace.get(row.TraceId);
    if (other === undefined) byTrace.set(row.TraceId, row);
    else {
      const newest = compareWhole(other.newest, row.newest) > 0 ? other.newest : row.newest;
      byTrace.set(row.TraceId, { TraceId: row.TraceId, newest, matches: other.matches + row.matches });
    }
  }
  return [...byTrace.values()].sort(byNewest);
}

function mergeSummaries(rows: readonly SummaryRow[]): Map<string, TraceSummary> {
  const grouped = new Map<string, SummaryRow[]>();
  for (const row of rows) grouped.set(row.traceId, [...(grouped.get(row.traceId) ?? []), row]);
  const summaries = new Map<string, TraceSummary>();
  for (const [traceId, parts] of grouped) {
    const start = parts.map((part) => part.start).reduce((a, b) => (compareWhole(a, b) <= 0 ? a : b));
    const end = parts.map((part) => part.end).reduce((a, b) => (compareWhole(a, b) >= 0 ? a : b));
    const [rooted] = [...parts].sort(
      (a, b) => a.rootIsMissing - b.rootIsMissing || compareWhole(a.start, b.start),
    );
    summaries.set(traceId, {
      traceId,
      rootService: rooted?.root[0] ?? "",
      rootName: rooted?.root[1] ?? "",
      startTimeUnixNano: start,
      durationNanos: Number(BigInt(end) - BigInt(start)),
      spanCount: parts.reduce((sum, part) => sum + part.spanCount, 0),
      errorCount: parts.reduce((sum, part) => sum + part.errorCount, 0),
      services: [...new Set(parts.flatMap((part) => part.services))].sort(),
      matchCount: 0,
    });
  }
  return summaries;
}

function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
