import type { OtlpSignal } from "./columns.js";
import { ValueKind } from "./columns.js";
import { findKeyValue, findValue } from "./find-value.js";
import { encodeTextValue, lengthDelimited, Parts, pushField, wholeOf } from "./parts.js";
import { type Message, REQUEST } from "./schema.js";
import { asBuffer, WireReader, WireType } from "./wire.js";

/** Whose attribute it is; "body" is a log record's body, which has no key. */
export type AttributeOwner = "resource" | "scope" | "item" | "part" | "nested" | "body";

/** An attribute (or an element of one) as slices of the request. */
export interface AttributeSlice {
  readonly owner: AttributeOwner;
  /** Which attribute of its owner it is, from 0. */
  readonly index: number;
  readonly bytes: Buffer;
  readonly keyStart: number;
  readonly keyEnd: number;
  /** A `ValueKind`. */
  readonly kind: number;
  readonly start: number;
  readonly end: number;
}

/** What to do with a request's parts; what is not given stays as it is. */
export interface RewriteRules {
  /**
   * keep: as it is (arrays and kvlists are looked into). drop: leave it out. A string: the value becomes this text.
   * Elements of arrays and the body cannot be dropped; there "drop" makes them empty.
   */
  readonly attribute?: (attribute: AttributeSlice) => "keep" | "drop" | { readonly text: string };
  /** Whether a span, log record or point stays; `start`..`end` is its message. A `traceState` replaces a span's. */
  readonly item?: (
    bytes: Buffer,
    start: number,
    end: number,
  ) => "keep" | "drop" | { readonly traceState: string };
  /** Whether a metric stays, with all its points. */
  readonly metric?: (bytes: Buffer, start: number, end: number) => "keep" | "drop";
  /** Encoded KeyValues to add to each resource that does not have their key. */
  readonly resourceAttributes?: readonly { readonly key: string; readonly encoded: Buffer }[];
}

/**
 * Changes a request without decoding it: only the messages on the way to a change are written anew, everything else is
 * copied as slices.
 *
 * @returns the same bytes when nothing changed; an empty buffer when no item is left
 * @throws {CollectorError} OTLP_MALFORMED
 */
export function rewriteRequest(signal: OtlpSignal, body: Uint8Array, rules: RewriteRules): Buffer {
  const bytes = asBuffer(body);
  const rewriter = new Rewriter(bytes, rules);
  const parts = rewriter.message(0, bytes.length, REQUEST[signal], "item");
  if (rules.item && rewriter.items > 0 && rewriter.kept === 0) return Buffer.alloc(0);
  return parts === undefined ? bytes : Buffer.concat(parts.buffers, parts.length);
}

/** A message that is left out of its parent. */
const DROPPED = Symbol("dropped");
type Result = Parts | typeof DROPPED | undefined;

class Rewriter {
  items = 0;
  kept = 0;
  readonly #bytes: Buffer;
  readonly #rules: RewriteRules;

  constructor(bytes: Buffer, rules: RewriteRules) {
    this.#bytes = bytes;
    this.#rules = rules;
  }

