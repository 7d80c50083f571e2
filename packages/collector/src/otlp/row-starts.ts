import { grownUint32 } from "./growth.js";

/** Where the children of each row begin, while rows with their children are read one after the other. */
export class RowStarts {
  #rows = 0;
  #first: Uint32Array = new Uint32Array(16);

  /** Ends a row. @param children that were read so far, of all rows */
  endRow(children: number): void {
    this.#rows++;
    if (this.#rows >= this.#first.length) this.#first = grownUint32(this.#first, this.#rows * 2 + 1);
    this.#first[this.#rows] = children;
  }

  /** Forgets all but the first `rows`. @returns how many children those have */
  cut(rows: number): number {
    this.#rows = rows;
    return this.#first[rows];
  }

  /** The index of each row's first child, and behind the last row of the one that would follow. */
  get first(): Uint32Array {
    return this.#first;
  }
}
