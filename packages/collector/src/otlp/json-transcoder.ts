import { isUtf8 } from "node:buffer";
import { type FieldNames, namesOf } from "./field-names.js";
import { ForwardWriter } from "./forward-writer.js";
import {
  BACKSLASH,
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  JsonCursor,
  mayEndText,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
  UNUSUAL,
  usual,
} from "./json-cursor.js";
import { base64Of, enumOf, integerOf } from "./json-scalars.js";
import type { Field, Message } from "./schema.js";
import { isSame } from "./wanted-keys.js";
import { WireType } from "./wire.js";

/** More than a tag with a number or a length takes. */
const SLACK_BYTES = 64;
/** Upper half of the first integer that a double does not hold exactly. */
const SAFE_HIGH = 2 ** 21;
const NULL = Buffer.from("null");
const TRUE = Buffer.from("true");
const FALSE = Buffer.from("false");

/** Values of hex digits by their character; 255 for others. */
const HEX = new Uint8Array(256).fill(255);
for (const digit of "0123456789abcdefABCDEF") HEX[digit.charCodeAt(0)] = Number.parseInt(digit, 16);

/**
 * The protobuf bytes of an OTLP/JSON request, in one pass over its bytes, without an object for each value.
 *
 * @returns undefined for a request that is not valid or is written in an unusual way (a key twice or with escapes, text
 * that is not UTF-8, deep nesting): `otlpJsonToProtobuf` then reads it with JSON.parse, and can name what is wrong.
 */
export function transcodeJson(message: Message, json: Buffer): Buffer | undefined {
  if (!isUtf8(json)) return undefined;
  try {
    return new Transcoder(json).request(message);
  } catch (error) {
    if (error === UNUSUAL) return undefined;
    throw error;
  }
}

class Transcoder extends JsonCursor {
  readonly #writer: ForwardWriter;

  constructor(json: Buffer) {
    super(json);
    this.#writer = new ForwardWriter(json.length + SLACK_BYTES);
  }

  request(message: Message): Buffer {
    this.#message(message);
    this.next();
    if (this.at !== this.json.length) throw UNUSUAL;
    return this.#writer.finish();
  }

