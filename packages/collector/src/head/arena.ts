const SLAB_BITS = 18;
const SLAB_BYTES = 1 << SLAB_BITS;

interface Slab {
  readonly bytes: Uint8Array;
  /** Pieces that were placed here and not freed yet; at 0 the slab is dropped. */
  live: number;
}

/**
 * Many small byte strings in few large buffers: a typed array each would cost more than the samples in it.
 *
 * A piece is named by a number. Pieces placed together die together (retention), so a slab is given back as soon
 * as its last piece is freed; nothing is moved.
 */
export class ByteArena {
  #slabs: (Slab | undefined)[] = [];
  #free: number[] = [];
  #current = -1;
  #used = SLAB_BYTES;
  #large = 0;

  /** Bytes held from the system. */
  get sizeBytes(): number {
    return (this.#slabs.length - this.#free.length) * SLAB_BYTES + this.#large;
  }

  /** Copies the first `length` bytes in; returns the name of the piece. */
  place(bytes: Uint8Array, length: number): number {
    if (length > SLAB_BYTES >> 2) return this.#placeAlone(bytes, length);
    if (this.#used + length > SLAB_BYTES) this.#open();
    const slab = this.#slabs[this.#current] as Slab;
    const at = this.#used;
    slab.bytes.set(length === bytes.length ? bytes : bytes.subarray(0, length), at);
    slab.live++;
    this.#used += length;
    return this.#current * SLAB_BYTES + at;
  }

  /** The buffer that holds a piece; it starts at `offsetOf(piece)`. */
  bytesOf(piece: number): Uint8Array {
    return (this.#slabs[Math.floor(piece / SLAB_BYTES)] as Slab).bytes;
  }

  offsetOf(piece: number): number {
    return piece % SLAB_BYTES;
  }

  /** Gives a piece back. Its name must not be used again. */
  free(piece: number): void {
    const index = Math.floor(piece / SLAB_BYTES);
    const slab = this.#slabs[index] as Slab;
    slab.live--;
    if (slab.live > 0 || index === this.#current) return;
    if (slab.bytes.length !== SLAB_BYTES) this.#large -= slab.bytes.length - SLAB_BYTES;
    this.#slabs[index] = undefined;
    this.#free.push(index);
  }

  #open(): void {
    const closed = this.#slabs[this.#current];
    if (closed?.live === 0) {
      this.#used = 0;
      return;
    }
    this.#current = this.#take({ bytes: new Uint8Array(SLAB_BYTES), live: 0 });
    this.#used = 0;
  }

  #placeAlone(bytes: Uint8Array, length: number): number {
    const index = this.#take({ bytes: bytes.slice(0, length), live: 1 });
    this.#large += length - SLAB_BYTES;
    return index * SLAB_BYTES;
  }

  #take(slab: Slab): number {
    const index = this.#free.pop() ?? this.#slabs.length;
    this.#slabs[index] = slab;
    return index;
  }
}
