import { Placement } from "./placement.js";
import type { Sql, SqlOptions } from "./sql.js";

/**
 * One engine, or several that know nothing of each other. Every read asks all of them, and fails when one of them does:
 * half an answer looks like a whole one. A span goes where its trace id says, so that a trace lies whole on one of them;
 * everything else where its batch's token says, so that a repeat meets its first try.
 */
export class Shards {
  readonly all: readonly Sql[];
  /** Whether a cluster keeps several copies of each table. */
  readonly isReplicated: boolean;
  readonly #placement: Placement;

  constructor(all: readonly Sql[], isReplicated = false) {
    this.all = all;
    this.isReplicated = isReplicated;
    this.#placement = new Placement(all.length);
  }

  forToken(token: string): Sql {
    return this.at(this.#placement.ofToken(token));
  }

  at(number: number): Sql {
    const shard = this.all[number];
    if (shard === undefined) throw new RangeError("There is no such shard.");
    return shard;
  }

  /** The rows of every shard, one shard after the other; whoever needs an order or a limit applies it again. */
  async query<Row>(sql: string, options?: SqlOptions): Promise<Row[]> {
    return (await this.queryEach<Row>(sql, options)).flat();
  }

  /** The same, a list for each shard. */
  queryEach<Row>(sql: string, options?: SqlOptions): Promise<Row[][]> {
    return Promise.all(this.all.map((shard) => shard.query<Row>(sql, options)));
  }

  /** The same as RowBinary, one buffer for each shard. */
  queryBinary(sql: string, options?: SqlOptions): Promise<Buffer[]> {
    return Promise.all(this.all.map((shard) => shard.queryBinary(sql, options)));
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map((shard) => shard.close()));
  }
}
