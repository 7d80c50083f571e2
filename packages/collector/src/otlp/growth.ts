/** Copies of typed arrays with more room; the new part is zero. */
export function grownUint32(old: Uint32Array, capacity: number): Uint32Array {
  const grown = new Uint32Array(capacity);
  grown.set(old);
  return grown;
}

export function grownInt32(old: Int32Array, capacity: number): Int32Array {
  const grown = new Int32Array(capacity);
  grown.set(old);
  return grown;
}

export function grownInt16(old: Int16Array, capacity: number): Int16Array {
  const grown = new Int16Array(capacity);
  grown.set(old);
  return grown;
}

export function grownUint8(old: Uint8Array, capacity: number): Uint8Array {
  const grown = new Uint8Array(capacity);
  grown.set(old);
  return grown;
}

export function grownFloat64(old: Float64Array, capacity: number): Float64Array {
  const grown = new Float64Array(capacity);
  grown.set(old);
  return grown;
}
