import { doubleOf } from "./json-scalars.js";
import { viewOf } from "./wire.js";

/** Messages, arrays and objects inside each other that are read here. */
const MAX_DEPTH = 80;
/** Digits of a whole number that a double holds exactly whatever they are. */
const EXACT_DIGITS = 15;
/** Powers of ten that a double holds exactly. */
const TEN = Array.from({ length: EXACT_DIGITS + 1 }, (_, exponent) => 10 ** exponent);
/** An integer that JSON.parse may round. */
const LONG_INTEGER = /^-?\d{16,}$/;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
/** The bytes that JSON gives a meaning. */
export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const OPEN_ARRAY = 0x5b;
export const CLOSE_ARRAY = 0x5d;
export const OPEN_OBJECT = 0x7b;
export const CLOSE_OBJECT = 0x7d;

/** Ends the reading; thrown for what only JSON.parse can tell right from wrong. */
export const UNUSUAL = new Error("not the usual JSON");

/** What was asked for, where it is there. */
export function usual<T>(value: T | undefined): T {
  if (value === undefined) throw UNUSUAL;
  return value;
}

/**
 * Reads the bytes of a JSON text from the beginning to the end, without making objects of them. Everything it throws is
 * `UNUSUAL`.
 */
export class JsonCursor {
  protected readonly json: Buffer;
  protected readonly view: DataView;
  protected at = 0;
  protected depth = 0;
  /** Halves of what `wholeNumber` read. */
  protected high = 0;
  protected low = 0;

  constructor(json: Buffer) {
    this.json = json;
    this.view = viewOf(json);
  }

  /** Passes over white space; the byte that follows stays to be read. */
  protected next(): number {
    const json = this.json;
    let at = this.at;
    let byte = json[at];
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = json[++at];
    this.at = at;
    return byte;
  }

  protected expect(byte: number): void {
    if (this.next() !== byte) throw UNUSUAL;
    this.at++;
  }

  protected open(byte: number): void {
    this.expect(byte);
    if (++this.depth > MAX_DEPTH) throw UNUSUAL;
  }

  /** Whether an element follows rather than `close`; passes over what stands between. */
  protected more(close: number, isFirst: boolean): boolean {
    const byte = this.next();
    if (byte === close) {
      this.at++;
      return false;
    }
    if (isFirst) return true;
    if (byte !== COMMA) throw UNUSUAL;
    this.at++;
    this.next();
    return true;
  }

  /** Passes over a name without escapes. */
  protected name(): void {
    const json = this.json;
    if (json[this.at] !== QUOTE) throw UNUSUAL;
    let at = this.at + 1;
    for (const last = json.length - 4; at <= last && !mayEndText(this.view.getInt32(at)); ) at += 4;
    for (let byte = json[at]; byte !== QUOTE; byte = json[++at]) {
      if (!(byte >= 0x20) || byte === BACKSLASH) throw UNUSUAL;
    }
    this.at = at + 1;
  }

  /** Passes over the colon behind a name; the first byte of the value, which stays to be read. */
  protected valueOfName(): number {
    this.expect(COLON);
    return this.next();
  }

  protected literal(literal: Buffer): void {
    for (const byte of literal) if (this.json[this.at++] !== byte) throw UNUSUAL;
  }

  /** Reads a text or a number as JSON.parse does; integers that a number cannot hold stay text. */
  protected token(): unknown {
    const json = this.json;
    const start = this.at;
    let at = start;
    if (json[at] === QUOTE) {
      for (at++; json[at] !== QUOTE; at++) {
        if (at >= json.length) throw UNUSUAL;
        if (json[at] === BACKSLASH) at++;
      }
      at++;
    } else while (at < json.length && !endsNumber(json[at])) at++;
    this.at = at;
    const text = json.toString("utf8", start, at);
    if (LONG_INTEGER.test(text)) return text;
    try {
      return JSON.parse(text);
    } catch {
      throw UNUSUAL;
    }
  }

