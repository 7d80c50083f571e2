import type { Labels } from "@tocsin/model";

const OFFSET_HIGH = 0xcbf29ce4;
const OFFSET_LOW = 0x84222325;
/** The FNV-1a prime is 2^40 + 0x1b3; the first part is a shift by 8 into the high word. */
const PRIME_LOW = 0x1b3;
const SEPARATOR = 0xff;
const encoder = new TextEncoder();

/**
 * The fingerprint of a label set: 64-bit FNV-1a over the sorted names and values, each ended by the byte 0xff,
 * as 16 hexadecimal digits. The same number that Prometheus and Alertmanager show for these labels.
 */
export function fingerprint(labels: Labels): string {
  let high = OFFSET_HIGH;
  let low = OFFSET_LOW;
  const add = (byte: number): void => {
    const mixed = (low ^ byte) >>> 0;
    const product = mixed * PRIME_LOW;
    high = (Math.imul(high, PRIME_LOW) + Math.floor(product / 0x1_0000_0000) + (mixed << 8)) >>> 0;
    low = product >>> 0;
  };
  const addText = (text: string): void => {
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      if (code > 0x7f) {
        for (const byte of encoder.encode(text.slice(index))) add(byte);
        break;
      }
      add(code);
    }
    add(SEPARATOR);
  };
  for (const name of Object.keys(labels).sort(byCodePoint)) {
    addText(name);
    addText(labels[name] ?? "");
  }
  return high.toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0");
}

/** Prometheus sorts label names by their UTF-8 bytes, which is the order of code points, not of UTF-16 units. */
function byCodePoint(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left === right) continue;
    return (a.codePointAt(index) ?? 0) - (b.codePointAt(index) ?? 0);
  }
  return a.length - b.length;
}
