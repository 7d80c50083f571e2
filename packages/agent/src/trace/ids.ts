import { randomFillSync } from "node:crypto";

/** A random trace id of 32 hexadecimal digits, never all zeros. */
export function randomTraceId(): string {
  return take(32);
}

/** A random span id of 16 hexadecimal digits, never all zeros. */
export function randomSpanId(): string {
  return take(16);
}

/**
 * Ids are cut from one long string of digits: a slice points into it and copies nothing, and the operating system is asked
 * for randomness, which takes ten microseconds, and the digits are written, once in some hundred requests.
 */
const bytes = Buffer.allocUnsafeSlow(8192);
let digits = "";
let at = 0;

function take(length: number): string {
  if (at + length > digits.length) {
    digits = randomFillSync(bytes).toString("hex");
    at = 0;
  }
  const id = digits.slice(at, at + length);
  at += length;
  return id.charCodeAt(0) === ZERO && ZEROS.startsWith(id) ? take(length) : id;
}

const ZEROS = "0".repeat(32);
const ZERO = 48;