  /** Passes over the value of a name that no field has. */
  protected skip(): void {
    switch (this.next()) {
      case OPEN_OBJECT:
        this.open(OPEN_OBJECT);
        for (let isFirst = true; this.more(CLOSE_OBJECT, isFirst); isFirst = false) {
          this.name();
          this.valueOfName();
          this.skip();
        }
        this.depth--;
        break;
      case OPEN_ARRAY:
        this.open(OPEN_ARRAY);
        for (let isFirst = true; this.more(CLOSE_ARRAY, isFirst); isFirst = false) this.skip();
        this.depth--;
        break;
      default:
        this.token();
    }
  }

  /**
   * Reads a whole number of up to 19 digits, quoted or not, into `high` and `low`. False, having moved nothing, for
   * any other value.
   */
  protected wholeNumber(): boolean {
    const json = this.json;
    let at = this.at;
    const isQuoted = json[at] === QUOTE;
    if (isQuoted) at++;
    const start = at;
    let first = 0;
    let second = 0;
    let digit = json[at] - ZERO;
    for (; digit >= 0 && digit <= 9 && at - start < 10; digit = json[++at] - ZERO) first = first * 10 + digit;
    const middle = at;
    for (; digit >= 0 && digit <= 9; digit = json[++at] - ZERO) second = second * 10 + digit;
    const count = at - start;
    if (count === 0 || count > 19) return false;
    if (isQuoted) {
      if (json[at++] !== QUOTE) return false;
    } else if ((json[start] === ZERO && count > 1) || !endsNumber(json[at])) return false;
    // first · 10^n + second in steps that a double holds exactly: 16 bits of `first` are kept apart.
    const scale = TEN[at - middle - (isQuoted ? 1 : 0)];
    const upper = Math.floor(first / 0x1_0000) * scale;
    const lower = (upper % 0x1_0000) * 0x1_0000 + (first % 0x1_0000) * scale + second;
    this.high = Math.floor(upper / 0x1_0000) + Math.floor(lower / 0x1_0000_0000);
    this.low = lower >>> 0;
    this.at = at;
    return true;
  }

  /**
   * Reads a number. One of up to 15 digits without an exponent is a whole number divided by a power of ten, both
   * exact, so that the quotient is the nearest double, as JSON.parse would give it.
   */
  protected decimal(): number {
    const json = this.json;
    let at = this.at;
    const isNegative = json[at] === MINUS;
    if (isNegative) at++;
    const start = at;
    let whole = 0;
    let point = 0;
    for (let byte = json[at]; at - start <= EXACT_DIGITS + 1; byte = json[++at]) {
      if (byte === POINT && point === 0) point = at;
      else if (byte >= ZERO && byte <= NINE) whole = whole * 10 + byte - ZERO;
      else break;
    }
    const isPlain = json[start] !== ZERO || at === start + 1 || point === start + 1;
    const digits = at - start - (point > 0 ? 1 : 0);
    const hasDigits = digits > 0 && point !== start && point !== at - 1;
    if (isPlain && hasDigits && digits <= EXACT_DIGITS && endsNumber(json[at])) {
      this.at = at;
      const value = point > 0 ? whole / TEN[at - point - 1] : whole;
      return isNegative ? -value : value;
    }
    return usual(doubleOf(this.token()));
  }
}

/** Whether a number or a literal ends before this byte. */
function endsNumber(byte: number): boolean {
  return byte === COMMA || byte === CLOSE_OBJECT || byte === CLOSE_ARRAY || byte <= 0x20;
}

/**
 * Whether one of four bytes is a quote, a backslash or a control character: subtracting borrows from the top bit of a byte
 * that is too small, and `x ^ quote` is that small only where the byte is the quote.
 */
export function mayEndText(word: number): boolean {
  const quote = word ^ 0x22222222;
  const backslash = word ^ 0x5c5c5c5c;
  const found =
    ((quote - 0x01010101) & ~quote) | ((backslash - 0x01010101) & ~backslash) | ((word - 0x20202020) & ~word);
  return (found & 0x80808080) !== 0;
}