  #message(message: Message): void {
    const names = namesOf(message);
    this.open(OPEN_OBJECT);
    let seen = 0;
    let id = -1;
    for (let isFirst = true; this.more(CLOSE_OBJECT, isFirst); isFirst = false) {
      id = this.#fieldName(names, id);
      const byte = this.valueOfName();
      if (id < 0) this.skip();
      else if (byte === NULL[0]) this.literal(NULL);
      else {
        const field = names.fields[id];
        // Field numbers end at 16. Of a key that comes twice the last one counts, and the first is already written.
        const bit = 1 << field.number;
        if ((seen & bit) !== 0) throw UNUSUAL;
        seen |= bit;
        if (field.repeated) this.#list(field);
        else this.#single(field);
      }
    }
    this.depth--;
  }

  /**
   * Passes over a name; the index of its field, or -1. Senders write the same fields again and again, so the one that
   * came last time behind field `previous` is looked for first.
   */
  #fieldName(names: FieldNames, previous: number): number {
    const start = this.at + 1;
    const guess = names.following[previous + 1];
    if (guess >= 0) {
      const quoted = names.quoted[guess];
      const end = start + quoted.byteLength;
      if (this.json[start - 1] === QUOTE && end <= this.json.length && isSame(quoted, this.view, start)) {
        this.at = end;
        return guess;
      }
    }
    this.name();
    const id = names.finder.find(this.view, start, this.at - 1);
    names.following[previous + 1] = id;
    return id;
  }

  #list(field: Field): void {
    this.open(OPEN_ARRAY);
    const isPacked = field.type !== "message";
    const { length } = this.json;
    let start = 0;
    for (let isFirst = true; this.more(CLOSE_ARRAY, isFirst); isFirst = false) {
      if (!isPacked) this.#single(field);
      else {
        this.#writer.reserve(length - this.at + SLACK_BYTES);
        if (isFirst) start = this.#writer.begin(field.number);
        this.#scalar(field);
      }
    }
    if (start > 0) this.#writer.close(start);
    this.depth--;
  }

  /** Writes a field that is not repeated, or one element of one that is. */
  #single(field: Field): void {
    const writer = this.#writer;
    // No text takes more bytes than it has here; only numbers may, and the lengths of messages.
    writer.reserve(this.json.length - this.at + SLACK_BYTES);
    const wireType = wireTypeOf(field);
    if (wireType !== WireType.bytes) {
      writer.tag(field.number, wireType);
      this.#scalar(field);
      return;
    }
    const start = writer.begin(field.number);
    if (field.message === undefined) this.#bytes(field);
    // A null in a list stands for an empty message.
    else if (this.json[this.at] === NULL[0]) this.literal(NULL);
    else this.#message(field.message);
    writer.close(start);
  }

  #bytes({ type }: Field): void {
    if (type === "string") this.#text();
    else if (type === "hex") this.#hex();
    else this.#writer.copy(usual(base64Of(this.token())));
  }

  /** Writes a number or a bool without its tag. */
  #scalar(field: Field): void {
    const writer = this.#writer;
    switch (field.type) {
      case "bool":
        this.#bool();
        break;
      case "double":
        writer.double(this.decimal());
        break;
      case "fixed64":
      case "sfixed64":
        if (this.wholeNumber()) writer.fixed64(this.high, this.low);
        else {
          const value = BigInt.asUintN(64, usual(integerOf(this.token(), 64)));
          writer.fixed64(Number(value >> 32n), Number(value & 0xffff_ffffn));
        }
        break;
      case "fixed32":
        writer.fixed32(this.#integer32() >>> 0);
        break;
      case "sint32": {
        const value = this.#integer32();
        writer.varint(((value << 1) ^ (value >> 31)) >>> 0);
        break;
      }
      case "enum":
        if (!this.wholeNumber()) writer.varint64(usual(enumOf(this.token(), field)));
        else if (this.high === 0) writer.varint(this.low);
        else throw UNUSUAL;
        break;
      case "int64":
      case "uint64":
        if (!this.wholeNumber()) writer.varint64(usual(integerOf(this.token(), 64)));
        else if (this.high < SAFE_HIGH) writer.varint(this.high * 0x1_0000_0000 + this.low);
        else writer.varint64((BigInt(this.high) << 32n) | BigInt(this.low));
        break;
      case "int32":
      case "uint32": {
        const value = this.#integer32();
        if (value >= 0) writer.varint(value);
        else writer.varint64(BigInt(value));
        break;
      }
      default:
        throw UNUSUAL;
    }
  }

  #bool(): void {
    const isTrue = this.json[this.at] === TRUE[0];
    this.literal(isTrue ? TRUE : FALSE);
    this.#writer.varint(isTrue ? 1 : 0);
  }

  #integer32(): number {
    if (!this.wholeNumber()) return Number(usual(integerOf(this.token(), 32)));
    if (this.high !== 0) throw UNUSUAL;
    return this.low;
  }

  /** Writes a text without its length. */
  #text(): void {
    const json = this.json;
    const from = this.view;
    const { bytes, view } = this.#writer;
    const start = this.at;
    if (json[start] !== QUOTE) throw UNUSUAL;
    let at = start + 1;
    let { pos } = this.#writer;
    for (const last = json.length - 4; at <= last; at += 4) {
      const word = from.getInt32(at);
      if (mayEndText(word)) break;
      view.setInt32(pos, word);
      pos += 4;
    }
    for (let byte = json[at]; byte !== QUOTE; byte = json[++at]) {
      if (byte === BACKSLASH) {
        const text = String(this.token());
        this.#writer.pos += bytes.write(text, this.#writer.pos);
        return;
      }
      // False for a read past the end, too.
      if (!(byte >= 0x20)) throw UNUSUAL;
      bytes[pos++] = byte;
    }
    this.#writer.pos = pos;
    this.at = at + 1;
  }

  /** Writes the bytes of an id. */
  #hex(): void {
    const json = this.json;
    const { bytes } = this.#writer;
    if (json[this.at] !== QUOTE) throw UNUSUAL;
    let at = this.at + 1;
    let { pos } = this.#writer;
    for (; json[at] !== QUOTE; at += 2) {
      const high = HEX[json[at]];
      const low = HEX[json[at + 1]];
      // False for a read past the end, too.
      if (!(high < 16 && low < 16)) throw UNUSUAL;
      bytes[pos++] = (high << 4) | low;
    }
    this.#writer.pos = pos;
    this.at = at + 1;
  }
}

function wireTypeOf({ type }: Field): number {
  switch (type) {
    case "message":
    case "string":
    case "bytes":
    case "hex":
      return WireType.bytes;
    case "double":
    case "fixed64":
    case "sfixed64":
      return WireType.fixed64;
    case "fixed32":
      return WireType.fixed32;
    default:
      return WireType.varint;
  }
}
