import { messageOf } from "@tocsin/model";
import { CollectorError } from "../errors.js";
import { MAX_VALUE_DEPTH } from "./accessors.js";
import { BackwardWriter } from "./backward-writer.js";
import type { OtlpSignal } from "./columns.js";
import { base64Of, doubleOf, enumOf, hexOf, integerOf } from "./json-scalars.js";
import { transcodeJson } from "./json-transcoder.js";
import { type Field, type Message, REQUEST } from "./schema.js";
import { asBuffer, WireType } from "./wire.js";

/** Deepest nesting of messages: the fixed levels of a request plus a value's own. */
const MAX_DEPTH = 16 + 2 * MAX_VALUE_DEPTH;

/**
 * Turns an OTLP/JSON request into the protobuf bytes that mean the same.
 *
 * Follows the specification's mapping (hex ids, 64-bit integers as strings or numbers, enums as numbers, base64
 * bytes, unknown fields ignored) and tolerates what senders do: snake_case names, enum names, doubles as text.
 *
 * @throws {CollectorError} OTLP_MALFORMED naming the path of the value that is not what its field holds,
 * OTLP_TOO_DEEP
 */
export function otlpJsonToProtobuf(signal: OtlpSignal, body: Uint8Array | string): Buffer {
  const bytes = typeof body === "string" ? Buffer.from(body) : asBuffer(body);
  return transcodeJson(REQUEST[signal], bytes) ?? protobufOfText(signal, bytes.toString());
}

/**
 * The same by way of JSON.parse, a third as fast: for requests that the single pass leaves alone, and for saying what is
 * wrong with one. Both give the same bytes.
 *
 * @throws {CollectorError} OTLP_MALFORMED, OTLP_TOO_DEEP
 */
export function protobufOfText(signal: OtlpSignal, text: string): Buffer {
  let root: unknown;
  try {
    root = JSON.parse(withExactIntegers(text));
  } catch (cause) {
    throw new CollectorError("OTLP_MALFORMED", `The request is not JSON: ${messageOf(cause)}.`, { cause });
  }
  return encodeRequest(signal, root, text.length >>> 1);
}

/**
 * The protobuf bytes of a request given as an object in OTLP/JSON's form, such as a receiver of another format builds.
 *
 * @param sizeHint expected size in bytes
 * @throws {CollectorError} OTLP_MALFORMED, OTLP_TOO_DEEP
 */
export function encodeRequest(signal: OtlpSignal, request: unknown, sizeHint = 4_096): Buffer {
  const encoder = new JsonEncoder(Math.max(1_024, sizeHint));
  encoder.message(request, REQUEST[signal]);
  return encoder.writer.finish();
}

/**
 * The text with integers of 16 digits and more in quotes: JSON.parse would round them, and nanoseconds since 1970 have
 * 19 digits. Most senders follow the specification and write strings; for them this is one look.
 */