  /** The new content of a message, or undefined when it stays as it is. */
  message(start: number, end: number, message: Message, owner: AttributeOwner): Parts | undefined {
    const reader = new WireReader(this.#bytes, start);
    let parts: Parts | undefined;
    let copied = start;
    let attributes = 0;
    let hasResource = false;
    while (reader.pos < end) {
      const tagStart = reader.pos;
      const tag = reader.tag(end);
      const child = (tag & 7) === WireType.bytes ? message.fields[tag >>> 3]?.message : undefined;
      if (child === undefined) {
        reader.skip(tag, end);
        continue;
      }
      const stop = reader.stop(end);
      if (child.role === "resource") hasResource = true;
      const result =
        child.role === "keyValue"
          ? this.#keyValue(reader.pos, stop, owner, attributes++)
          : this.#child(reader.pos, stop, child, owner);
      reader.pos = stop;
      if (result === undefined) continue;
      parts ??= new Parts();
      parts.push(this.#bytes.subarray(copied, tagStart));
      if (result !== DROPPED) pushField(parts, tag, result);
      copied = stop;
    }
    reader.finish(end);
    const added = this.#missingResource(message, hasResource);
    if (added) {
      parts ??= new Parts();
      parts.push(this.#bytes.subarray(copied, end));
      parts.push(added);
      return parts;
    }
    parts?.push(this.#bytes.subarray(copied, end));
    return parts;
  }

  #child(start: number, end: number, child: Message, owner: AttributeOwner): Result {
    switch (child.role) {
      case "item":
        return this.#item(start, end, child);
      case "metric":
        if (this.#rules.metric?.(this.#bytes, start, end) === "drop") return DROPPED;
        return this.message(start, end, child, owner);
      case "resource":
        return this.#resource(start, end, child);
      case "scope":
        return this.#rules.attribute ? this.message(start, end, child, "scope") : undefined;
      case "anyValue":
        // The only value outside of an attribute is a log record's body.
        return this.#rules.attribute ? this.#value(start, end, "body", 0, 0, 0) : undefined;
      default:
        return this.message(
          start,
          end,
          child,
          owner === "item" && child.name !== "" ? ownerIn(child) : owner,
        );
    }
  }

  #item(start: number, end: number, child: Message): Result {
    this.items++;
    const verdict = this.#rules.item?.(this.#bytes, start, end) ?? "keep";
    if (verdict === "drop") return DROPPED;
    this.kept++;
    const parts = this.#rules.attribute ? this.message(start, end, child, "item") : undefined;
    if (verdict === "keep") return parts;
    // A later field takes the place of an earlier one, so the old trace state can stay where it is.
    const changed = parts ?? wholeOf(this.#bytes, start, end);
    changed.push(lengthDelimited(3, Buffer.from(verdict.traceState)));
    return changed;
  }

  #resource(start: number, end: number, child: Message): Result {
    const parts = this.#rules.attribute ? this.message(start, end, child, "resource") : undefined;
    const missing = (this.#rules.resourceAttributes ?? []).filter(
      ({ key }) => !this.#hasKey(start, end, key),
    );
    if (missing.length === 0) return parts;
    const changed = parts ?? wholeOf(this.#bytes, start, end);
    for (const { encoded } of missing) changed.push(lengthDelimited(1, encoded));
    return changed;
  }

  /** A Resource for a ResourceSpans, ResourceMetrics or ResourceLogs that has none. */
  #missingResource(message: Message, hasResource: boolean): Buffer | undefined {
    const additions = this.#rules.resourceAttributes ?? [];
    if (hasResource || additions.length === 0 || message.fields[1]?.message?.role !== "resource")
      return undefined;
    return lengthDelimited(1, Buffer.concat(additions.map(({ encoded }) => lengthDelimited(1, encoded))));
  }

  #hasKey(start: number, end: number, key: string): boolean {
    const reader = new WireReader(this.#bytes, start);
    const wanted = Buffer.from(key);
    while (reader.pos < end) {
      const tag = reader.tag(end);
      if (tag !== 10) {
        reader.skip(tag, end);
        continue;
      }
      const stop = reader.stop(end);
      const { keyStart, keyEnd } = findKeyValue(this.#bytes, reader.pos, stop);
      if (wanted.equals(this.#bytes.subarray(keyStart, keyEnd))) return true;
      reader.pos = stop;
    }
    return false;
  }

  #keyValue(start: number, end: number, owner: AttributeOwner, index: number): Result {
    if (!this.#rules.attribute) return undefined;
    const { keyStart, keyEnd, valueStart, valueEnd } = findKeyValue(this.#bytes, start, end);
    const value = this.#value(valueStart, valueEnd, owner, index, keyStart, keyEnd);
    if (value === undefined || value === DROPPED) return value;
    const parts = new Parts();
    parts.push(lengthDelimited(1, this.#bytes.subarray(keyStart, keyEnd)));
    pushField(parts, 18, value);
    return parts;
  }

  /** Rewrites an AnyValue; what is in arrays and kvlists is asked about one by one. */
  #value(
    start: number,
    end: number,
    owner: AttributeOwner,
    index: number,
    keyStart: number,
    keyEnd: number,
  ): Result {
    const value = findValue(this.#bytes, start, end);
    const verdict =
      this.#rules.attribute?.({ owner, index, bytes: this.#bytes, keyStart, keyEnd, ...value }) ?? "keep";
    if (verdict === "drop") return owner === "body" ? new Parts() : DROPPED;
    if (verdict !== "keep") {
      const parts = new Parts();
      parts.push(encodeTextValue(verdict.text));
      return parts;
    }
    if (value.kind !== ValueKind.array && value.kind !== ValueKind.kvlist) return undefined;
    const content = this.#elements(value.start, value.end, value.kind, keyStart, keyEnd);
    if (content === undefined) return undefined;
    const parts = new Parts();
    pushField(parts, (value.kind << 3) | WireType.bytes, content);
    return parts;
  }

  #elements(start: number, end: number, kind: number, keyStart: number, keyEnd: number): Parts | undefined {
    const reader = new WireReader(this.#bytes, start);
    let parts: Parts | undefined;
    let copied = start;
    let index = 0;
    while (reader.pos < end) {
      const tagStart = reader.pos;
      const tag = reader.tag(end);
      if (tag !== 10) {
        reader.skip(tag, end);
        continue;
      }
      const stop = reader.stop(end);
      const result =
        kind === ValueKind.kvlist
          ? this.#keyValue(reader.pos, stop, "nested", index++)
          : this.#value(reader.pos, stop, "nested", index++, keyStart, keyEnd);
      reader.pos = stop;
      if (result === undefined) continue;
      parts ??= new Parts();
      parts.push(this.#bytes.subarray(copied, tagStart));
      if (result !== DROPPED) pushField(parts, tag, result);
      else if (kind === ValueKind.array) pushField(parts, tag, new Parts());
      copied = stop;
    }
    reader.finish(end);
    parts?.push(this.#bytes.subarray(copied, end));
    return parts;
  }
}

/** Events, links and exemplars are parts of an item; the other messages only lead to items. */
function ownerIn(child: Message): AttributeOwner {
  return child.name === "Event" || child.name === "Link" || child.name === "Exemplar" ? "part" : "item";
}
