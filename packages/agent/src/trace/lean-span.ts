import {
  type Attributes,
  type AttributeValue,
  type Context,
  type Exception,
  type HrTime,
  isSpanContextValid,
  type Link,
  type Span,
  type SpanContext,
  type SpanKind,
  type SpanStatus,
  type TimeInput,
  TraceFlags,
  type TraceState,
} from "@opentelemetry/api";
import { globalErrorHandler, isAttributeValue } from "@opentelemetry/core";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { truncated } from "../otlp/attributes.js";
import type { ByteWriter } from "../otlp/byte-writer.js";
import type { AttributeLimits } from "../send/protocol.js";
import type { SpanClock } from "./clock.js";
import { exceptionAttributes, fitting } from "./event-attributes.js";

type SpanEvent = ReadableSpan["events"][number];

/** What all lean spans of an agent share. */
export interface SpanRuntime {
  readonly clock: SpanClock;
  readonly resource: ReadableSpan["resource"];
  readonly scope: ReadableSpan["instrumentationScope"];
  readonly sink: SpanSink;
  readonly limits: SpanLimits;
}

/** Where ended spans go. `started` exists only when someone's span processor wants to hear of starts. */
export interface SpanSink {
  readonly started?: (span: LeanSpan, parent: Context) => void;
  ended(span: LeanSpan): void;
}

/** OpenTelemetry's limits on what one span may carry. */
export interface SpanLimits extends AttributeLimits {
  readonly eventCount: number;
  readonly linkCount: number;
  readonly eventAttributeCount: number;
  readonly linkAttributeCount: number;
}

/** Where a span belongs: ids, flags, state, and its parent if there is one. */
export interface SpanPlace {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly isParentRemote: boolean;
  readonly traceFlags: number;
  readonly traceState: TraceState | undefined;
  /** What a sampler of the service's has to say of the span. */
  readonly attributes?: Attributes | undefined;
}

/**
 * A span of the agent's own HTTP path.
 *
 * It is an API span like any other (children, attributes, events, span processors), but what HTTP sets itself is kept in
 * plain fields and turned into OTLP bytes only once, when the span ends. `describe` gives the same attributes as an
 * object to whoever asks for them. One piece: the two interfaces are met by the same few fields.
 */
export abstract class LeanSpan implements Span, ReadableSpan {
  abstract readonly kind: SpanKind;
  protected readonly runtime: SpanRuntime;
  readonly place: SpanPlace;
  readonly startMs: number;
  endMs = -1;
  status: SpanStatus = UNSET;
  private custom: Attributes | undefined;
  private givenName: string | undefined;
  private eventList: SpanEvent[] | undefined;
  private linkList: Link[] | undefined;
  private shown: Attributes | undefined;
  private dropped: { attributes: number; events: number; links: number } | undefined;
  private ownContext: SpanContext | undefined;

  constructor(runtime: SpanRuntime, place: SpanPlace) {
    this.runtime = runtime;
    this.place = place;
    this.startMs = runtime.clock.now();
    if (place.attributes !== undefined) this.setAttributes(place.attributes);
  }

  /** The name by semantic conventions, as far as it is known by now. */
  protected abstract defaultName(): string;
  /** What the instrumentation itself says of the request. */
  protected abstract describe(): Attributes;
  /** The same as {@link describe}, straight to OTLP. */
  abstract writeOwnAttributes(writer: ByteWriter): void;
  /** Called while the span ends and can still be added to: counts the request, and lets go of it. */
  protected abstract conclude(endMs: number): void;

  /** Whether nothing was set from outside, so that the own attributes are all there is. */
  get isPlain(): boolean {
    return (
      this.custom === undefined &&
      this.eventList === undefined &&
      this.linkList === undefined &&
      this.shown === undefined &&
      this.runtime.limits.attributeValueLength === Number.POSITIVE_INFINITY &&
      this.runtime.limits.attributeCount >= OWN_ATTRIBUTES_MAX
    );
  }

  get name(): string {
    return this.givenName ?? this.defaultName();
  }

  spanContext(): SpanContext {
    if (this.ownContext === undefined) {
      const { traceId, spanId, traceFlags, traceState } = this.place;
      this.ownContext =
        traceState === undefined
          ? { traceId, spanId, traceFlags }
          : { traceId, spanId, traceFlags, traceState };
    }
    return this.ownContext;
  }

  get parentSpanContext(): SpanContext | undefined {
    const { traceId, parentSpanId, traceFlags, isParentRemote } = this.place;
    if (parentSpanId === undefined) return undefined;
    return { traceId, spanId: parentSpanId, traceFlags, isRemote: isParentRemote };
  }

  setAttribute(key: string, value: AttributeValue): this {
    if (this.ended || value === undefined || value === null) return this;
    if (typeof key !== "string" || key === "" || !isAttributeValue(value)) return this;
    this.custom ??= {};
    const isNew = !(key in this.custom);
    if (isNew && Object.keys(this.custom).length >= this.runtime.limits.attributeCount) {
      this.drops.attributes++;
      return this;
    }
    this.custom[key] = value;
    return this;
  }

  setAttributes(attributes: Attributes): this {
    for (const key in attributes) {
      const value = attributes[key];
      if (value !== undefined) this.setAttribute(key, value);
    }
    return this;
  }

