import type { Sql, SqlOptions } from "./sql.js";

/**
 * One engine, or several that know nothing of each other. Each batch goes to one of them, told by its token, so that a
 * repeat meets its first try; every read asks all of them.
 */
export class Shards {
  readonly all: readonly Sql[];
  /** Whether a cluster keeps several copies of each table. */
  readonly isReplicated: boolean;

  constructor(all: readonly Sql[], isReplicated = false) {
    this.all = all;
    this.isReplicated = isReplicated;
  }

  forToken(token: string): Sql {
    let hash = 0x811c9dc5;
    for (let at = 0; at < token.length; at++) hash = Math.imul(hash ^ token.charCodeAt(at), 0x01000193);
    const shard = this.all[(hash >>> 0) % this.all.length];
    if (shard === undefined) throw new RangeError("There is no shard.");
    return shard;
  }

  /** The rows of every shard, one shard after the other; whoever needs an order or a limit applies it again. */
  async query<Row>(sql: string, options?: SqlOptions): Promise<Row[]> {
    const answers = await Promise.all(this.all.map((shard) => shard.query<Row>(sql, options)));
    return answers.flat();
  }

  /** The same as RowBinary, one buffer for each shard. */
  queryBinary(sql: string, options?: SqlOptions): Promise<Buffer[]> {
    return Promise.all(this.all.map((shard) => shard.queryBinary(sql, options)));
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map((shard) => shard.close()));
  }
}
