import type { Conditions } from "../conditions.js";
import type { Shards } from "../shards.js";
import type { TraceFilter } from "./trace.js";
import { spanConditions } from "./trace-reader.js";

/** Spans with something in common: how many, how many failed, how long they took. */
export interface SpanGroup {
  /** What they have in common; "" where they lack it. */
  readonly key: string;
  readonly spanCount: number;
  readonly errorCount: number;
  /** Quantiles within 1.1 % of the true value; `max` is exact. */
  readonly latencySeconds: {
    readonly p50: number;
    readonly p95: number;
    readonly p99: number;
    readonly max: number;
  };
}

export interface SpanGroups {
  /** The largest first. */
  readonly groups: readonly SpanGroup[];
  /** Whether there are more groups than are handed out. */
  readonly isTruncated: boolean;
}

/** Groups that one answer may have. */
export const MAX_GROUPS = 1_000;

/** Durations fall into buckets that grow by this root of two: their middles are at most 1.1 % off. */
const BUCKETS_PER_DOUBLING = 32;

/** Latency of stored spans, computed when it is asked for, by whatever they carry. */
export class LatencyReader {
  readonly #shards: Shards;

  constructor(shards: Shards) {
    this.#shards = shards;
  }

  /**
   * Count, errors and latency of the spans that fulfil a filter, for each value of `by`.
   *
   * @param by service, operation, route, version, status, kind, or the name of any attribute
   */
  async groups(filter: TraceFilter, by: string, limit: number, signal?: AbortSignal): Promise<SpanGroups> {
    const conditions = spanConditions(filter);
    const key = keyOf(by, conditions);
    const answers = await this.#shards.queryEach<GroupRow>(
      `SELECT key, sum(spans) AS spanCount, sum(failed) AS errorCount, max(longest) AS longestNanos,
  groupArray((bucket, spans)) AS buckets
FROM (
  SELECT ${key} AS key, toInt16(floor(log2(greatest(Duration, 1)) * ${BUCKETS_PER_DOUBLING})) AS bucket,
    count() AS spans, countIf(StatusCode = 'Error') AS failed, max(Duration) AS longest
  FROM otel_traces WHERE ${conditions.where} GROUP BY key, bucket
) GROUP BY key ORDER BY spanCount DESC, key LIMIT ${MAX_GROUPS + 1}`,
      { params: conditions.params, signal },
    );
    const merged = mergeRows(answers.flat());
    return {
      groups: merged.slice(0, limit).map(groupOf),
      isTruncated: merged.length > limit || answers.some((rows) => rows.length > MAX_GROUPS),
    };
  }
}

interface GroupRow {
  readonly key: string;
  readonly spanCount: number;
  readonly errorCount: number;
  readonly longestNanos: number;
  /** Number of a bucket and how many spans fell into it. */
  readonly buckets: readonly (readonly [number, number])[];
}

/** SQL of what groups have in common. */
function keyOf(by: string, conditions: Conditions): string {
  const known = KEYS.get(by);
  if (known !== undefined) return known;
  return conditions.value(
    by,
    "String",
    (place) =>
      `if(mapContains(SpanAttributes, ${place}), SpanAttributes[${place}], ResourceAttributes[${place}])`,
  );
}

/** A map, as an object also has what it was born with. */
const KEYS: ReadonlyMap<string, string> = new Map([
  ["service", "toString(ServiceName)"],
  ["operation", "toString(SpanName)"],
  ["route", "SpanAttributes['http.route']"],
  ["version", "ResourceAttributes['service.version']"],
  ["status", "lower(StatusCode)"],
  ["kind", "lower(SpanKind)"],
]);

/** The same group of several shards is one. */
function mergeRows(rows: readonly GroupRow[]): GroupRow[] {
  const byKey = new Map<string, GroupRow>();
  for (const row of rows) {
    const other = byKey.get(row.key);
    byKey.set(
      row.key,
      other === undefined
        ? row
        : {
            key: row.key,
            spanCount: row.spanCount + other.spanCount,
            errorCount: row.errorCount + other.errorCount,
            longestNanos: Math.max(row.longestNanos, other.longestNanos),
            buckets: [...row.buckets, ...other.buckets],
          },
    );
  }
  return [...byKey.values()].sort((a, b) => b.spanCount - a.spanCount || (a.key < b.key ? -1 : 1));
}

function groupOf({ key, spanCount, errorCount, longestNanos, buckets }: GroupRow): SpanGroup {
  const sorted = [...buckets].sort(([a], [b]) => a - b);
  const quantile = (q: number): number => {
    let rank = Math.ceil(q * spanCount);
    for (const [bucket, spans] of sorted) {
      rank -= spans;
      if (rank <= 0) {
        const middleNanos = 2 ** ((bucket + 0.5) / BUCKETS_PER_DOUBLING);
        return Math.min(middleNanos, longestNanos) / 1e9;
      }
    }
    return longestNanos / 1e9;
  };
  return {
    key,
    spanCount,
    errorCount,
    latencySeconds: { p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99), max: longestNanos / 1e9 },
  };
}