  addEvent(name: string, attributesOrTime?: Attributes | TimeInput, time?: TimeInput): this {
    if (this.ended) return this;
    const isTime = isTimeInput(attributesOrTime);
    this.eventList ??= [];
    if (this.eventList.length >= this.runtime.limits.eventCount) {
      this.eventList.shift();
      this.drops.events++;
    }
    const at = isTime ? attributesOrTime : time;
    const { eventAttributeCount, attributeValueLength } = this.runtime.limits;
    const kept = fitting(isTime ? {} : (attributesOrTime ?? {}), eventAttributeCount, attributeValueLength);
    this.eventList.push({ name: String(name), ...kept, time: this.timeOf(at) });
    return this;
  }

  addLink(link: Link): this {
    if (this.ended || !isSpanContextValid(link.context)) return this;
    this.linkList ??= [];
    if (this.linkList.length >= this.runtime.limits.linkCount) {
      this.linkList.shift();
      this.drops.links++;
    }
    const { linkAttributeCount, attributeValueLength } = this.runtime.limits;
    const kept = fitting(link.attributes ?? {}, linkAttributeCount, attributeValueLength);
    this.linkList.push({ context: link.context, ...kept });
    return this;
  }

  addLinks(links: Link[]): this {
    for (const link of links) this.addLink(link);
    return this;
  }

  /** Ok, once set, is final; unset never overrides (as the SDK has it). */
  setStatus(status: SpanStatus): this {
    if (this.ended || status.code === 0 || this.status.code === 1) return this;
    const { code, message } = status;
    this.status = code === 2 && typeof message === "string" ? { code, message } : { code };
    return this;
  }

  updateName(name: string): this {
    if (!this.ended) this.givenName = String(name);
    return this;
  }

  recordException(exception: Exception, time?: TimeInput): void {
    this.addEvent("exception", exceptionAttributes(exception), time);
  }

  isRecording(): boolean {
    return !this.ended && (this.place.traceFlags & TraceFlags.SAMPLED) !== 0;
  }

  end(endTime?: TimeInput): void {
    if (this.ended) return;
    const endMs = endTime === undefined ? this.runtime.clock.now() : this.readingOf(endTime);
    try {
      this.conclude(endMs);
      this.endMs = endMs;
      if ((this.place.traceFlags & TraceFlags.SAMPLED) !== 0) this.runtime.sink.ended(this);
    } catch (error) {
      // What is said of a request must not fail the request.
      this.endMs = endMs;
      globalErrorHandler(error as Error);
    }
  }

  get ended(): boolean {
    return this.endMs >= 0;
  }

  get startTime(): HrTime {
    return this.runtime.clock.hrTime(this.startMs);
  }

  get endTime(): HrTime {
    return this.runtime.clock.hrTime(this.endMs);
  }

  get duration(): HrTime {
    const ms = Math.max(0, this.endMs - this.startMs);
    return [Math.floor(ms / 1000), Math.round((ms % 1000) * 1e6)];
  }

  /**
   * Own attributes, then the ones set from outside, which win; cut to the limits. Once the span has ended they are one
   * object, so that what a span processor changes in it is what is sent.
   */
  get attributes(): Attributes {
    if (!this.ended) return this.present();
    this.shown ??= this.present();
    return this.shown;
  }

  private present(): Attributes {
    const { attributeCount, attributeValueLength } = this.runtime.limits;
    const all = this.custom === undefined ? this.describe() : { ...this.describe(), ...this.custom };
    const keys = Object.keys(all);
    if (keys.length <= attributeCount && attributeValueLength === Number.POSITIVE_INFINITY) return all;
    return Object.fromEntries(
      keys
        .filter((key) => all[key] !== undefined)
        .slice(0, attributeCount)
        .map((key) => [key, truncated(all[key], attributeValueLength) as AttributeValue]),
    );
  }

  get events(): SpanEvent[] {
    return this.eventList ?? [];
  }

  get links(): Link[] {
    return this.linkList ?? [];
  }

  get resource(): ReadableSpan["resource"] {
    return this.runtime.resource;
  }

  get instrumentationScope(): ReadableSpan["instrumentationScope"] {
    return this.runtime.scope;
  }

  get droppedAttributesCount(): number {
    const { attributeCount } = this.runtime.limits;
    const refused = this.dropped?.attributes ?? 0;
    const custom = this.custom === undefined ? 0 : Object.keys(this.custom).length;
    // In the common case everything fits, and need not be put together to be counted.
    if (custom + OWN_ATTRIBUTES_MAX <= attributeCount) return refused;
    const all = Object.values({ ...this.describe(), ...this.custom });
    return refused + Math.max(0, all.filter((value) => value !== undefined).length - attributeCount);
  }

  get droppedEventsCount(): number {
    return this.dropped?.events ?? 0;
  }

  get droppedLinksCount(): number {
    return this.dropped?.links ?? 0;
  }

  private get drops(): { attributes: number; events: number; links: number } {
    this.dropped ??= { attributes: 0, events: 0, links: 0 };
    return this.dropped;
  }

  private timeOf(input: TimeInput | undefined): HrTime {
    const { clock } = this.runtime;
    return clock.hrTime(input === undefined ? clock.now() : this.readingOf(input));
  }

  /** The API takes performance readings, milliseconds since 1970, dates and second pairs. */
  private readingOf(input: TimeInput): number {
    const { clock } = this.runtime;
    if (typeof input === "number") return input <= clock.now() ? input : clock.reading(input);
    if (input instanceof Date) return clock.reading(input.getTime());
    return clock.reading(input[0] * 1000 + input[1] / 1e6);
  }
}

const UNSET: SpanStatus = { code: 0 };
/** More than the HTTP path ever sets by itself. */
const OWN_ATTRIBUTES_MAX = 24;

function isTimeInput(value: Attributes | TimeInput | undefined): value is TimeInput {
  return typeof value === "number" || value instanceof Date || Array.isArray(value);
}
