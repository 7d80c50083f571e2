/**
 * Marks that a series has ended: from here on it is absent, without waiting for the lookback to pass.
 * A symbol, because JavaScript cannot tell one NaN from another. Inside typed arrays and on the wire the
 * marker is the NaN with the bits 0x7ff0000000000002; see {@link isStaleAt} and {@link setStaleAt}.
 */
export const STALE_MARKER: unique symbol = Symbol("tocsin.promql.stale");

const HIGH_BITS = 0x7ff00000;
const LOW_BITS = 0x00000002;
// The half with the sign and exponent comes second on every platform that Node runs on, but asking is cheap.
const HIGH_WORD = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 1 : 0;
const LOW_WORD = 1 - HIGH_WORD;

/** A view of the same memory in which the bits of a NaN survive; cache it where many values are looked at. */
export function bitsOf(values: Float64Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
}

/** Whether `values[index]` is the staleness marker, given `bits = bitsOf(values)`. */
export function isStaleAt(bits: Uint32Array, index: number): boolean {
  return bits[2 * index + HIGH_WORD] === HIGH_BITS && bits[2 * index + LOW_WORD] === LOW_BITS;
}

/** Writes the staleness marker at `index`, given `bits = bitsOf(values)`. */
export function setStaleAt(bits: Uint32Array, index: number): void {
  bits[2 * index + HIGH_WORD] = HIGH_BITS;
  bits[2 * index + LOW_WORD] = LOW_BITS;
}
