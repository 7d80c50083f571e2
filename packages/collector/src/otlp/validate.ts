import { CollectorError } from "../errors.js";
import { MAX_VALUE_DEPTH } from "./accessors.js";
import type { OtlpSignal } from "./columns.js";
import { readId } from "./envelope.js";
import type { ItemLimits } from "./limit.js";
import { type Message, REQUEST } from "./schema.js";
import { asBuffer, WireReader, WireType } from "./wire.js";

/** What a request holds. */
export interface RequestSummary {
  /** Spans, log records or metric points that are valid. */
  readonly items: number;
  /** Items that the specification calls invalid: spans without ids, points of a metric without a name. */
  readonly rejected: number;
  /** Why, or "". */
  readonly reason: string;
  /** Whether some item carries more than the limits allow; `limitRequest` cuts it. False without limits. */
  readonly isOverLimit: boolean;
}

/**
 * Walks the whole request, down to the values of its attributes, without keeping anything.
 * After this the decoders cannot fail on it.
 *
 * @throws {CollectorError} OTLP_MALFORMED, OTLP_TOO_DEEP
 */
export function validateRequest(signal: OtlpSignal, body: Uint8Array, limits?: ItemLimits): RequestSummary {
  const walk = new Walk(asBuffer(body), limits ?? NO_LIMITS);
  walk.message(walk.reader.bytes.length, REQUEST[signal], 0);
  return { items: walk.items, rejected: walk.rejected, reason: walk.reason, isOverLimit: walk.isOverLimit };
}

const NO_LIMITS: ItemLimits = {
  maxAttributes: Number.POSITIVE_INFINITY,
  maxAttributeLength: Number.POSITIVE_INFINITY,
  maxDepth: MAX_VALUE_DEPTH,
};

class Walk {
  readonly reader: WireReader;
  items = 0;
  rejected = 0;
  reason = "";
  isOverLimit = false;
  readonly #limits: ItemLimits;
  /** Whatever the limits say, decoders go no deeper than this. */
  readonly #maxDepth: number;

  constructor(bytes: Buffer, limits: ItemLimits) {
    this.reader = new WireReader(bytes);
    this.#limits = limits;
    this.#maxDepth = Math.min(limits.maxDepth, MAX_VALUE_DEPTH);
  }

  message(end: number, message: Message, valueDepth: number): void {
    if (message.name === "Span") this.#span(end, message);
    else if (message.role === "metric") this.#metric(end, message);
    else {
      if (message.role === "item") this.items++;
      const depth = message.role === "anyValue" ? valueDepth + 1 : valueDepth;
      if (depth > this.#maxDepth) throw tooDeep(this.#maxDepth);
      const { reader } = this;
      let attributes = 0;
      while (reader.pos < end) attributes += this.#field(reader.tag(end), end, message, depth);
      reader.finish(end);
      if (attributes > this.#limits.maxAttributes) this.isOverLimit = true;
    }
  }

  /** Passes over a field; returns 1 for an attribute. */
  #field(tag: number, end: number, message: Message, depth: number): 0 | 1 {
    const { reader } = this;
    const field = message.fields[tag >>> 3];
    if ((tag & 7) === WireType.bytes && field !== undefined) {
      const stop = reader.stop(end);
      if (stop - reader.pos > this.#limits.maxAttributeLength && message.role === "anyValue") {
        this.isOverLimit = true;
      }
      if (field.message) {
        this.message(stop, field.message, depth);
        if (field.message.role === "keyValue" && message.name !== "KeyValueList") return 1;
      } else if (field.repeated && field.type !== "string") this.#packed(stop, field.type);
      else reader.pos = stop;
    } else reader.skip(tag, end);
    return 0;
  }

  #packed(end: number, type: string): void {
    const { reader } = this;
    while (reader.pos < end) {
      if (type === "uint64") reader.skipVarint();
      else reader.fixed64(end);
    }
    reader.finish(end);
  }

  #span(end: number, message: Message): void {
    const { reader } = this;
    let traceId = 0;
    let spanId = 0;
    let attributes = 0;
    while (reader.pos < end) {
      const tag = reader.tag(end);
      if (tag === 10) traceId = readId(reader, end, 16);
      else if (tag === 18) spanId = readId(reader, end, 8);
      else attributes += this.#field(tag, end, message, 0);
    }
    reader.finish(end);
    if (attributes > this.#limits.maxAttributes) this.isOverLimit = true;
    if (traceId !== 0 && spanId !== 0) this.items++;
    else this.#reject(1, traceId === 0 ? INVALID_TRACE_ID : INVALID_SPAN_ID);
  }

  #metric(end: number, message: Message): void {
    const { reader } = this;
    const before = this.items;
    let hasName = false;
    while (reader.pos < end) {
      const tag = reader.tag(end);
      if (tag === 10) {
        const stop = reader.stop(end);
        hasName = stop > reader.pos;
        reader.pos = stop;
      } else this.#field(tag, end, message, 0);
    }
    reader.finish(end);
    const points = this.items - before;
    if (hasName || points === 0) return;
    this.items = before;
    this.#reject(points, NAMELESS_METRIC);
  }

  #reject(count: number, reason: string): void {
    if (this.rejected === 0) this.reason = reason;
    this.rejected += count;
  }
}

export const INVALID_TRACE_ID = "a trace_id must be 16 bytes, not all zero";
export const INVALID_SPAN_ID = "a span_id must be 8 bytes, not all zero";
export const NAMELESS_METRIC = "a metric must have a name";

function tooDeep(maxDepth: number): CollectorError {
  return new CollectorError(
    "OTLP_TOO_DEEP",
    `The request nests values more than ${maxDepth} deep. Flatten them into attributes.`,
  );
}
