import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { ByteWriter } from "../otlp/byte-writer.js";
import { encodeSpan, SPAN_TAG, writeFlags, writeSpanIds, writeStatus } from "../otlp/encode-span.js";
import type { SpanClock } from "./clock.js";
import type { LeanSpan, SpanSink } from "./lean-span.js";

/** Spans of one instrumentation scope, encoded, in the form of `ScopeSpans.spans`. */
export interface ScopeBatch {
  readonly scope: ReadableSpan["instrumentationScope"];
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly count: number;
}

/**
 * Ended spans as bytes, by scope, until they are taken away once per second or when `limitBytes` is reached.
 *
 * Nothing but bytes is kept: a span can be collected as soon as it has ended.
 */
export class SpanBatch implements SpanSink {
  private readonly clock: SpanClock;
  private readonly limitBytes: number;
  private readonly onFull: () => void;
  private scopes: { scope: ReadableSpan["instrumentationScope"]; writer: ByteWriter; count: number }[] = [];

  constructor(deps: { clock: SpanClock; limitBytes: number; onFull: () => void }) {
    this.clock = deps.clock;
    this.limitBytes = deps.limitBytes;
    this.onFull = deps.onFull;
  }

  /** Takes a span of the agent's own HTTP path. */
  ended(span: LeanSpan): void {
    const entry = this.entry(span.instrumentationScope);
    if (span.isPlain) encodeLeanSpan(entry.writer, span, this.clock);
    else encodeSpan(entry.writer, span);
    this.added(entry);
  }

  /** Takes a span of the SDK, that is of the user's code or of a library's instrumentation. */
  add(span: ReadableSpan): void {
    const entry = this.entry(span.instrumentationScope);
    encodeSpan(entry.writer, span);
    this.added(entry);
  }

  /** Hands over what has gathered and starts afresh. */
  take(): ScopeBatch[] {
    const taken = this.scopes.filter(({ count }) => count > 0);
    this.scopes = [];
    this.clock.settle();
    return taken.map(({ scope, writer, count }) => ({
      scope,
      bytes: writer.bytes.subarray(0, writer.at),
      count,
    }));
  }

  private added(entry: { writer: ByteWriter; count: number }): void {
    entry.count++;
    if (entry.writer.at >= this.limitBytes) this.onFull();
  }

  private entry(scope: ReadableSpan["instrumentationScope"]): { writer: ByteWriter; count: number } {
    for (const entry of this.scopes) if (entry.scope === scope || isSame(entry.scope, scope)) return entry;
    const made = { scope, writer: new ByteWriter(this.scopes.length === 0 ? 65_536 : 8192), count: 0 };
    this.scopes.push(made);
    return made;
  }
}

function isSame(a: ReadableSpan["instrumentationScope"], b: ReadableSpan["instrumentationScope"]): boolean {
  return a.name === b.name && a.version === b.version && a.schemaUrl === b.schemaUrl;
}

/** The short way of {@link encodeSpan}: ids, times and the attributes that are bytes already. */
function encodeLeanSpan(writer: ByteWriter, span: LeanSpan, clock: SpanClock): void {
  const start = writer.open(SPAN_TAG);
  writeSpanIds(writer, span.place, span.place.parentSpanId);
  writer.string(0x2a, span.name);
  writer.reserve(24);
  writer.byte(0x30);
  writer.byte(span.kind + 1);
  writer.byte(0x39);
  writer.unixNano(clock.seconds(span.startMs), clock.nanoseconds(span.startMs));
  writer.byte(0x41);
  writer.unixNano(clock.seconds(span.endMs), clock.nanoseconds(span.endMs));
  span.writeOwnAttributes(writer);
  writeStatus(writer, span.status);
  writeFlags(writer, span.place.traceFlags, span.place.isParentRemote);
  writer.close(start);
}
