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

/**
 * Columns of one length, cut from one piece of memory: one allocation where twenty would cost as much as reading many
 * rows. Cut the widest elements first, so that each column begins where its elements may.
 */
export class ColumnBlock {
  readonly #memory: ArrayBuffer;
  readonly #length: number;
  #offset = 0;

  /** @param rowBytes bytes of one row in all columns that will be cut */
  constructor(length: number, rowBytes: number) {
    this.#memory = new ArrayBuffer(length * rowBytes);
    this.#length = length;
  }

  /** The next column; it begins with what is in `old`. */
  float64(old: Float64Array): Float64Array {
    const column = new Float64Array(this.#memory, this.#take(8), this.#length);
    column.set(old);
    return column;
  }

  uint32(old: Uint32Array): Uint32Array {
    const column = new Uint32Array(this.#memory, this.#take(4), this.#length);
    column.set(old);
    return column;
  }

  int16(old: Int16Array): Int16Array {
    const column = new Int16Array(this.#memory, this.#take(2), this.#length);
    column.set(old);
    return column;
  }

  uint8(old: Uint8Array): Uint8Array {
    const column = new Uint8Array(this.#memory, this.#take(1), this.#length);
    column.set(old);
    return column;
  }

  #take(elementBytes: number): number {
    const offset = this.#offset;
    this.#offset += elementBytes * this.#length;
    return offset;
  }
}
