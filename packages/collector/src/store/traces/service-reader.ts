import type { UnixMs } from "@tocsin/model";
import type { Shards } from "../shards.js";
import type { SpanKindName } from "./trace.js";

/** An operation is a span's name with the kind under which it is seen. */
export interface Operation {
  readonly name: string;
  readonly kind: SpanKindName;
}

/** Calls from one service to another, counted from spans whose parent belongs to another service. */
export interface ServiceCall {
  readonly parent: string;
  readonly child: string;
  readonly callCount: number;
}

export interface TimeRange {
  readonly startMs: UnixMs;
  readonly endMs: UnixMs;
  readonly signal?: AbortSignal;
}

/** Services, operations or calls that one answer has at most. */
const MAX_NAMES = 10_000;

/** What there is of something, in order; not all of it where there is too much. */
export interface Names<T> {
  readonly found: readonly T[];
  readonly isTruncated: boolean;
}

/** What services there are, what they do and whom they call, as their spans say. */
export class ServiceReader {
  readonly #shards: Shards;

  constructor(shards: Shards) {
    this.#shards = shards;
  }

  async names(range: TimeRange): Promise<Names<string>> {
    const rows = await this.#shards.query<{ name: string }>(
      `SELECT DISTINCT ServiceName AS name FROM otel_traces WHERE ${IN_RANGE} ORDER BY name LIMIT ${MAX_NAMES + 1}`,
      { params: rangeParams(range), signal: range.signal },
    );
    return cut([...new Set(rows.map((row) => row.name))].sort());
  }

  async operations(service: string, range: TimeRange & { kind?: SpanKindName }): Promise<Names<Operation>> {
    const rows = await this.#shards.query<{ name: string; kind: string }>(
      `SELECT SpanName AS name, lower(SpanKind) AS kind FROM otel_traces
WHERE ServiceName = {service:String} AND ${IN_RANGE} AND ({kind:String} = '' OR lower(SpanKind) = {kind:String})
GROUP BY name, kind ORDER BY name, kind LIMIT ${MAX_NAMES + 1}`,
      { params: { ...rangeParams(range), service, kind: range.kind ?? "" }, signal: range.signal },
    );
    const seen = new Map(rows.map((row) => [`${row.kind} ${row.name}`, row]));
    return cut([...seen.values()].map((row) => ({ name: row.name, kind: row.kind as SpanKindName })));
  }

  async dependencies(range: TimeRange): Promise<Names<ServiceCall>> {
    const rows = await this.#shards.query<ServiceCall>(
      `SELECT parents.ServiceName AS parent, children.ServiceName AS child, count() AS callCount
FROM (SELECT TraceId, ParentSpanId, ServiceName FROM otel_traces WHERE ${IN_RANGE} AND ParentSpanId != ''
      AND SpanKind IN ('Server', 'Consumer')) AS children
INNER JOIN (SELECT TraceId, SpanId, ServiceName FROM otel_traces WHERE ${IN_RANGE}
      AND SpanKind IN ('Client', 'Producer')) AS parents
ON parents.TraceId = children.TraceId AND parents.SpanId = children.ParentSpanId
WHERE parents.ServiceName != children.ServiceName
GROUP BY parent, child ORDER BY parent, child LIMIT ${MAX_NAMES + 1}`,
      { params: rangeParams(range), signal: range.signal },
    );
    const merged = new Map<string, ServiceCall>();
    for (const row of rows) {
      const key = JSON.stringify([row.parent, row.child]);
      merged.set(key, { ...row, callCount: row.callCount + (merged.get(key)?.callCount ?? 0) });
    }
    return cut([...merged.values()]);
  }
}

function cut<T>(all: readonly T[]): Names<T> {
  return { found: all.slice(0, MAX_NAMES), isTruncated: all.length > MAX_NAMES };
}

const IN_RANGE =
  "Timestamp >= toDateTime64({start:Float64}, 9) AND Timestamp <= toDateTime64({end:Float64}, 9)";

function rangeParams({ startMs, endMs }: TimeRange): { start: number; end: number } {
  return { start: startMs / 1000, end: endMs / 1000 };
}
