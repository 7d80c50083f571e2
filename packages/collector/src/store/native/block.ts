import { ByteColumn } from "./byte-column.js";
import { MapColumn } from "./map-column.js";

const MAP = "Map(String, String)";

interface Entry {
  readonly name: string;
  /** The type in which the bytes are written; the table's own may differ (LowCardinality), the engine converts. */
  readonly type: string;
  readonly pieces: () => readonly Buffer[];
}

/**
 * A block in ClickHouse's Native format: columns one after the other, each with its name and type. Columns fit how OTLP
 * is decoded here, and the engine reads them without looking at single rows. Whoever fills a block adds one value to
 * every column, then calls `endRow`.
 *
 * @see ClickHouse documentation, "Native format".
 */
export class Block {
  readonly #entries: Entry[] = [];
  readonly #clearables: { clear(): void }[] = [];
  #rows = 0;

  get rowCount(): number {
    return this.#rows;
  }

  /** Column names in the order of the block. */
  get names(): string[] {
    return this.#entries.map((entry) => entry.name);
  }

  /** A column of values that stand as they are: numbers, times, Strings. */
  bytes(name: string, type: string): ByteColumn {
    const column = new ByteColumn();
    this.#clearables.push(column);
    this.#entries.push({ name, type, pieces: () => [column.view()] });
    return column;
  }

  /** A column of attributes. */
  map(name: string): MapColumn {
    const column = new MapColumn();
    this.#clearables.push(column);
    this.#entries.push({ name, type: MAP, pieces: () => column.pieces() });
    return column;
  }

  /** Columns that hold any number of values in each row, the same number in all of them. */
  nested(name: string): NestedColumns {
    const ends = new ByteColumn();
    let count = 0;
    this.#clearables.push(ends, {
      clear: () => {
        count = 0;
      },
    });
    const add = <C extends { clear(): void }>(
      key: string,
      type: string,
      column: C,
      pieces: () => Buffer[],
    ): C => {
      this.#clearables.push(column);
      this.#entries.push({
        name: `${name}.${key}`,
        type: `Array(${type})`,
        pieces: () => [ends.view(), ...pieces()],
      });
      return column;
    };
    return {
      bytes(key, type) {
        const column = new ByteColumn();
        return add(key, type, column, () => [column.view()]);
      },
      map(key) {
        const column = new MapColumn();
        return add(key, MAP, column, () => column.pieces());
      },
      endRow(added) {
        count += added;
        ends.u64(count);
      },
    };
  }

  endRow(): void {
    this.#rows += 1;
  }

  /** The rows so far, in pieces that are valid until `clear`. */
  parts(): Buffer[] {
    const head = new ByteColumn(16);
    head.varint(this.#entries.length);
    head.varint(this.#rows);
    const columns = this.#entries.flatMap(({ name, type, pieces }) => {
      const title = new ByteColumn(64);
      title.text(name);
      title.text(type);
      return [title.view(), ...pieces()];
    });
    return [head.view(), ...columns];
  }

  /** The rows so far in memory of their own, which may be moved to another thread. */
  copy(): Uint8Array<ArrayBuffer> {
    const parts = this.parts();
    const bytes = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  clear(): void {
    for (const column of this.#clearables) column.clear();
    this.#rows = 0;
  }
}

export interface NestedColumns {
  bytes(key: string, type: string): ByteColumn;
  map(key: string): MapColumn;
  /** Ends a row to which each column was given `added` values. */
  endRow(added: number): void;
}
