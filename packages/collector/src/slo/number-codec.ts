/**
 * Whole numbers as bytes: zigzag varints, with runs of zeros written as a zero and their length. The rings of idle
 * services shrink to a few dozen bytes. One writer serves many texts, one after the other, with the same memory.
 */
export class NumberWriter {
  #bytes = new Uint8Array(16_384);
  #length = 0;
  #zeros = 0;

  put(number: number): void {
    if (number === 0) {
      this.#zeros++;
      return;
    }
    if (this.#zeros > 0) this.#endRun();
    this.#varint(number > 0 ? 2 * number - 1 : -2 * number);
  }

  zeros(times: number): void {
    this.#zeros += times;
  }

  /** What was put since the last call. */
  take(): Uint8Array {
    if (this.#zeros > 0) this.#endRun();
    const taken = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return taken;
  }

  #endRun(): void {
    const zeros = this.#zeros;
    this.#zeros = 0;
    this.#varint(0);
    this.#varint(zeros);
  }

  #varint(value: number): void {
    if (this.#length + 9 > this.#bytes.length) {
      const larger = new Uint8Array(this.#bytes.length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    const bytes = this.#bytes;
    let length = this.#length;
    let rest = value;
    // Bit operations would cut numbers at 32 bits; counts go up to 2^53.
    while (rest >= 0x80000000) {
      bytes[length++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    while (rest >= 128) {
      bytes[length++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    bytes[length++] = rest;
    this.#length = length;
  }
}

/** Reads what a `NumberWriter` wrote, one number per call; zeros once the bytes are used up. */
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
