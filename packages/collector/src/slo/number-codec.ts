import type { PutNumber } from "./window-ring.js";

/**
 * Whole numbers as bytes: zigzag varints, with runs of zeros written as a zero and their length. The rings of idle
 * services shrink to a few dozen bytes.
 */
export function encodeNumbers(write: (put: PutNumber) => void): Uint8Array {
  let bytes = new Uint8Array(4_096);
  let length = 0;
  let zeros = 0;
  const put = (value: number) => {
    if (length + 9 > bytes.length) {
      const larger = new Uint8Array(bytes.length * 2);
      larger.set(bytes);
      bytes = larger;
    }
    let rest = value;
    // Bit operations would cut numbers at 32 bits; counts go up to 2^53.
    while (rest >= 128) {
      bytes[length++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    bytes[length++] = rest;
  };
  const endRun = () => {
    if (zeros === 0) return;
    put(0);
    put(zeros);
    zeros = 0;
  };
  write((number, times = 1) => {
    if (number === 0) {
      zeros += times;
      return;
    }
    endRun();
    for (let left = times; left > 0; left--) put(number > 0 ? 2 * number - 1 : -2 * number);
  });
  endRun();
  return bytes.slice(0, length);
}

/** Reads what `encodeNumbers` wrote, one number per call; zeros once the bytes are used up. */
export function decodeNumbers(bytes: Uint8Array): () => number {
  let position = 0;
  let zeros = 0;
  const take = (): number => {
    let value = 0;
    let scale = 1;
    while (position < bytes.length) {
      const byte = bytes[position++] ?? 0;
      value += (byte % 128) * scale;
      if (byte < 128) break;
      scale *= 128;
    }
    return value;
  };
  return () => {
    if (zeros > 0) {
      zeros--;
      return 0;
    }
    if (position >= bytes.length) return 0;
    const value = take();
    if (value !== 0) return value % 2 === 1 ? (value + 1) / 2 : -value / 2;
    zeros = take() - 1;
    return 0;
  };
}
