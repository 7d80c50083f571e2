import type { UnixMs } from "@tocsin/model";
import type { AttributeFilter } from "../conditions.js";

export type SpanKindName = "unspecified" | "internal" | "server" | "client" | "producer" | "consumer";
export type SpanStatusName = "unset" | "ok" | "error";

/** A span as it is read back. */
export interface StoredSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** "" for a root span. */
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly name: string;
  readonly kind: SpanKindName;
  readonly service: string;
  /** Nanoseconds since the epoch, as text: they do not fit into a number. */
  readonly startTimeUnixNano: string;
  readonly durationNanos: number;
  readonly status: { readonly code: SpanStatusName; readonly message: string };
  readonly attributes: Readonly<Record<string, string>>;
  readonly resourceAttributes: Readonly<Record<string, string>>;
  readonly scope: { readonly name: string; readonly version: string };
  readonly events: readonly {
    readonly timeUnixNano: string;
    readonly name: string;
    readonly attributes: Readonly<Record<string, string>>;
  }[];
  readonly links: readonly {
    readonly traceId: string;
    readonly spanId: string;
    readonly traceState: string;
    readonly attributes: Readonly<Record<string, string>>;
  }[];
}

/** A trace, whole. */
export interface StoredTrace {
  readonly traceId: string;
  /** In the order in which they began. */
  readonly spans: readonly StoredSpan[];
  /** Whether the trace has more spans than are handed out at once. */
  readonly isTruncated: boolean;
}

/** A trace in a list. */
export interface TraceSummary {
  readonly traceId: string;
  /** Of the span without parent; of the earliest span where that has not come. */
  readonly rootService: string;
  readonly rootName: string;
  readonly startTimeUnixNano: string;
  /** From the first beginning to the last end. */
  readonly durationNanos: number;
  readonly spanCount: number;
  readonly errorCount: number;
  readonly services: readonly string[];
  /** How many of its spans fulfil the filter. */
  readonly matchCount: number;
}

/** Which traces to look for: those with at least one span that fulfils every condition. */
export interface TraceFilter {
  readonly startMs: UnixMs;
  readonly endMs: UnixMs;
  readonly service?: string;
  /** Name of the span. */
  readonly operation?: string;
  /** `http.route`. */
  readonly route?: string;
  readonly status?: SpanStatusName;
  readonly kind?: SpanKindName;
  readonly minDurationNanos?: number;
  readonly maxDurationNanos?: number;
  /** Of the span or its resource. */
  readonly attributes?: readonly AttributeFilter[];
}

export interface Page {
  readonly limit: number;
  /** `nextCursor` of the page before. */
  readonly cursor?: string;
  readonly signal?: AbortSignal;
}

export interface TracePage {
  readonly traces: readonly TraceSummary[];
  /** Where the next page begins; undefined on the last one. */
  readonly nextCursor: string | undefined;
}
