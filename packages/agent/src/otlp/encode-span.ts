import {
  type HrTime,
  isSpanContextValid,
  type Link,
  type SpanContext,
  type SpanStatus,
} from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { writeAttributes } from "./attributes.js";
import type { ByteWriter } from "./byte-writer.js";

/** Tag of `ScopeSpans.spans`; span bytes are kept with it, ready to be put together into a request. */
export const SPAN_TAG = 0x12;
/** Tag of `Span.attributes`. */
export const SPAN_ATTRIBUTE_TAG = 0x4a;

/** Appends one span, with its tag and length, in the form of `ScopeSpans.spans`. */
export function encodeSpan(writer: ByteWriter, span: ReadableSpan): void {
  const start = writer.open(SPAN_TAG);
  const context = span.spanContext();
  const parent = span.parentSpanContext;
  writeSpanIds(writer, context, parent?.spanId);
  writer.string(0x2a, span.name);
  writer.reserve(24);
  writer.byte(0x30);
  writer.byte(span.kind + 1);
  writeTime(writer, 0x39, span.startTime);
  writeTime(writer, 0x41, span.endTime);
  writeAttributes(writer, SPAN_ATTRIBUTE_TAG, span.attributes);
  writeCount(writer, 0x50, span.droppedAttributesCount);
  for (const event of span.events) {
    const inner = writer.open(0x5a);
    writer.reserve(12);
    writeTime(writer, 0x09, event.time);
    writer.string(0x12, event.name);
    if (event.attributes !== undefined) writeAttributes(writer, 0x1a, event.attributes);
    writeCount(writer, 0x20, event.droppedAttributesCount ?? 0);
    writer.close(inner);
  }
  writeCount(writer, 0x60, span.droppedEventsCount);
  const links = span.links.filter(({ context }) => isSpanContextValid(context));
  for (const link of links) writeLink(writer, link);
  writeCount(writer, 0x70, span.droppedLinksCount + span.links.length - links.length);
  writeStatus(writer, span.status);
  writeFlags(writer, context.traceFlags, parent?.isRemote === true);
  writer.close(start);
}

/** Trace id, span id, trace state and parent id: the head that every span has. */
export function writeSpanIds(
  writer: ByteWriter,
  context: Pick<SpanContext, "traceId" | "spanId" | "traceState">,
  parentSpanId: string | undefined,
): void {
  writer.reserve(48);
  writer.byte(0x0a);
  writer.byte(16);
  writer.hex(context.traceId);
  writer.byte(0x12);
  writer.byte(8);
  writer.hex(context.spanId);
  if (context.traceState !== undefined) writer.string(0x1a, context.traceState.serialize());
  if (parentSpanId !== undefined) {
    writer.reserve(10);
    writer.byte(0x22);
    writer.byte(8);
    writer.hex(parentSpanId);
  }
}

/** Left out when unset, which is the default on the wire. */
export function writeStatus(writer: ByteWriter, status: SpanStatus): void {
  if (status.code === 0) return;
  const start = writer.open(0x7a);
  if (status.message !== undefined) writer.string(0x12, status.message);
  writer.reserve(2);
  writer.byte(0x18);
  writer.byte(status.code);
  writer.close(start);
}

/** `Span.flags`: the W3C flags, bit 8 "the next bit is known", bit 9 "the parent came over the wire". */
export function writeFlags(writer: ByteWriter, traceFlags: number, hasRemoteParent: boolean): void {
  writer.reserve(6);
  writer.byte(0x85);
  writer.byte(0x01);
  writer.byte(traceFlags & 0xff);
  writer.byte(hasRemoteParent ? 3 : 1);
  writer.byte(0);
  writer.byte(0);
}

function writeLink(writer: ByteWriter, link: Link): void {
  const start = writer.open(0x6a);
  writer.reserve(30);
  writer.byte(0x0a);
  writer.byte(16);
  writer.hex(link.context.traceId);
  writer.byte(0x12);
  writer.byte(8);
  writer.hex(link.context.spanId);
  if (link.context.traceState !== undefined) writer.string(0x1a, link.context.traceState.serialize());
  if (link.attributes !== undefined) writeAttributes(writer, 0x22, link.attributes);
  writeCount(writer, 0x28, link.droppedAttributesCount ?? 0);
  writer.reserve(5);
  writer.byte(0x35);
  writer.byte(link.context.traceFlags & 0xff);
  writer.byte(link.context.isRemote === true ? 3 : 1);
  writer.byte(0);
  writer.byte(0);
  writer.close(start);
}

function writeTime(writer: ByteWriter, tag: number, time: HrTime): void {
  writer.byte(tag);
  writer.unixNano(time[0], time[1]);
}

function writeCount(writer: ByteWriter, tag: number, count: number): void {
  if (count === 0) return;
  writer.reserve(6);
  writer.byte(tag);
  writer.varint(count);
}
