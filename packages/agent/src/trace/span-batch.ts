import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { ByteWriter } from "../otlp/byte-writer.js";
import { encodeSpan, SPAN_TAG, writeFlags, writeSpanIds, writeStatus } from "../otlp/encode-span.js";
import type { SpanClock } from "./clock.js";
import type { LeanSpan, SpanSink } from "./lean-span.js";

/** Spans of one instrumentation scope, encoded, in the form of `ScopeSpans.spans`, in a buffer of their own. */
export interface ScopeBatch {
  readonly scope: ReadableSpan["instrumentationScope"];
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly count: number;
}

/**
 * Ended spans as bytes, by scope, until they are taken away once per second or when `limitBytes` is reached.
 *
 * Nothing but bytes is kept: a span can be collected as soon as it has ended. The bytes are written to buffers that stay, and
 * copied out of them when they are taken: what waits elsewhere takes no more room than it needs.
 */
export class SpanBatch implements SpanSink {
  private readonly clock: SpanClock;
  private readonly limitBytes: number;
  private readonly onFull: () => void;
  private readonly onInvalid: () => void;
  private scopes: Entry[] = [];

  /** @param deps `onInvalid` is told of a span that cannot be encoded, and is left out */
  constructor(deps: { clock: SpanClock; limitBytes: number; onFull: () => void; onInvalid: () => void }) {
    this.clock = deps.clock;
    this.limitBytes = deps.limitBytes;
    this.onFull = deps.onFull;
    this.onInvalid = deps.onInvalid;
  }

  /** Takes a span of the agent's own HTTP path. */
  ended(span: LeanSpan): void {
    const entry = this.entry(span.instrumentationScope);
    const { at } = entry.writer;
    try {
      if (span.isPlain) encodeLeanSpan(entry.writer, span, this.clock);
      else encodeSpan(entry.writer, span);
      this.added(entry);
    } catch {
      this.refuse(entry, at);
    }
  }

  /** Takes a span of the SDK, that is of the user's code or of a library's instrumentation. */
  add(span: ReadableSpan): void {
    const entry = this.entry(span.instrumentationScope);
    const { at } = entry.writer;
    try {
      encodeSpan(entry.writer, span);
      this.added(entry);
    } catch {
      this.refuse(entry, at);
    }
  }

  /** Hands over what has gathered and starts afresh. */
  take(): ScopeBatch[] {
    const taken = this.scopes.filter(({ count }) => count > 0);
    // A scope that had nothing to say since the last time gives its buffer up.
    this.scopes = taken;
    this.clock.settle();
    return taken.map((entry) => {
      const { scope, writer, count } = entry;
      const bytes = writer.finished();
      entry.count = 0;
      writer.at = 0;
      // One span may be large; the next ones are not.
      if (writer.bytes.length > 2 * this.limitBytes) entry.writer = new ByteWriter();
      return { scope, bytes, count };
    });
  }

  /** Half a span would make the whole request unreadable. */
  private refuse(entry: Entry, at: number): void {
    entry.writer.at = at;
    this.onInvalid();
  }

  private added(entry: Entry): void {
    entry.count++;
    if (entry.writer.at >= this.limitBytes) this.onFull();
  }

  private entry(scope: ReadableSpan["instrumentationScope"]): Entry {
    for (const entry of this.scopes) if (entry.scope === scope || isSame(entry.scope, scope)) return entry;
    const made = { scope, writer: new ByteWriter(), count: 0 };
    this.scopes.push(made);
    return made;
  }
}

interface Entry {
  readonly scope: ReadableSpan["instrumentationScope"];
  writer: ByteWriter;
  count: number;
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