function withExactIntegers(text: string): string {
  if (!/[:[,]\s*-?\d{16}/.test(text)) return text;
  return text.replace(/"[^"\\]*(?:\\.[^"\\]*)*"|(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g, (match) =>
    match.startsWith('"') ? match : `"${match}"`,
  );
}

/** Texts of integers that a number holds exactly. */
const SMALL_INTEGER = /^\d{1,15}$/;

class JsonEncoder {
  readonly writer: BackwardWriter;
  /** Names and indices from the root to the value in hand, for messages. */
  readonly #path: (string | number)[] = [];

  constructor(capacity: number) {
    this.writer = new BackwardWriter(capacity);
  }

  /** Writes the fields of an object, last one first. */
  message(value: unknown, message: Message): void {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw this.#wrong(`an object (${message.name})`, value);
    }
    if (this.#path.length > MAX_DEPTH * 2) {
      throw new CollectorError(
        "OTLP_TOO_DEEP",
        `The request nests values more than ${MAX_VALUE_DEPTH} deep. Flatten them into attributes.`,
      );
    }
    const entries = Object.entries(value);
    for (let index = entries.length - 1; index >= 0; index--) {
      const [name, content] = entries[index];
      const field = message.byName.get(name);
      if (field === undefined || content === null || content === undefined) continue;
      this.#path.push(name);
      if (field.repeated) this.#list(content, field);
      else this.#single(content, field);
      this.#path.pop();
    }
  }

  #list(content: unknown, field: Field): void {
    if (!Array.isArray(content)) throw this.#wrong("an array", content);
    const isPacked = field.type !== "message" && field.type !== "string";
    const before = this.writer.length;
    for (let index = content.length - 1; index >= 0; index--) {
      this.#path.push(index);
      if (isPacked) this.#scalar(content[index], field);
      else this.#single(content[index], field);
      this.#path.pop();
    }
    if (isPacked && content.length > 0) this.#close(before, field);
  }

  #single(content: unknown, field: Field): void {
    const before = this.writer.length;
    if (field.type === "message" && field.message) {
      // A null in a list stands for an empty message.
      if (content !== null) this.message(content, field.message);
      this.#close(before, field);
      return;
    }
    const wireType = this.#scalar(content, field);
    if (wireType === WireType.bytes) this.#close(before, field);
    else this.writer.tag(field.number, wireType);
  }

  /** Writes the length of what was written since `before`, and the tag. */
  #close(before: number, field: Field): void {
    this.writer.varint(this.writer.length - before);
    this.writer.tag(field.number, WireType.bytes);
  }

  /** Writes a value without its tag; returns its wire type. */
  #scalar(content: unknown, field: Field): number {
    const { writer } = this;
    switch (field.type) {
      case "string":
        if (typeof content !== "string") throw this.#wrong("a string", content);
        writer.text(content);
        return WireType.bytes;
      case "bytes":
        writer.bytes(this.#needed(base64Of(content), "bytes in base64", content));
        return WireType.bytes;
      case "hex":
        writer.bytes(this.#needed(hexOf(content), "an id in hex", content));
        return WireType.bytes;
      case "bool":
        if (typeof content !== "boolean") throw this.#wrong("true or false", content);
        writer.varint(content ? 1 : 0);
        return WireType.varint;
      case "double":
        writer.double(this.#needed(doubleOf(content), "a number", content));
        return WireType.fixed64;
      case "fixed64":
      case "sfixed64":
        writer.fixed64(this.#integer(content, 64));
        return WireType.fixed64;
      case "fixed32":
        writer.fixed32(Number(BigInt.asUintN(32, this.#integer(content, 32))));
        return WireType.fixed32;
      case "int64":
      case "uint64":
        if (typeof content === "string" && SMALL_INTEGER.test(content)) writer.varint(Number(content));
        else writer.varint64(this.#integer(content, 64));
        return WireType.varint;
      case "int32":
      case "uint32":
        writer.varint64(this.#integer(content, 32));
        return WireType.varint;
      case "sint32": {
        const value = Number(this.#integer(content, 32));
        writer.varint(((value << 1) ^ (value >> 31)) >>> 0);
        return WireType.varint;
      }
      case "enum":
        writer.varint64(this.#needed(enumOf(content, field), "a 32-bit integer", content));
        return WireType.varint;
      case "message":
        throw this.#wrong("a value", content);
    }
  }

  #integer(content: unknown, bits: 32 | 64): bigint {
    return this.#needed(integerOf(content, bits), `a ${bits}-bit integer`, content);
  }

  #needed<T>(value: T | undefined, expected: string, content: unknown): T {
    if (value === undefined) throw this.#wrong(expected, content);
    return value;
  }

  #wrong(expected: string, seen: unknown): CollectorError {
    const path = this.#path.map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`)).join("");
    const text = JSON.stringify(seen) ?? String(seen);
    const shown = text.length > 40 ? `${text.slice(0, 40)}…` : text;
    return new CollectorError(
      "OTLP_MALFORMED",
      `${path.slice(1) || "The request"}: expected ${expected}, seen ${shown}.`,
    );
  }
}
